from typing import Any

import pytest

from polygym.config.directives import apply_directives
from polygym.config.origins import Origins
from polygym.protocol.errors import ConfigError


def applied(tree: dict[str, Any]) -> dict[str, Any]:
    return apply_directives(tree, Origins())


def refusal(tree: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as caught:
        applied(tree)
    return str(caught.value)


def test_a_mapping_inherits_and_its_source_goes() -> None:
    tree = {"base": {"x": {"y": 1, "z": 2}}, "own": {"_inherit_from": "base", "x": {"y": 3}, "k": 4}}

    assert applied(tree) == {"own": {"x": {"y": 3, "z": 2}, "k": 4}}


def test_a_mapping_copies_and_its_source_stays() -> None:
    tree = {"own": {"_copy": "base.x", "z": 2}, "base": {"x": {"y": 1}}}

    assert applied(tree) == {"own": {"y": 1, "z": 2}, "base": {"x": {"y": 1}}}


def test_the_value_forms_take_scalars_lists_and_mappings() -> None:
    tree = {
        "a": "${copy:source.list}",
        "b": "${inherit_from:source.number}",
        "c": "${copy:source.map}",
        "source": {"list": [1], "number": 2, "map": {"k": 3}},
    }

    assert applied(tree) == {"a": [1], "b": 2, "c": {"k": 3}, "source": {"list": [1], "map": {"k": 3}}}


def test_several_may_inherit_from_the_same_source() -> None:
    tree = {"base": {"x": 1}, "one": {"_inherit_from": "base"}, "two": {"_inherit_from": "base", "y": 2}}

    assert applied(tree) == {"one": {"x": 1}, "two": {"x": 1, "y": 2}}


def test_a_source_may_itself_inherit_whatever_the_order() -> None:
    chain = {"c": {"_inherit_from": "b", "z": 3}, "b": {"_inherit_from": "a", "y": 2}, "a": {"x": 1}}

    assert applied(chain) == {"c": {"x": 1, "y": 2, "z": 3}}
    assert applied(dict(reversed(chain.items()))) == {"c": {"x": 1, "y": 2, "z": 3}}


def test_a_source_may_lie_inside_something_inherited() -> None:
    tree = {"a": {"deep": {"x": 1}}, "b": {"_copy": "a"}, "c": {"_copy": "b.deep"}}

    assert applied(tree) == {"a": {"deep": {"x": 1}}, "b": {"deep": {"x": 1}}, "c": {"x": 1}}


def test_directives_work_inside_lists_and_mappings() -> None:
    tree = {"base": {"x": 1}, "list": [{"_copy": "base", "y": 2}, [{"_copy": "base"}]], "m": {"n": {"_copy": "base"}}}

    assert applied(tree) == {"base": {"x": 1}, "list": [{"x": 1, "y": 2}, [{"x": 1}]], "m": {"n": {"x": 1}}}


def test_keys_are_deleted_own_and_inherited_ones() -> None:
    tree = {
        "base": {"a": 1, "b": 2, "c": 3},
        "own": {"_inherit_from": "base", "_delete_key": "a, d", "d": "${copy:no}"},
    }

    assert applied(tree) == {"own": {"b": 2, "c": 3}}
    assert applied({"own": {"_delete_key": ["a"], "a": 1, "b": 2}}) == {"own": {"b": 2}}
    assert applied({"base": {"a": 1}, "own": {"_inherit_from": "base", "a": 2, "_delete_key": "a"}}) == {"own": {}}


def test_a_key_is_deleted_below_a_mapping_that_inherits() -> None:
    tree = {"base": {"extra": {"a": 1, "b": 2}}, "own": {"_inherit_from": "base", "extra": {"_delete_key": "a"}}}

    assert applied(tree) == {"own": {"extra": {"b": 2}}}


def test_deleting_an_absent_key_is_fine_unless_it_should_have_been_inherited() -> None:
    assert applied({"own": {"_delete_key": "x", "y": 1}}) == {"own": {"y": 1}}

    message = refusal({"base": {"verify": 1}, "own": {"_inherit_from": "base", "_delete_key": "verfy"}})
    assert "'own._delete_key' names 'verfy', which is not there. Meant 'verify'?" in message


def test_an_unset_source_makes_the_target_unset() -> None:
    tree = {"a": "${copy:s.x}", "b": {"_copy": "s.x.y", "k": 1}, "s": {"x": "???"}}

    assert applied(tree) == {"a": "???", "b": "???", "s": {"x": "???"}}


def test_a_set_value_is_kept_under_an_unset_one() -> None:
    assert applied({"base": {"x": 1}, "own": {"_copy": "base", "x": "???"}})["own"] == {"x": 1}


def test_a_source_with_dots_in_its_name_is_found() -> None:
    assert applied({"gpt-4.1": {"x": 1}, "own": {"_inherit_from": "gpt-4.1"}}) == {"own": {"x": 1}}


def test_what_was_taken_from_inside_another_source_is_still_in_that_source_for_others() -> None:
    tree = {"base": {"x": {"k": 1}}, "part": {"_inherit_from": "base.x"}, "whole": {"_copy": "base"}}

    assert applied(tree) == {"base": {}, "part": {"k": 1}, "whole": {"x": {"k": 1}}}


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        (
            {"own": {"_copy": "bse"}, "base": {}},
            "'own' takes its value from 'bse', which does not exist. Meant 'base'?",
        ),
        ({"own": "${copy:base.y}", "base": {"x": 1}}, "'own' takes its value from 'base.y', which does not exist"),
        ({"own": {"_copy": "base.x.y"}, "base": {"x": 1}}, "does not exist"),
        ({"own": {"_copy": "base"}, "base": [1]}, "'own' inherits from 'base', which is no mapping but a list"),
        ({"own": {"_copy": "own"}}, "'own' takes its value from itself: own -> own"),
        ({"a": {"_copy": "b"}, "b": {"_copy": "a"}}, "takes its value from itself: a -> b -> a"),
        ({"a": {"b": {"_copy": "a"}}}, "takes its value from itself"),
        ({"a": "${copy:a}"}, "takes its value from itself"),
        ({"a": {"_copy": "b", "_inherit_from": "b"}, "b": {}}, "has both '_inherit_from' and '_copy'"),
        ({"a": {"_copy": ["b"]}, "b": {}}, "'a._copy' must be a dotted path"),
        ({"a": {"_delete_key": 3}}, "'a._delete_key' must name keys"),
    ],
)
def test_a_directive_that_cannot_be_followed_is_refused(tree: dict[str, Any], message: str) -> None:
    assert message in refusal(tree)
