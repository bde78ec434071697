"""What a name, a folder or a config file leads to, and what is said when it leads nowhere."""

from pathlib import Path

import pytest

from polygym.kit import Environment, load_environment
from polygym.kit.environment import MissingRequirementsError
from polygym.protocol.errors import ConfigError
from tests.kit.environments import COMPONENTS, COUNTER, JUDGED, write_environment


@pytest.mark.parametrize("name", [COUNTER, str(COUNTER), COUNTER / "configs" / "counter.yaml"])
def test_a_folder_and_a_config_file_are_environments(name: str | Path) -> None:
    environment = load_environment(name)

    assert (environment.agent, environment.server.name) == ("counter_simple_agent", "counter")
    assert environment.folder == COUNTER


def test_a_name_is_looked_up_in_the_search_dirs() -> None:
    assert load_environment("counter", search_dirs=[COMPONENTS]).folder == COUNTER


def test_shipped_environments_have_names() -> None:
    assert load_environment("example_multi_step").agent == "example_multi_step_simple_agent"


def test_an_environment_of_configs_alone_has_a_name(tmp_path: Path) -> None:
    config = tmp_path / "environments" / "sums" / "config.yaml"
    config.parent.mkdir(parents=True)
    config.write_text((COUNTER / "configs" / "counter.yaml").read_text())

    assert load_environment("sums", search_dirs=[tmp_path, COMPONENTS]).folder == COUNTER


def test_model_servers_are_left_out_and_known_by_name() -> None:
    environment = load_environment(JUDGED)

    assert (environment.policy, environment.models) == ("policy_model", {"judge_model"})
    assert set(environment.config.instances) == {"judged", "judged_simple_agent"}


def test_a_model_type_may_play_the_policy() -> None:
    environment = load_environment(COUNTER, model_type="random_model")

    assert environment.config.instances["policy_model"].implementation == "random_model"


def test_an_unknown_name_gets_the_nearest_ones() -> None:
    with pytest.raises(ConfigError, match="Meant 'example_multi_step'"):
        load_environment("example_multistep")


def test_a_folder_elsewhere_is_no_environment(tmp_path: Path) -> None:
    (tmp_path / "app.py").touch()

    with pytest.raises(ConfigError, match="must lie in a folder 'resources_servers'"):
        load_environment(tmp_path)


def test_an_agent_that_is_not_configured_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"no agent 'simple'.*Meant 'counter_simple_agent'"):
        load_environment(COUNTER, agent="simple")


def test_packages_that_are_not_installed_are_named(tmp_path: Path) -> None:
    folder = write_environment(tmp_path, "hungry", "import no_such_package\n")
    (folder / "requirements.txt").write_text("no-such-package>=2\n")

    with pytest.raises(
        MissingRequirementsError, match=r"no-such-package>=2.*pip install -r .*hungry/requirements\.txt"
    ):
        load_environment(folder)


@pytest.mark.parametrize(
    ("module", "member", "use"),
    [
        ("generate", "make_row", lambda environment: environment.make_row),
        ("reference", "solve", lambda environment: environment.solve),
    ],
)
def test_what_a_folder_lacks_is_named(tmp_path: Path, module: str, member: str, use: object) -> None:
    environment = load_environment(write_environment(tmp_path, "bare", "def solve(): ...\n"))

    with pytest.raises(ConfigError, match=rf"{module}\.py: must define {member}\("):
        use(environment)  # type: ignore[operator]


def test_a_module_that_cannot_be_imported_is_named(tmp_path: Path) -> None:
    environment = load_environment(write_environment(tmp_path, "torn", "", generate="1 / 0\n"))

    with pytest.raises(ConfigError, match=r"generate\.py cannot be imported: ZeroDivisionError"):
        _ = environment.make_row


def test_wrong_answers_need_not_be_there() -> None:
    environment: Environment = load_environment(JUDGED)

    assert dict(environment.wrong_answers({})) == {}
