from typing import Any

import pytest

from polygym import FailureClass, RolloutFailure
from polygym.servers.schemas import explain_mismatch


def problem(value: Any, schema: dict[str, Any]) -> str | None:
    """What is wrong with `value` as the argument `a`."""
    return explain_mismatch("look", {"a": value}, {"type": "object", "properties": {"a": schema}})


@pytest.mark.parametrize(
    ("schema", "value", "said"),
    [
        ({"type": "integer"}, "3", "a: Input should be a valid integer (got '3')"),
        ({"type": "integer"}, True, "a: Input should be a valid integer (got True)"),
        ({"type": ["string", "null"]}, 3, "a: Input should be a valid string or null (got 3)"),
        ({"enum": ["x", "y", 3]}, "z", "a: Input should be 'x', 'y' or 3 (got 'z')"),
        ({"const": "x"}, "z", "a: Input should be 'x' (got 'z')"),
        ({"minimum": 1}, 0, "a: Input should be greater than or equal to 1 (got 0)"),
        ({"maximum": 1}, 2, "a: Input should be less than or equal to 1 (got 2)"),
        ({"exclusiveMinimum": 1}, 1, "a: Input should be greater than 1 (got 1)"),
        ({"exclusiveMaximum": 1}, 1, "a: Input should be less than 1 (got 1)"),
        ({"multipleOf": 5}, 4, "a: Input should be a multiple of 5 (got 4)"),
        ({"minLength": 2}, "x", "a: String should have at least 2 characters (got 'x')"),
        ({"maxLength": 1}, "xy", "a: String should have at most 1 characters (got 'xy')"),
        ({"pattern": "^x{2}$"}, "xy", "a: String should match pattern '^x{2}$' (got 'xy')"),
        ({"minItems": 1}, [], "a: List should have at least 1 items (got [])"),
        ({"maxItems": 1}, [1, 2], "a: List should have at most 1 items (got [1, 2])"),
        ({"uniqueItems": True}, [1, 1], "a: List should have no item twice (got [1, 1])"),
        ({"items": {"type": "string"}}, ["x", 3], "a.1: Input should be a valid string (got 3)"),
        ({"required": ["x", "y"]}, {"x": 1}, "a.y: Field required"),
        ({"properties": {"x": {}}, "additionalProperties": False}, {"y": 1}, "a.y: Extra inputs are not permitted"),
        (
            {"patternProperties": {"^x": {}}, "additionalProperties": False},
            {"xa": 1, "y": 1},
            "a.y: Extra inputs are not permitted (got 1)",
        ),
        ({"additionalProperties": {"type": "string"}}, {"x": 1}, "a.x: Input should be a valid string (got 1)"),
        ({"not": {"type": "string"}}, "x", "a: Input does not fit not {'type': 'string'} (got 'x')"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, 3, "a: Input should be a valid"),
        ({"oneOf": [{"type": "integer"}, {"minimum": 2}]}, 3, "a: Input does not fit oneOf"),
    ],
)
def test_what_does_not_fit_is_named_with_its_place_the_rule_and_the_value(
    schema: dict[str, Any], value: Any, said: str
) -> None:
    found = problem(value, schema)

    assert found is not None and found.startswith(said)


def test_what_fits_is_no_problem() -> None:
    assert problem({"x": [1, 2.0]}, {"properties": {"x": {"items": {"type": "integer"}}}}) is None
    assert explain_mismatch("look", {}, {}) is None


def test_a_huge_value_or_hundreds_of_problems_make_a_short_message() -> None:
    assert len(problem("x" * 1_000_000, {"type": "integer"}) or "") < 200

    many = problem(["x"] * 5000, {"items": {"type": "integer"}})
    assert many is not None and many.endswith("; and more") and len(many) < 2000


def test_thousands_of_objects_are_compared_at_once() -> None:
    objects = [{"number": number, "more": {"a": 1}} for number in range(20_000)]

    assert problem(objects, {"uniqueItems": True}) is None
    assert problem([*objects, {"more": {"a": 1}, "number": 7}], {"uniqueItems": True}) is not None


def test_references_inside_the_schema_are_followed() -> None:
    tree = {"type": "object", "properties": {"below": {"$ref": "#"}, "name": {"type": "string"}}}

    assert explain_mismatch("look", {"below": {"name": 3}}, tree) == (
        "below.name: Input should be a valid string (got 3)"
    )


def test_arguments_nested_deeper_than_python_can_follow_are_refused() -> None:
    arguments: dict[str, Any] = {}
    for _ in range(3000):
        arguments = {"below": arguments}

    assert explain_mismatch("look", arguments, {"properties": {"below": {"$ref": "#"}}}) == "Input is nested too deeply"


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "objekt"},
        {"properties": {"a": {"$ref": "http://127.0.0.1:9/schema.json"}}},
        {"properties": {"a": {"$ref": "#/$defs/missing"}}},
        {"properties": {"a": {"pattern": "("}}},
    ],
)
def test_a_schema_that_is_none_is_a_failure_of_the_environment(schema: dict[str, Any]) -> None:
    with pytest.raises(RolloutFailure, match="the parameters of tool look are no valid JSON Schema") as caught:
        explain_mismatch("look", {"a": "x"}, schema)

    assert caught.value.failure_class is FailureClass.TOOL_ERROR


def test_an_older_draft_is_read_as_what_it_says_it_is() -> None:
    draft4 = {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "properties": {"a": {"minimum": 1, "exclusiveMinimum": True}},
    }

    assert explain_mismatch("look", {"a": 1}, draft4) is not None
    assert explain_mismatch("look", {"a": 2}, draft4) is None
