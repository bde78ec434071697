from pathlib import Path

import pytest

from polygym.config.origins import Origins
from polygym.config.yaml_reader import read_yaml


@pytest.fixture
def origins(tmp_path: Path) -> Origins:
    """Two files, the second merged over the first."""
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    first.write_text("a:\n  x: 1\n  y: 2\nlist:\n- k: 1\n", encoding="utf-8")
    second.write_text("\na:\n  x: 3\n  z: 4\nlist:\n- k: 2\n", encoding="utf-8")
    origins = Origins()
    origins.add_document(read_yaml(first))
    origins.add_document(read_yaml(second))
    return origins


def test_a_mapping_belongs_to_the_first_file_and_a_value_to_the_last(origins: Origins, tmp_path: Path) -> None:
    assert origins.of(("a",)) == f"{tmp_path}/first.yaml:1"
    assert origins.of(("a", "x")) == f"{tmp_path}/second.yaml:3"
    assert origins.of(("a", "y")) == f"{tmp_path}/first.yaml:3"


def test_a_list_belongs_to_the_last_file_with_its_entries(origins: Origins, tmp_path: Path) -> None:
    assert origins.of(("list",)) == f"{tmp_path}/second.yaml:5"
    assert origins.of(("list", 0)) == f"{tmp_path}/second.yaml:6"
    assert origins.of(("list", 0, "k")) == f"{tmp_path}/second.yaml:6"


def test_an_absent_key_is_placed_at_the_mapping_that_lacks_it(origins: Origins, tmp_path: Path) -> None:
    assert origins.of(("a", "missing", "deep")) == f"{tmp_path}/first.yaml:1"
    assert origins.of(("nowhere",)) == "configuration"


def test_values_that_stand_in_no_file_are_placed_by_their_label(origins: Origins, tmp_path: Path) -> None:
    origins.add_value(("a",), {"x": {"deep": 1}}, "command line")

    assert origins.of(("a", "x", "deep")) == "command line"
    assert origins.of(("a",)) == f"{tmp_path}/first.yaml:1"


def test_what_was_inherited_is_placed_where_its_source_stands(origins: Origins, tmp_path: Path) -> None:
    origins.add_value(("b",), {"own": 1}, "here")
    origins.add_source(("b",), ("a",))
    origins.add_source(("c",), ("b",))

    assert origins.of(("b", "own")) == "here"
    assert origins.of(("b", "y")) == f"{tmp_path}/first.yaml:3"
    assert origins.of(("c", "y")) == f"{tmp_path}/first.yaml:3"
