from pathlib import Path

import pytest

from polygym.config.components import ComponentKind, Selector, component_folders, configs_of, selected_config
from polygym.protocol.errors import ConfigError
from tests.config.project import Project


def config(project: Project, kind: ComponentKind, name: str) -> str:
    return selected_config(Selector(kind, name), [project.root]).relative_to(project.root).as_posix()


def refusal(project: Project, kind: ComponentKind, name: str) -> str:
    with pytest.raises(ConfigError) as caught:
        config(project, kind, name)
    return str(caught.value)


@pytest.mark.parametrize(
    ("kind", "name", "path"),
    [
        ("resources-server", "weather", "resources_servers/weather/configs/weather.yaml"),
        ("resources-server", "weather/hard", "resources_servers/weather/configs/hard.yaml"),
        ("model-type", "vllm", "responses_api_models/vllm/configs/vllm.yaml"),
        ("model-type", "vllm/Qwen/Qwen3-4B", "responses_api_models/vllm/configs/Qwen/Qwen3-4B.yaml"),
        ("agent-type", "tools/simulation", "responses_api_agents/tools/simulation/configs/only.yaml"),
        ("environment", "blackjack", "environments/blackjack/config.yaml"),
        ("environment", "chess", "environments/chess/configs/chess.yaml"),
        ("benchmark", "aime", "benchmarks/aime/config.yaml"),
        ("benchmark", "aime/cascade", "benchmarks/aime/cascade.yaml"),
        ("benchmark", "code/v6", "benchmarks/code/v6/config.yaml"),
    ],
)
def test_a_name_stands_for_a_config_file(project: Project, kind: ComponentKind, name: str, path: str) -> None:
    project.write("resources_servers/weather/configs/easy.yaml")
    project.write(path)

    assert config(project, kind, name) == path


def test_the_only_config_of_a_component_needs_no_name(project: Project) -> None:
    project.write("resources_servers/weather/configs/something.yaml")

    assert config(project, "resources-server", "weather") == "resources_servers/weather/configs/something.yaml"


def test_an_earlier_root_shadows_a_later_one(tmp_path: Path) -> None:
    mine, builtin = Project(tmp_path / "mine"), Project(tmp_path / "builtin")
    builtin.write("resources_servers/weather/configs/weather.yaml")
    own = mine.write("resources_servers/weather/configs/weather.yaml")
    roots = [mine.root, builtin.root]

    assert selected_config(Selector("resources-server", "weather"), roots) == own
    assert component_folders("resources-server", roots) == {"weather": own.parents[1]}


def test_a_folder_without_configs_in_an_earlier_root_does_not_shadow(tmp_path: Path) -> None:
    mine, builtin = Project(tmp_path / "mine"), Project(tmp_path / "builtin")
    mine.write("resources_servers/weather/data/train.jsonl")
    path = builtin.write("resources_servers/weather/configs/weather.yaml")

    assert selected_config(Selector("resources-server", "weather"), [mine.root, builtin.root]) == path


def test_an_unknown_name_is_refused_with_the_nearest(project: Project) -> None:
    project.environment("example_single_tool_call")
    project.environment("example_multi_step")

    message = refusal(project, "resources-server", "example_single_tool_cal")

    assert message.startswith("--resources-server example_single_tool_cal: there is no such resources server")
    assert "Meant 'example_single_tool_call'" in message


def test_several_configs_of_which_none_has_the_name_are_listed(project: Project) -> None:
    project.write("resources_servers/weather/configs/easy.yaml")
    project.write("resources_servers/weather/configs/hard.yaml")

    for name in ("weather", "weather/medium"):
        assert "Choose one of: weather/easy, weather/hard." in refusal(project, "resources-server", name)


def test_a_component_without_any_config_says_so(project: Project) -> None:
    project.implementation("resources_servers", "weather")

    assert "weather holds no config file at all" in refusal(project, "resources-server", "weather")


def test_a_name_of_another_kind_is_recognised(project: Project) -> None:
    project.environment("weather")

    assert "--resources-server weather" in refusal(project, "benchmark", "weather")


def test_a_resources_server_is_an_environment_unless_there_is_one_of_its_name(project: Project) -> None:
    project.environment("weather")
    project.environment("chess")
    project.write("resources_servers/weather/configs/hard.yaml")
    project.write("environments/chess/config.yaml")

    assert config(project, "environment", "weather") == "resources_servers/weather/configs/weather.yaml"
    assert config(project, "environment", "weather/hard") == "resources_servers/weather/configs/hard.yaml"
    assert config(project, "environment", "chess") == "environments/chess/config.yaml"
    assert "no such config. Choose one of: weather/weather, weather/hard." in refusal(
        project, "environment", "weather/soft"
    )
    assert "Meant 'weather'" in refusal(project, "environment", "wether")


def test_a_path_where_a_name_belongs_is_recognised(project: Project) -> None:
    assert "--config configs/a.yaml" in refusal(project, "model-type", "configs/a.yaml")


@pytest.mark.parametrize("name", ["", "..", "../weather", "weather/../weather", "/weather", "weather/"])
def test_a_name_cannot_lead_out_of_its_folder(project: Project, name: str) -> None:
    project.environment("weather")

    assert f"--resources-server {name}: " in refusal(project, "resources-server", name)


def test_the_main_config_is_listed_first(project: Project) -> None:
    for name in ("a", "weather", "z"):
        project.write(f"resources_servers/weather/configs/{name}.yaml")

    folder = project.root / "resources_servers/weather"

    assert [path.stem for path in configs_of(folder, "resources-server")] == ["weather", "a", "z"]


def test_folders_that_hold_no_component_are_not_taken_for_one(project: Project) -> None:
    project.write("benchmarks/prompts/math.yaml")
    project.write("benchmarks/.cache/config.yaml")
    project.write("benchmarks/group/inner/config.yaml")

    assert list(component_folders("benchmark", [project.root])) == ["group/inner"]
