import logging
from typing import Any

import pytest

from polygym.config.instances import DOMAINS
from polygym.config.yaml_writer import to_yaml
from tests.config.project import POLICY, Project


@pytest.fixture
def weather(project: Project) -> Project:
    """An implementation of a resources server."""
    project.implementation("resources_servers", "weather")
    return project


def write(project: Project, fields: Any, path: str = "config.yaml") -> None:
    project.write(path, to_yaml({"mine": {"resources_servers": {"weather": fields}}}))


def test_a_server_is_read(weather: Project) -> None:
    fields = {"entrypoint": "app.py:Weather", "domain": "agent", "host": "0.0.0.0", "port": 9000, "units": ["C", "F"]}
    write(weather, fields)

    config = weather.load("config.yaml")
    server = config.instances["mine"]

    assert (server.name, server.server_type, server.implementation) == ("mine", "resources_servers", "weather")
    assert server.folder == weather.root / "resources_servers" / "weather"
    assert (server.entrypoint, server.host, server.port) == ("app.py:Weather", "0.0.0.0", 9000)
    assert (server.placement, server.url) == (None, None)
    assert server.fields == fields
    assert server.origin == f"{weather.root}/config.yaml:3"
    assert list(config.of_type("resources_servers")) == [server]


def test_an_implementation_name_may_be_nested(project: Project) -> None:
    project.implementation("responses_api_agents", "tools/simulation")
    project.write("config.yaml", "a: {responses_api_agents: {tools/simulation: {entrypoint: app.py}}}")

    assert project.load("config.yaml").instances["a"].folder == project.root / "responses_api_agents/tools/simulation"


def test_an_earlier_root_shadows_an_implementation_only_if_it_has_the_entrypoint(weather: Project) -> None:
    write(weather, {"entrypoint": "app.py"})
    mine = Project(weather.root / "mine")
    mine.write("resources_servers/weather/data/train.jsonl")

    def folder() -> Any:
        return weather.load("config.yaml", search_dirs=["mine"]).instances["mine"].folder

    assert folder() == weather.root / "resources_servers/weather"
    mine.implementation("resources_servers", "weather")
    assert folder() == mine.root / "resources_servers/weather"


def test_a_port_may_come_from_an_environment_variable(weather: Project) -> None:
    write(weather, {"entrypoint": "app.py", "port": "${oc.env:PORT,6000}", "host": None})

    assert weather.load("config.yaml").instances["mine"].port == 6000
    assert weather.load("config.yaml", environ={"PORT": "7000"}).instances["mine"].port == 7000


def test_a_remote_server_needs_neither_folder_nor_entrypoint(project: Project) -> None:
    write(project, {"placement": "remote", "url": "http://host:8000"})

    server = project.load("config.yaml").instances["mine"]

    assert (server.placement, server.url, server.folder, server.entrypoint) == ("remote", "http://host:8000", None, "")


@pytest.mark.parametrize("placement", ["embedded", "process"])
def test_a_placement_is_read(weather: Project, placement: str) -> None:
    write(weather, {"entrypoint": "app.py", "placement": placement, "url": "a field of its own"})

    server = weather.load("config.yaml").instances["mine"]

    assert (server.placement, server.url) == (placement, None)


@pytest.mark.parametrize("domain", [*DOMAINS, None])
def test_every_domain_and_none_is_accepted(weather: Project, domain: str | None) -> None:
    write(weather, {"entrypoint": "app.py", "domain": domain})

    assert weather.load("config.yaml").instances["mine"].fields["domain"] == domain


def test_an_agent_may_have_any_domain(project: Project) -> None:
    project.implementation("responses_api_agents", "simple_agent")
    project.write("config.yaml", "a: {responses_api_agents: {simple_agent: {entrypoint: app.py, domain: nonsense}}}")

    assert "a" in project.load("config.yaml").instances


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"domain": "agent"}, "'mine.resources_servers.weather' needs 'entrypoint'"),
        ({"entrypoint": 3}, "needs 'entrypoint'"),
        (None, "must be a mapping with at least 'entrypoint'"),
        ({"entrypoint": "main.py"}, "entrypoint' is 'main.py', but "),
        ({"entrypoint": "app.py", "domain": "maths"}, "domain' must be one of math, coding"),
        ({"entrypoint": "app.py", "placement": "ray"}, "must be one of embedded, process, remote, not 'ray'"),
        ({"placement": "remote"}, "has placement 'remote' and so needs 'url'"),
        ({"placement": "remote", "url": "host:8000"}, "not 'host:8000'"),
        ({"entrypoint": "app.py", "port": "x"}, "port' must be a number up to 65535, not 'x'"),
        ({"entrypoint": "app.py", "port": 70000}, "not 70000"),
        ({"entrypoint": "app.py", "port": True}, "not True"),
        ({"entrypoint": "app.py", "host": 127}, "host' must be a host name, not 127"),
        ({"entrypoint": "app.py", "datasets": [{}]}, "datasets[0]' needs 'name'"),
    ],
)
def test_a_server_that_cannot_be_used_is_refused_with_its_line(weather: Project, fields: Any, message: str) -> None:
    write(weather, fields)

    refused = weather.refused("config.yaml")

    assert refused.startswith(f"{weather.root}/config.yaml:")
    assert message in refused


