"""`gym list` and `gym search`."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.commands import COMPONENTS, Ended, gym

WHERE = ("--search-dir", str(COMPONENTS))


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("resources-servers", {"letters", "numbers"}),
        ("agents", {"one_call", "simple_agent"}),
        ("models", {"echo", "openai_model", "random_model"}),
    ],
)
def test_a_list_has_our_components_and_the_built_in_ones(tmp_path: Path, kind: str, names: set[str]) -> None:
    done = gym("list", kind, *WHERE, "--json", cwd=tmp_path)

    assert done.returncode == 0
    assert {component["name"] for component in json.loads(done.stdout)} >= names


def test_an_empty_list_is_an_empty_list(gym_here: Callable[..., Ended]) -> None:
    as_json = gym_here("list", "benchmarks", "--json")
    as_text = gym_here("list", "benchmarks")

    assert (as_json.returncode, json.loads(as_json.stdout)) == (0, [])
    assert (as_text.returncode, as_text.stdout) == (0, "")
    assert "No benchmarks found" in as_text.stderr


def test_environments_are_found_by_what_their_manifest_says(gym_here: Callable[..., Ended]) -> None:
    asked = ("--capability", "tool_use", "--capability", "perception", "--structure", "multi_step")
    listed = gym_here("list", "environments", *WHERE, *asked)
    as_json = gym_here("list", "resources-servers", *WHERE, *asked, "--json")
    searched = gym_here("search", "environments", "echoing", *WHERE)

    lines = listed.stdout.splitlines()
    assert lines[0].split("  ")[0] == "name" and "capabilities" in lines[0]
    (line,) = [line for line in lines if line.startswith("numbers ")]
    assert "multi_step, stateful" in line and "tool_use" in line and "echoing" in line
    assert not any(line.startswith("letters ") for line in lines)
    (found,) = [each for each in json.loads(as_json.stdout) if each["name"] == "numbers"]
    assert found["manifest"]["rollout_structure"] == ["multi_step", "stateful"]
    assert [line.split()[0] for line in searched.stdout.splitlines()] == ["name", "numbers"]


def test_a_value_that_no_manifest_can_have_is_refused_with_the_nearest(gym_here: Callable[..., Ended]) -> None:
    refused = gym_here("list", "environments", "--capability", "proactiv_asking")

    assert refused.returncode == 2
    assert "Meant 'proactive_asking'" in refused.stderr


def test_nothing_that_fits_is_an_empty_list(gym_here: Callable[..., Ended]) -> None:
    no_pair = gym_here("list", "environments", *WHERE, "--capability", "knowledge", "--task-type", "echoing")
    near = gym_here("list", "environments", *WHERE, "--task-type", "echoin")

    assert (no_pair.returncode, no_pair.stdout) == (near.returncode, near.stdout) == (0, "")
    assert "environments has that" in no_pair.stderr
    assert "Meant 'echoing'?" in near.stderr


def test_a_list_shows_domain_and_description(tmp_path: Path) -> None:
    done = gym("list", "resources-servers", *WHERE, cwd=tmp_path)

    (line,) = [line for line in done.stdout.splitlines() if line.startswith("numbers ")]
    assert line.split()[:3] == ["numbers", "resources-server", "math"]
    assert line.endswith("  Repeat a number")


def test_search_finds_by_any_text_in_all_kinds_or_in_one(tmp_path: Path) -> None:
    everywhere = gym("search", "CAPITALS", *WHERE, "--json", cwd=tmp_path)
    in_models = gym("search", "models", "capitals", *WHERE, cwd=tmp_path)
    a_kind_as_word = gym("search", "agents", *WHERE, "--json", cwd=tmp_path)

    assert [component["name"] for component in json.loads(everywhere.stdout)] == ["letters"]
    assert in_models.returncode == 0
    assert "Nothing matches 'capitals'" in in_models.stderr
    assert a_kind_as_word.returncode == 0


def test_a_component_with_a_broken_config_is_listed_with_its_problem(tmp_path: Path) -> None:
    configs = tmp_path / "resources_servers" / "broken" / "configs"
    configs.mkdir(parents=True)
    (configs / "broken.yaml").write_text("a: [")

    done = gym("list", "resources-servers", cwd=tmp_path)

    assert done.returncode == 0
    assert "its config is wrong" in done.stdout
