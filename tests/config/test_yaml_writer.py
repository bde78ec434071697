from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from polygym.config.yaml_reader import read_yaml
from polygym.config.yaml_writer import to_yaml

TEXTS = st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from(
    ["1e-3", "1e5", "0x10", "yes", "null", "~", "2024-01-01", "???", "${a.b}", "a: b", "- x", "#", "1_000", "=", "<<"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=12,
)


@given(tree=st.dictionaries(TEXTS, VALUES, max_size=4))
def test_what_is_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, tree: Any) -> None:
    file = tmp_path_factory.getbasetemp() / "written.yaml"
    file.write_text(to_yaml(tree), encoding="utf-8", newline="")

    assert read_yaml(file).tree == tree
    assert yaml.safe_load(to_yaml(tree)) == tree


def test_text_that_looks_like_a_number_stays_text_for_omegaconf() -> None:
    tree = {"a": "1e-3", "b": "1_000", "c": 1e-3, "d": ["012", "no"]}

    assert OmegaConf.to_container(OmegaConf.create(to_yaml(tree))) == tree


def test_keys_keep_their_order_and_shared_values_are_written_twice(tmp_path: Path) -> None:
    shared = {"z": 1, "a": 2}

    assert to_yaml({"second": shared, "first": shared}) == "second:\n  z: 1\n  a: 2\nfirst:\n  z: 1\n  a: 2\n"


def test_long_and_foreign_text_stays_on_its_line() -> None:
    assert to_yaml({"a": "wort " * 60 + "größe"}).count("\n") == 1
    assert "größe" in to_yaml({"a": "größe"})