def test_an_unknown_implementation_is_refused_with_the_nearest(weather: Project) -> None:
    weather.write("config.yaml", "mine: {resources_servers: {wether: {entrypoint: app.py}}}")

    message = weather.refused("config.yaml")

    assert "has no folder 'resources_servers/wether'" in message and "Meant 'weather'" in message


@pytest.mark.parametrize("text", ["mine: {resources_servers: {}}", "mine: {resources_servers: null}"])
def test_a_server_without_an_implementation_is_refused(project: Project, text: str) -> None:
    project.write("config.yaml", text)

    assert "'mine.resources_servers' must be a mapping with the name of one" in project.refused("config.yaml")


def test_a_server_type_at_the_top_is_refused(project: Project) -> None:
    project.write("config.yaml", "resources_servers: {weather: {entrypoint: app.py}}")

    assert "'resources_servers' stands at the top" in project.refused("config.yaml")


def test_a_number_as_the_name_of_a_server_is_refused(weather: Project) -> None:
    weather.write("config.yaml", "7: {resources_servers: {weather: {entrypoint: app.py}}}")

    assert "config.yaml:1: '[7]' is the name of a server and so must be text" in weather.refused("config.yaml")


def test_one_name_with_two_implementations_is_refused_naming_both_files(project: Project) -> None:
    first, second = project.model("openai_model"), project.model("vllm_model")

    message = project.refused(str(first), str(second), settings=POLICY)

    assert message.startswith("'policy_model' is given 2 implementations")
    assert f"{first}:3" in message and f"{second}:3" in message


def test_one_name_with_two_server_types_is_refused(weather: Project) -> None:
    write(weather, {"entrypoint": "app.py"})
    weather.write("other.yaml", "mine: {responses_api_agents: {simple_agent: {entrypoint: app.py}}}")

    message = weather.refused("config.yaml", "other.yaml")

    assert "'resources_servers.weather'" in message and "'responses_api_agents.simple_agent'" in message


def test_the_same_implementation_twice_merges_and_the_later_file_wins(weather: Project) -> None:
    write(weather, {"entrypoint": "app.py", "a": 1, "b": {"x": 1}}, "one.yaml")
    write(weather, {"a": 2, "b": {"y": 2}}, "two.yaml")

    server = weather.load("one.yaml", "two.yaml").instances["mine"]

    assert server.fields == {"entrypoint": "app.py", "a": 2, "b": {"x": 1, "y": 2}}
    assert server.origin == f"{weather.root}/one.yaml:3"


def test_settings_of_a_dummy_model_go_under_those_of_the_real_one(project: Project) -> None:
    model = project.model("vllm_model")
    project.write(
        "dummy.yaml",
        "policy_model: {responses_api_models: {dummy_model: {entrypoint: none.py, model: x, extra: {a: 1}}}}",
    )

    config = project.load(str(model), "dummy.yaml", settings=POLICY)

    assert config.instances["policy_model"].implementation == "vllm_model"
    assert config.instances["policy_model"].fields == {
        "entrypoint": "app.py",
        "base_url": POLICY["policy_base_url"],
        "api_key": "k",
        "model": "m",
        "extra": {"a": 1},
    }
    assert list(config.merged["policy_model"]["responses_api_models"]) == ["vllm_model"]


def test_all_wrong_servers_are_reported_at_once(weather: Project) -> None:
    weather.write("config.yaml", "one: {resources_servers: {weather: {}}}\ntwo: {resources_servers: {nothing: 3}}\n")

    message = weather.refused("config.yaml")

    assert "config.yaml:1: 'one" in message and "config.yaml:2: 'two" in message


def test_wrong_servers_are_left_out_with_a_warning_when_that_is_wanted(
    weather: Project, caplog: pytest.LogCaptureFixture
) -> None:
    write(weather, {"entrypoint": "app.py"})
    weather.write("wrong.yaml", "error_on_almost_servers: false\nwrong: {resources_servers: {weather: {x: 1}}}\n")

    with caplog.at_level(logging.WARNING):
        config = weather.load("config.yaml", "wrong.yaml")

    assert list(config.instances) == ["mine"]
    assert "wrong.yaml:2" in caplog.text and "needs 'entrypoint'" in caplog.text
