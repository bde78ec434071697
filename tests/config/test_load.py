from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from polygym.config.components import Selector
from polygym.config.load import ConfigSources, load_config, merge_config
from polygym.protocol.errors import ConfigError
from tests.config.project import POLICY, Project


def test_components_are_loaded_by_name(project: Project) -> None:
    project.environment("weather")
    project.environment("chess")
    project.model()
    selectors = [Selector("resources-server", name) for name in ("weather", "chess")]

    config = project.load(selectors=[*selectors, Selector("model-type", "openai_model")], settings=POLICY)

    assert list(config.instances) == ["weather", "weather_agent", "chess", "chess_agent", "policy_model"]
    assert config.instances["policy_model"].fields["model"] == "m"
    assert config.settings["policy_model_name"] == "m"
    assert config.merged["policy_model"]["responses_api_models"]["openai_model"]["model"] == "${policy_model_name}"
    assert config.roots[0] == project.root


def test_the_old_form_names_config_files_on_the_command_line(project: Project) -> None:
    model, environment = project.model(), project.environment("weather")
    paths = ",".join(str(path.relative_to(project.root)) for path in (model, environment))

    config = project.load(overrides=[f"+config_paths=[{paths}]", "+limit=3"], settings=POLICY)

    assert list(config.instances) == ["policy_model", "weather", "weather_agent"]
    assert config.settings["limit"] == 3
    assert config.settings["config_paths"] == [str(model), str(environment)]


def test_resources_servers_alone_need_no_model(project: Project) -> None:
    project.implementation("resources_servers", "weather")
    project.write("config.yaml", "weather: {resources_servers: {weather: {entrypoint: app.py, domain: agent}}}")

    assert list(project.load("config.yaml").instances) == ["weather"]


def test_later_sources_win(project: Project) -> None:
    project.write("one.yaml", "a: one\nb: one\nc: one\nd: one\ne: one\nf: one\n")
    project.write("two.yaml", "b: two\nc: two\nd: two\ne: two\nf: two\n")
    project.write("env.yaml", "c: env\nd: env\ne: env\nf: env\n")

    config = project.load(
        "one.yaml",
        "two.yaml",
        initial={"d": "initial", "e": "initial", "f": "initial"},
        settings={"e": "flag", "f": "flag"},
        overrides=["f=override"],
    )

    values = [config.settings[key] for key in "abcdef"]
    assert values == ["one", "two", "env", "initial", "flag", "override"]


def test_an_explicit_file_wins_over_a_component_by_name(project: Project) -> None:
    project.model()
    project.write("mine.yaml", "policy_model: {responses_api_models: {openai_model: {model: mine}}}")

    config = project.load("mine.yaml", selectors=[Selector("model-type", "openai_model")], settings=POLICY)

    assert config.instances["policy_model"].fields["model"] == "mine"


def test_env_yaml_and_python_may_name_config_files_unless_the_command_line_does(project: Project) -> None:
    for name in ("a", "b", "c"):
        project.write(f"{name}.yaml", f"from: {name}")
    project.write("env.yaml", "config_paths: [a.yaml]")

    assert project.load().settings["from"] == "a"
    assert project.load(initial={"config_paths": ["b.yaml"]}).settings["from"] == "b"
    assert project.load("c.yaml", initial={"config_paths": ["b.yaml"]}).settings["from"] == "c"


def test_another_env_yaml_can_be_named(project: Project) -> None:
    project.write("env.yaml", "x: 1")
    other = project.write("elsewhere/env.yaml", "y: 2")

    assert project.load(env_yaml=other).settings == {"y": 2, "config_paths": []}
    with pytest.raises(ConfigError, match=r"nowhere\.yaml"):
        project.load(env_yaml=project.root / "nowhere.yaml")


def test_relative_paths_are_searched_in_the_roots(project: Project, tmp_path: Path) -> None:
    extra = Project(tmp_path / "extra")
    extra.write("shared/a.yaml", "from: extra")

    assert project.load("shared/a.yaml", environ={"NEMO_GYM_EXTRA_ROOTS": str(extra.root)}).settings["from"] == "extra"
    assert project.load("shared/a.yaml", search_dirs=["extra"]).settings["from"] == "extra"


