"""`gym env init`, and what works at once after it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from polygym.cli.env_init import KINDS
from polygym.kit import skeleton
from tests.cli.commands import Ended, legacy, names_in, rows


def test_the_kinds_are_those_that_can_be_written() -> None:
    assert tuple(skeleton.KINDS) == KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_environment_runs_at_once(gym_here: Callable[..., Ended], tmp_path: Path, kind: str) -> None:
    where = ("--search-dir", "my gym")
    written = gym_here("env", "init", "coin", "--kind", kind, "--dir", "my gym")
    ran = gym_here(
        *("eval", "run", *where, "--resources-server", "coin", "--model-type", "random_model"),
        *("--output", "results/coin.jsonl"),
    )

    assert written.returncode == ran.returncode == 0, written.stderr + ran.stderr
    assert "  app.py\n  configs/coin.yaml\n  data/example.jsonl\n" in written.stdout
    assert "gym env check coin --search-dir 'my gym'\n" in written.stdout
    assert len(rows(tmp_path / "results" / "coin.jsonl")) == 5


def test_in_the_working_directory_it_is_found_without_more(gym_here: Callable[..., Ended], tmp_path: Path) -> None:
    written = gym_here("env", "init", "coin")
    listed = gym_here("list", "environments", "--structure", "single_step")

    assert written.stdout.startswith("resources_servers/coin:\n")
    assert "--search-dir" not in written.stdout
    assert any(line.startswith("coin ") for line in listed.stdout.splitlines())
    assert names_in(tmp_path) == ["resources_servers"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("resources_servers/coin",),
        ("coin", "--dir", "resources_servers"),
        ("+entrypoint=resources_servers/coin",),
        ("--resources-server", "coin"),
    ],
)
def test_the_folder_of_the_components_may_be_named_or_not(
    gym_here: Callable[..., Ended], tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    ended = gym_here("env", "init", *arguments)

    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "resources_servers" / "coin" / "app.py").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "One NAME is needed"),
        (("a", "b"), "One NAME is needed"),
        (("one/two",), "'one/two' cannot be the name"),
        (("coin", "--kind", "multi_step"), "'multi_step' is not one of"),
        (("+entrypont=resources_servers/coin",), "Meant 'entrypoint'?"),
        (("mcqa",), "is there already"),
    ],
)
def test_what_cannot_be_made_is_refused(
    gym_here: Callable[..., Ended], tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    ended = gym_here("env", "init", *arguments)

    assert ended.returncode == 2
    assert message in ended.stderr
    assert names_in(tmp_path) == []


def test_the_older_command_writes_the_same(tmp_path: Path) -> None:
    ended = legacy("ng_init_resources_server", "+entrypoint=resources_servers/coin", cwd=tmp_path)

    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == "ng_init_resources_server is now: gym env init\n"
    assert (tmp_path / "resources_servers" / "coin" / "configs" / "coin.yaml").is_file()
