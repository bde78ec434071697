from polygym.config.dimensions import DIMENSIONS
from polygym.config.listing import (
    Component,
    ListedDataset,
    filter_components,
    known_values,
    list_components,
    list_environments,
    search_components,
)
from polygym.protocol.json import dumps, loads
from tests.config.project import Project


def listed(project: Project) -> dict[str, Component]:
    return {component.name: component for component in list_components([project.root])}


def test_a_component_is_listed_with_what_its_config_says(project: Project) -> None:
    config = project.environment("weather")
    project.write("resources_servers/weather/configs/hard.yaml")

    component = listed(project)["weather"]

    assert component == Component(
        name="weather",
        kind="resources-server",
        folder=project.root / "resources_servers/weather",
        config_paths=(config, config.with_name("hard.yaml")),
        description="The weather environment",
        domain="agent",
        verified=False,
        manifest=dict.fromkeys(DIMENSIONS, ()),
        datasets=(ListedDataset("example", "example", "resources_servers/weather/data/example.jsonl"),),
        has_agent=True,
        problem=None,
    )
    assert loads(dumps(component.to_json()))["datasets"][0]["jsonl_fpath"] == component.datasets[0].jsonl_fpath


def test_components_of_all_kinds_are_listed_by_kind_and_name(project: Project) -> None:
    project.environment("weather")
    project.environment("chess")
    project.model("openai_model")
    project.write("benchmarks/aime/config.yaml")
    project.write("environments/go/config.yaml")

    names = [(component.kind, component.name) for component in list_components([project.root])]

    assert names == [
        ("resources-server", "chess"),
        ("resources-server", "weather"),
        ("model-type", "openai_model"),
        ("agent-type", "simple_agent"),
        ("environment", "go"),
        ("benchmark", "aime"),
    ]
    assert [component.name for component in list_components([project.root], ["benchmark"])] == ["aime"]


def test_a_benchmark_is_described_by_what_it_inherits(project: Project) -> None:
    project.environment("weather")
    project.write(
        "benchmarks/storms/config.yaml",
        """
        config_paths: [resources_servers/weather/configs/weather.yaml]
        storms: {_inherit_from: weather}
        storms_agent:
          _inherit_from: weather_agent
          responses_api_agents:
            simple_agent:
              datasets: [{name: storms, type: benchmark, jsonl_fpath: x.jsonl}]
        """,
    )

    component = listed(project)["storms"]

    assert (component.description, component.domain) == ("The weather environment", "agent")
    assert [dataset.name for dataset in component.datasets] == ["storms"]


def test_unset_values_and_missing_keys_hide_nothing(project: Project) -> None:
    project.model("openai_model")
    project.write(
        "responses_api_agents/a/configs/a.yaml", "a: {responses_api_agents: {a: {description: An agent, x: '???'}}}"
    )

    assert listed(project)["openai_model"].problem is None
    assert listed(project)["a"].description == "An agent"


def test_a_wrong_config_does_not_hide_its_component(project: Project) -> None:
    project.write("resources_servers/broken/configs/broken.yaml", "a: [")
    project.write("benchmarks/lost/config.yaml", "config_paths: [nowhere.yaml]")
    project.implementation("resources_servers", "bare")

    components = listed(project)

    assert "broken.yaml:" in str(components["broken"].problem)
    assert "nowhere.yaml" in str(components["lost"].problem)
    assert components["bare"].problem is None and components["bare"].config_paths == ()


def test_odd_configs_are_listed_as_far_as_they_go(project: Project) -> None:
    project.write(
        "resources_servers/odd/configs/odd.yaml",
        "a: 3\nb: {resources_servers: [odd]}\nc: {resources_servers: {odd: {datasets: [1, {}], verified: maybe}}}\n",
    )

    assert listed(project)["odd"].datasets == (ListedDataset("", "", ""),)
    assert listed(project)["odd"].verified is None


def test_every_word_of_a_search_must_occur(project: Project) -> None:
    project.environment("weather")
    project.environment("chess")
    components = list_components([project.root], ["resources-server"])

    def found(query: str) -> list[str]:
        return [component.name for component in search_components(components, query)]

    assert found("CHESS") == ["chess"]
    assert found("agent environment") == ["chess", "weather"]
    assert found("example weather") == ["weather"]
    assert found("weather chess") == []


def with_manifest(project: Project, name: str, manifest: str) -> None:
    config = project.environment(name)
    config.write_text(config.read_text().replace("verified: false", f"manifest: {manifest}"))


def test_environments_are_those_of_their_folder_and_resources_servers_with_an_agent(project: Project) -> None:
    project.environment("weather")
    project.environment("chess")
    project.write("environments/chess/config.yaml")
    project.write("environments/go/config.yaml")
    project.write("resources_servers/tools/configs/tools.yaml", "tools: {resources_servers: {tools: {}}}")
    project.write("resources_servers/broken/configs/broken.yaml", "a: [")

    assert [(component.name, component.kind) for component in list_environments([project.root])] == [
        ("broken", "resources-server"),
        ("chess", "environment"),
        ("go", "environment"),
        ("weather", "resources-server"),
    ]


def test_components_are_filtered_by_any_value_of_each_dimension(project: Project) -> None:
    with_manifest(project, "asking", "{core_capabilities: [proactive_asking, tool_use], task_type: shopping}")
    with_manifest(project, "tools", "{core_capabilities: [tool_use], knowledge_domain: [weather]}")
    project.environment("bare")
    components = list_components([project.root], ["resources-server"])

    def found(**wanted: list[str]) -> list[str]:
        return [component.name for component in filter_components(components, wanted)]

    assert found(core_capabilities=["proactive_asking"]) == ["asking"]
    assert found(core_capabilities=["proactive_asking", "tool_use"]) == ["asking", "tools"]
    assert found(core_capabilities=["tool_use"], knowledge_domain=["weather"]) == ["tools"]
    assert found(task_type=["shopping"], knowledge_domain=["weather"]) == []
    assert found(task_type=[]) == ["asking", "bare", "tools"]
    assert known_values(components, "task_type") == ["shopping"]
    assert "perception" in known_values(components, "core_capabilities")
    assert [each.name for each in search_components(components, "ASKING tool use")] == ["asking"]


def test_a_manifest_that_is_wrong_is_read_as_far_as_it_goes(project: Project) -> None:
    with_manifest(project, "odd", "{core_capabilities: {a: b}, task_type: [1, two], unheard_of: [x]}")
    with_manifest(project, "text", "nothing")

    components = {component.name: component for component in list_environments([project.root])}

    assert components["odd"].manifest == dict.fromkeys(DIMENSIONS, ()) | {"task_type": ("1", "two")}
    assert components["text"].manifest == dict.fromkeys(DIMENSIONS, ())
