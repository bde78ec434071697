"""The root command: version, help, slips of the keyboard, what is imported."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import polygym
from tests.cli.commands import COMPONENTS, Ended, environment, gym


def test_the_version_is_shown_plainly_and_as_json(tmp_path: Path) -> None:
    assert gym("--version", cwd=tmp_path).stdout == f"polygym {polygym.__version__}\n"
    assert json.loads(gym("--version", "--json", cwd=tmp_path).stdout)["version"] == polygym.__version__


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",)])
def test_help_names_the_groups(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = gym(*arguments, cwd=tmp_path)

    assert done.returncode == 0
    for group in ("env", "eval", "list", "search"):
        assert f"  {group} " in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("evall",), "'eval'"),
        (("env", "stat"), "'start'"),
        (("env", "strat"), "No such command 'strat'"),
        (("eval", "run", "--modle", "m"), "--model"),
        (("eval", "run", "--limit", "two"), "--limit"),
        (("--json",), "--json goes behind the command"),
    ],
)
def test_a_slip_gets_one_message_and_the_way_to_help(
    gym_here: Callable[..., Ended], arguments: tuple[str, ...], message: str
) -> None:
    done = gym_here(*arguments)

    said, help_hint = done.stderr.splitlines()
    assert done.returncode == 2
    assert said.startswith("error: ") and message in said
    assert help_hint.startswith("Try 'gym") and help_hint.endswith("--help'.")


def test_help_is_quick_because_it_imports_nothing_heavy(tmp_path: Path) -> None:
    code = "import sys, polygym.cli.program; print(*sorted(sys.modules))"
    command = [sys.executable, "-c", code]
    loaded = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True)

    heavy = {"aiohttp", "hydra", "omegaconf", "pydantic", "rich", "yaml"}
    assert heavy.isdisjoint(loaded.stdout.split())


def test_collecting_imports_neither_rich_nor_hydra_nor_the_http_server(tmp_path: Path) -> None:
    code = """
import sys
from polygym.cli.program import run_program
assert run_program(sys.argv[1:]) == 0
print(*sorted(sys.modules))
"""
    where = ("--search-dir", str(COMPONENTS), "--resources-server", "letters", "--model-type", "echo")
    command = [sys.executable, "-c", code, "eval", "run", *where, "-o", "out.jsonl"]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True)

    loaded = done.stdout.splitlines()[-1].split()
    assert "polygym.fleet.fleet" in loaded
    assert {"aiohttp.web", "hydra", "omegaconf", "rich"}.isdisjoint(loaded)


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "polygym.cli", "list", "models", "--json"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=tmp_path, env=environment(), stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()

    assert said == ""
    assert process.returncode == 0