def test_a_list_of_base_urls_stays_a_list(project: Project) -> None:
    model = project.model("vllm_model")
    urls = ["http://a/v1", "http://b/v1"]

    config = project.load(str(model), settings={**POLICY, "policy_base_url": urls})

    assert config.instances["policy_model"].fields["base_url"] == urls
    assert type(config.instances["policy_model"].fields["base_url"]) is list


def test_overrides_reach_into_instances_and_into_what_they_inherit(project: Project) -> None:
    environment, model = project.environment("weather"), project.model()
    project.write("mine.yaml", "mine: {_inherit_from: weather_agent}")
    steps = "responses_api_agents.simple_agent.max_steps"

    config = project.load(
        str(environment),
        str(model),
        "mine.yaml",
        settings=POLICY,
        overrides=["++policy_model.responses_api_models.openai_model.extra.x=1", f"mine.{steps}=9"],
    )

    assert config.instances["policy_model"].fields["extra"] == {"x": 1}
    assert config.instances["mine"].fields["max_steps"] == 9
    assert "weather_agent" not in config.instances


def test_an_override_of_an_unknown_key_suggests_the_nearest(project: Project) -> None:
    environment = project.environment("weather")

    message = project.refused(str(environment), overrides=["weather_agnt.x=1"])

    assert "write +weather_agnt.x=1" in message and "Meant 'weather_agent'" in message


def test_all_unset_values_are_reported_together(project: Project) -> None:
    project.write("a.yaml", "x: ???\nfine: 1\nlist:\n- 1\n- ???\n")
    project.write("b.yaml", "fine: ???\ny:\n  z: ???\n")

    message = project.refused("a.yaml", "b.yaml")

    assert message.startswith("3 values are still '???'")
    for place in ("'x' (", "a.yaml:1", "'list[1]' (", "a.yaml:5", "'y.z' (", "b.yaml:3", "++x=VALUE"):
        assert place in message
    assert "fine" not in message


def test_an_unset_value_may_be_set_by_a_flag(project: Project) -> None:
    project.write("a.yaml", "x: ???\n")

    assert project.load("a.yaml", overrides=["x=1"]).settings["x"] == 1


def test_an_unresolved_name_is_reported_with_file_and_line(project: Project) -> None:
    project.write("a.yaml", "judge_model_name: x\n\nurl: http://${judge_modl_name}/${HOST}\nport: ${oc.env:NO_PORT}\n")

    message = project.refused("a.yaml")

    assert f"'url' ({project.root}/a.yaml:3)" in message
    assert "'judge_modl_name' is not set" in message and "++judge_modl_name=VALUE" in message
    assert "Meant 'judge_model_name'?" in message
    assert "a.yaml:4: 'port' is '${oc.env:NO_PORT}', but the environment variable NO_PORT is not set." in message


def test_a_name_that_many_ask_for_is_reported_once(project: Project) -> None:
    project.write("a.yaml", "".join(f"k{number}: ${{missing}}\n" for number in range(5)))

    message = project.refused("a.yaml")

    assert message.count("'missing' is not set") == 1 and "and 2 more" in message


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ({}, "--model-type TYPE --model NAME --model-url URL --model-api-key KEY"),
        ({"policy_base_url": "http://x", "policy_api_key": "k"}, "--model-type TYPE --model NAME,"),
    ],
)
def test_a_model_without_its_settings_is_told_how_to_give_them(
    project: Project, given: dict[str, str], asked: str
) -> None:
    environment, model = project.environment("weather"), project.model()

    message = project.refused(str(environment), str(model), settings=given)

    assert message.startswith("no model given: policy_model_name")
    assert asked in message and f"{model}:" in message


@pytest.mark.parametrize("path", ["broken.yaml", "top.yaml"])
def test_malformed_yaml_is_refused_with_file_line_and_column(project: Project, path: str) -> None:
    project.write("broken.yaml", "a: 1\nb: [1, 2\nc: 3\n")
    project.write("top.yaml", "config_paths: [broken.yaml]")

    assert project.refused(path).startswith(f"{project.root}/broken.yaml:3:")


