"""Values drawn for a schema satisfy it, whatever the schema says."""

import re

import pytest
from hypothesis.errors import HypothesisException
from jsonschema import Draft202012Validator

from polygym import JsonObject
from polygym.kit.drawing import draw
from polygym.kit.schema_values import values_of

SCHEMAS: list[JsonObject | bool] = [
    True,
    {},
    {"type": "integer", "minimum": 3, "exclusiveMaximum": 9, "multipleOf": 2},
    {"type": "integer", "exclusiveMinimum": -2, "maximum": -1},
    {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
    {"type": "number", "multipleOf": 0.5, "minimum": 1.2},
    {"type": ["string", "null"], "maxLength": 3},
    {"type": "string", "pattern": "^[A-Z]{2}-[0-9]+$"},
    {"type": "string", "minLength": 30},
    *({"type": "string", "format": name} for name in ("date", "date-time", "uuid", "email", "ipv4", "duration")),
    {"enum": [1, "two", None]},
    {"const": {"a": [1]}},
    {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 3, "uniqueItems": True},
    {"type": "array", "prefixItems": [{"type": "string"}, {"type": "boolean"}], "items": False, "minItems": 2},
    {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a", "b"], "additionalProperties": True},
    {"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 2},
    {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "null"}}]},
    {"oneOf": [{"type": "integer"}, {"type": "number", "maximum": 0}]},
    {
        "allOf": [
            {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
            {"properties": {"b": {"type": "boolean"}}, "required": ["b"]},
        ]
    },
    {
        "$defs": {
            "tree": {
                "type": "object",
                "properties": {
                    "value": {"type": "integer"},
                    "children": {"type": "array", "items": {"$ref": "#/$defs/tree"}},
                },
                "required": ["value"],
                "additionalProperties": False,
            }
        },
        "$ref": "#/$defs/tree",
    },
    {"minimum": 5},
]


@pytest.mark.parametrize("schema", SCHEMAS, ids=str)
def test_values_satisfy_their_schema(schema: JsonObject | bool) -> None:
    values = draw(values_of(schema), 30)

    assert values
    for value in values:
        Draft202012Validator(schema).validate(value)


def test_optional_properties_are_there_now_and_then() -> None:
    schema: JsonObject = {"type": "object", "properties": {"a": {"type": "integer"}}, "additionalProperties": False}

    assert {len(value) for value in draw(values_of(schema), 30)} == {0, 1}


@pytest.mark.parametrize("pattern", ["^[0-9]+$", r"^\d{2}:\d{2}$", r"^\w+$", "^é+$", "^(?!x)[a-z]+$"])
def test_texts_of_a_pattern_end_without_a_line_break_and_hold_no_foreign_digits(pattern: str) -> None:
    texts = draw(values_of({"type": "string", "pattern": pattern}), 30)

    assert texts
    assert all(re.fullmatch(pattern.removesuffix("$"), text) for text in texts)
    assert all(char.isascii() or char == "é" for text in texts for char in text)


def test_a_schema_that_nothing_satisfies_is_told() -> None:
    with pytest.raises(HypothesisException):
        draw(values_of({"type": "integer", "minimum": 3, "not": {"type": "integer"}}), 5)
