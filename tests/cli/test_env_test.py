"""`gym env test`: what pytest says of an environment, and what is made of it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.commands import Ended, gym, legacy

PASSING = "from resources_servers.good.app import ANSWER\n\ndef test_it():\n    assert ANSWER == 42\n"
FAILING = "import pytest\n\ndef test_it():\n    assert 1 == 2, 'told you'\n\n@pytest.mark.skip\ndef test_other(): ...\n"
FROM_ALL_ROOTS = """
from pathlib import Path

from polygym.kit import load_environment
from resources_servers.good.app import ANSWER


def test_it():
    assert ANSWER == 42
    assert Path(__file__).is_relative_to(Path.cwd())
    assert load_environment("example_multi_step").name == "example_multi_step"
"""
AGENTS = "responses_api_agents"


def write(root: Path, name: str, tests: str | None, *, kind: str = "resources_servers", requirements: str = "") -> Path:
    folder = root / kind / name
    folder.mkdir(parents=True)
    (folder / "app.py").write_text("ANSWER = 42\n")
    if tests is not None:
        (folder / "tests").mkdir()
        (folder / "tests" / "test_app.py").write_text(tests)
    if requirements:
        (folder / "requirements.txt").write_text(requirements)
    return folder


def table(shown: str) -> dict[str, list[str]]:
    """The cells of the summary by name, without the seconds."""
    lines = shown.split("environment  ")[-1].splitlines()[1:]
    return {line.split()[0]: line.split()[1:-1] for line in lines}


def test_tests_that_pass_are_shown_and_counted(tmp_path: Path) -> None:
    write(tmp_path / "mine", "good", PASSING)

    ended = gym("env", "test", "good", "--search-dir", "mine", cwd=tmp_path)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "1 passed" in ended.stdout
    assert table(ended.stdout) == {"good": ["ok", "1", "0", "0"]}
    assert not list(tmp_path.rglob("*cache*")) or {each.name for each in tmp_path.rglob("*cache*")} == {"__pycache__"}


def test_of_several_only_what_fails_is_shown(tmp_path: Path) -> None:
    folder = write(tmp_path, "bad", FAILING)
    write(tmp_path, "helper", PASSING.replace("resources_servers.good", "responses_api_agents.helper"), kind=AGENTS)

    ended = gym("env", "test", str(folder), f"{AGENTS}/helper", cwd=tmp_path)

    assert ended.returncode == 1
    assert "told you" in ended.stdout and "helper:\n" not in ended.stdout
    assert table(ended.stdout) == {"bad": ["failed", "0", "1", "1"], "helper": ["ok", "1", "0", "0"]}


def test_without_a_name_all_but_the_built_in_ones_are_tested(tmp_path: Path) -> None:
    write(tmp_path, "broken", "def test_it(: pass\n")
    write(tmp_path, "untested", None)
    write(tmp_path, "empty", "")

    ended = gym("env", "test", "--json", cwd=tmp_path)

    results = {each["name"]: each for each in json.loads(ended.stdout)}
    assert ended.returncode == 1
    assert (results["broken"]["ok"], results["broken"]["failed"]) == (False, 1)
    assert results["untested"]["problem"] == results["empty"]["problem"] == "no tests"
    assert results["untested"]["ok"] and results["empty"]["ok"] and len(results) == 3
    assert "SyntaxError" in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("untested",), "untested has no tests: they go into"),
        (("untestd",), "Meant 'untested'"),
        (("responses_api_models/gone",), "there is no responses_api_models/gone"),
        (("+entrypoint=resources_servers/untested",), "untested has no tests"),
    ],
)
def test_what_cannot_be_tested_is_refused(
    gym_here: Callable[..., Ended], tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    write(tmp_path, "untested", None)

    ended = gym_here("env", "test", *arguments)

    assert ended.returncode == 2
    assert message in ended.stderr


def test_where_there_is_nothing_of_ones_own_that_is_said(gym_here: Callable[..., Ended]) -> None:
    ended = gym_here("env", "test")

    assert ended.returncode == 2
    assert "there are no environments in" in ended.stderr


def test_without_pytest_it_is_said_how_to_get_it(
    gym_here: Callable[..., Ended], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "good", PASSING)
    monkeypatch.setattr("polygym.kit.suites.TEST_TOOLS", ("no-such-package-anywhere",))

    ended = gym_here("env", "test", "good")

    assert ended.returncode == 2
    assert "there is no pytest" in ended.stderr and "pip install pytest" in ended.stderr


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_packages_that_only_the_environment_wants_are_there_in_its_tests(tmp_path: Path) -> None:
    tests = "import roman\n\ndef test_it():\n    assert roman.toRoman(4) == 'IV'\n"
    write(tmp_path, "romans", tests, requirements="roman\n")
    (tmp_path / "env.yaml").write_text(f"uv_venv_dir: {tmp_path / 'venvs'}\n")

    ended = gym("env", "test", "romans", cwd=tmp_path)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert table(ended.stdout)["romans"] == ["ok", "1", "0", "0"]


def test_the_older_command_tests_the_same_in_all_roots(tmp_path: Path) -> None:
    write(tmp_path, "user", FROM_ALL_ROOTS)
    write(tmp_path / "theirs", "good", None)
    keys = ("+entrypoint=resources_servers/user", "+should_validate_data=true")

    ended = legacy("ng_test", *keys, "--search-dir", "theirs", cwd=tmp_path)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stderr.startswith("ng_test is now: gym env test\nshould_validate_data has no effect")
    assert table(ended.stdout)["user"] == ["ok", "1", "0", "0"]