def test_a_missing_config_file_is_refused(project: Project) -> None:
    assert "there is no config file 'nowhere.yaml'" in project.refused("nowhere.yaml")


def test_values_are_plain_and_not_shared(project: Project) -> None:
    project.write("a.yaml", "one: &x {list: [1], text: '${oc.decode:${oc.env:NUMBER}}'}\ntwo: *x\nthree: ${one}\n")

    config = project.load("a.yaml", environ={"NUMBER": "3"})
    config.settings["one"]["list"].append(2)
    config.merged["one"]["list"].append(3)

    assert config.settings["two"] == config.settings["three"] == {"list": [1], "text": 3}
    assert config.merged["two"] == {"list": [1], "text": "${oc.decode:${oc.env:NUMBER}}"}
    assert type(config.settings["three"]) is dict


def test_special_keys_are_applied_before_anything_is_resolved(project: Project) -> None:
    project.write(
        "a.yaml", "base: {url: '${host}/v1', key: '${nobody}'}\nown: {_inherit_from: base, _delete_key: key}\n"
    )

    config = project.load("a.yaml", initial={"host": "http://h"})

    assert config.settings["own"] == {"url": "http://h/v1"}
    assert config.merged["own"] == {"url": "${host}/v1"}
    assert "base" not in config.settings


def test_merging_alone_asks_for_no_model_and_resolves_nothing(project: Project) -> None:
    environment, model = project.environment("weather"), project.model()

    merged = merge_config(ConfigSources(config_paths=[str(model), str(environment)], cwd=project.root, environ={}))

    assert merged.tree["policy_model"]["responses_api_models"]["openai_model"]["api_key"] == "${policy_api_key}"
    assert merged.files == (model, environment)


def test_nothing_at_all_is_an_empty_configuration(project: Project) -> None:
    config = project.load()

    assert (dict(config.instances), config.settings, config.merged) == ({}, {}, {})


def test_the_working_directory_is_the_default(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.write("env.yaml", "x: ${oc.env:POLYGYM_TEST_VALUE}")
    monkeypatch.chdir(project.root)
    monkeypatch.setenv("POLYGYM_TEST_VALUE", "from the process")

    assert load_config().settings["x"] == "from the process"


LEAVES = st.integers(0, 9) | st.sampled_from(["text", "${top}", "1e-3", "???"])
FILES = st.lists(
    st.dictionaries(
        st.sampled_from(["a", "b", "c"]),
        LEAVES | st.dictionaries(st.sampled_from(["x", "y"]), LEAVES, max_size=2),
        max_size=3,
    ),
    min_size=1,
    max_size=4,
)


@given(files=FILES)
def test_files_merge_and_resolve_as_in_omegaconf(
    tmp_path_factory: pytest.TempPathFactory, files: list[dict[str, object]]
) -> None:
    project = Project(tmp_path_factory.getbasetemp() / "merge")
    for number, tree in enumerate(files):
        project.write(f"{number}.yaml", OmegaConf.to_yaml(OmegaConf.create(tree)))
    expected = OmegaConf.merge({"top": 1}, *files)
    paths = [f"{number}.yaml" for number in range(len(files))]

    if OmegaConf.missing_keys(expected):
        assert "'???'" in project.refused(*paths, initial={"top": 1})
    else:
        settings = project.load(*paths, initial={"top": 1}).settings
        settings.pop("config_paths")
        assert settings == OmegaConf.to_container(expected, resolve=True)


def test_a_model_that_is_the_policy_by_reference_asks_for_one(project: Project) -> None:
    config = project.environment("weather")
    config.write_text(config.read_text() + "judge_model: ${policy_model}\n")
    project.model()

    assert "no model given, but asked for by 'judge_model'" in project.refused(str(config))
    loaded = project.load(str(config), "responses_api_models/openai_model/configs/openai_model.yaml", settings=POLICY)
    assert loaded.instances["judge_model"].fields == loaded.instances["policy_model"].fields
