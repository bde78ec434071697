"""`gym list` and `gym search`."""

import json
from pathlib import Path

import pytest

from tests.cli.commands import COMPONENTS, gym

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


@pytest.mark.parametrize("kind", ["environments", "benchmarks"])
def test_an_empty_list_is_an_empty_list(tmp_path: Path, kind: str) -> None:
    as_json = gym("list", kind, "--json", cwd=tmp_path)
    as_text = gym("list", kind, cwd=tmp_path)

    assert (as_json.returncode, json.loads(as_json.stdout)) == (0, [])
    assert (as_text.returncode, as_text.stdout) == (0, "")
    assert f"No {kind} found" in as_text.stderr


def test_a_list_shows_domain_and_description(tmp_path: Path) -> None:
    done = gym("list", "resources-servers", *WHERE, cwd=tmp_path)

    (line,) = [line for line in done.stdout.splitlines() if line.startswith("numbers ")]
    assert line.split(maxsplit=3) == ["numbers", "resources-server", "math", "Repeat a number"]


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
