import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from polygym.config.tree import copied, dotted, get, has, merge, split_key, updated, walk, without

KEYS = st.sampled_from(["a", "b", "c", "d"])
SCALARS = st.none() | st.booleans() | st.integers() | st.sampled_from(["x", "", "???"])


def trees(values: st.SearchStrategy[Any] = SCALARS) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(
        KEYS, st.recursive(values, lambda inner: st.dictionaries(KEYS, inner, max_size=3)), max_size=4
    )


def merged_by_omegaconf(*each: dict[str, Any]) -> Any:
    return OmegaConf.to_container(OmegaConf.merge(*each))


@given(trees(), trees(), trees())
def test_mappings_merge_as_omegaconf_merges_them(one: Any, two: Any, three: Any) -> None:
    assert merge(merge(one, two), three) == merged_by_omegaconf(one, two, three)


@given(trees(SCALARS | st.lists(SCALARS)), trees(SCALARS | st.lists(SCALARS)))
def test_merging_leaves_its_arguments_as_they_were(base: Any, over: Any) -> None:
    before = copy.deepcopy((base, over))

    merge(base, over)

    assert (base, over) == before


@given(trees())
def test_merging_a_tree_with_itself_or_with_nothing_changes_nothing(tree: Any) -> None:
    assert merge(tree, tree) == merge(tree, {}) == merge({}, tree) == tree


@pytest.mark.parametrize(
    ("base", "over", "merged"),
    [
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"a": {"x": 1}}, {"a": [3]}, {"a": [3]}),
        ({"a": [1]}, {"a": {"x": 1}}, {"a": {"x": 1}}),
        ({"a": {"x": 1}}, {"a": None}, {"a": None}),
        ({"a": {"x": 1}}, {"a": "???"}, {"a": {"x": 1}}),
        ({"b": {"z": 1}, "a": "${b}"}, {"a": {"x": 2}}, {"b": {"z": 1}, "a": {"z": 1, "x": 2}}),
        ({"a": "${b}"}, {"a": {"x": 2}}, {"a": {"x": 2}}),
    ],
)
def test_what_is_no_mapping_replaces_what_was_there(base: Any, over: Any, merged: Any) -> None:
    assert merge(base, over) == merged


def test_a_path_is_written_with_dots_and_brackets() -> None:
    assert dotted(("a", "b", 0, "c")) == "a.b[0].c"


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("a.b", ("a", "b")),
        ("list.1.x", ("list", 1, "x")),
        ("gpt-4.1.model", ("gpt-4.1", "model")),
        ("new.key", ("new", "key")),
        ("a.2", ("a", "2")),
    ],
)
def test_a_dotted_key_means_the_longest_key_that_exists(text: str, path: Any) -> None:
    tree = {"a": {"b": 1}, "list": [1, {"x": 2}], "gpt-4.1": {"model": 3}, "gpt-4": 4}

    assert split_key(tree, text) == path


def test_null_is_a_value_and_absence_is_not() -> None:
    tree = {"a": None, "b": [1]}

    assert has(tree, ("a",)) and has(tree, ("b", 0))
    assert not has(tree, ("c",)) and not has(tree, ("b", 1)) and not has(tree, ("a", "x"))
    assert get(tree, ("c", "d")) is None


def test_setting_a_deep_value_makes_the_mappings_on_the_way() -> None:
    tree = {"a": {"b": [1, {"c": 2}]}, "other": {}}

    assert updated(tree, ("a", "b", 1, "c"), 3) == {"a": {"b": [1, {"c": 3}]}, "other": {}}
    assert updated(tree, ("x", "y", "z"), 1) == {**tree, "x": {"y": {"z": 1}}}
    assert updated(tree, ("a", "b"), {"k": 1}) == {"a": {"b": {"k": 1}}, "other": {}}
    assert updated({"a": 5}, ("a", "b"), 1) == {"a": {"b": 1}}
    assert tree == {"a": {"b": [1, {"c": 2}]}, "other": {}}


def test_setting_an_entry_past_the_end_of_a_list_is_refused() -> None:
    with pytest.raises(IndexError):
        updated({"a": [1]}, ("a", 1), 2)


@given(trees(SCALARS | st.lists(SCALARS)))
def test_every_walked_path_leads_to_its_value_and_can_be_removed(tree: Any) -> None:
    for path, value in walk(tree):
        assert get(tree, path) == value
        assert len(list(walk(without(tree, path)))) < len(list(walk(tree)))


def test_removing_what_is_not_there_changes_nothing() -> None:
    tree = {"a": [{"x": 1, "y": 2}]}

    assert without(tree, ("b", "c")) == tree
    assert without(tree, ("a", 0, "x")) == {"a": [{"y": 2}]}
    assert without(tree, ("a", 0)) == {"a": []}


def test_a_copy_shares_nothing() -> None:
    shared = {"x": [1]}
    tree = {"a": shared, "b": shared}

    copy_of_tree = copied(tree)
    copy_of_tree["a"]["x"].append(2)

    assert copy_of_tree == {"a": {"x": [1, 2]}, "b": {"x": [1]}}
    assert tree == {"a": {"x": [1]}, "b": {"x": [1]}}
