"""Random arguments are valid arguments: an independent JSON Schema validator is the judge."""

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from polygym import JsonObject
from responses_api_models.random_model.random_arguments import random_arguments
from responses_api_models.random_model.schema_check import UnsatisfiableError, accepts

SEEDS = range(40)


def value_of(schema: Any, seed: int, **definitions: Any) -> Any:
    """A random value of `schema`, checked by jsonschema as the property of an object."""
    parameters = {"type": "object", "properties": {"it": schema}, "required": ["it"], "$defs": definitions}
    arguments = random_arguments(parameters, Random(seed))
    Draft202012Validator(parameters).validate(arguments)
    return arguments["it"]


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string"},
        {"type": "string", "minLength": 30, "maxLength": 32},
        {"type": "string", "maxLength": 0},
        {"type": "string", "enum": ["a", "b"]},
        {"enum": [1, "a", None, True, {"k": []}], "type": ["integer", "null"]},
        {"const": {"k": [1, 2]}},
        {"const": None},
        {"type": "integer", "minimum": 3, "maximum": 3},
        {"type": "integer", "exclusiveMinimum": 3, "exclusiveMaximum": 5},
        {"type": "integer", "minimum": -7, "maximum": 7, "multipleOf": 7},
        {"type": "integer", "minimum": 10**30},
        {"type": "integer", "maximum": -5},
        {"type": "integer", "multipleOf": 1.5},
        {"type": "number", "minimum": 0, "maximum": 1},
        {"type": "number", "exclusiveMinimum": 0.5, "exclusiveMaximum": 0.500001},
        {"type": "number", "minimum": -1e308, "maximum": 1e308},
        {"type": "number", "multipleOf": 0.01},
        {"type": "number", "multipleOf": 0.1, "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        {"type": "number", "const": 2.5},
        {"type": "boolean"},
        {"type": "null"},
        {"type": ["string", "null"], "minLength": 5},
        {"type": "string", "nullable": True},
        {},
        True,
        {"minimum": 5},
        {"minLength": 2},
        {"items": {"type": "integer"}},
        {"properties": {"a": {"type": "integer"}}, "required": ["a"]},
        {"not": {"type": "string"}},
        {"type": "integer", "not": {"minimum": 5}},
        {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 4},
        {"type": "array", "items": {"type": "integer"}, "maxItems": 0},
        {"type": "array", "items": {"enum": [1, 2, 3]}, "uniqueItems": True, "minItems": 3},
        {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "items": False, "minItems": 2},
        {"type": "array", "contains": {"const": 7}, "items": {"type": "integer"}},
        {"type": "array", "contains": {"const": 7}, "minContains": 2, "maxContains": 2},
        {"type": "array", "items": {"type": "array", "items": {"type": "array", "items": {"type": "boolean"}}}},
        {"type": "object", "additionalProperties": False},
        {"type": "object", "required": ["undeclared"]},
        {"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 3},
        {"type": "object", "properties": {"a": {}, "b": {}, "c": {}}, "maxProperties": 1},
        {"type": "object", "properties": {"a": {}, "b": {}, "c": {}}, "minProperties": 2},
        {"type": "object", "properties": {"a": False, "b": {"type": "string"}}},
        {"type": "object", "patternProperties": {"^x-": {"type": "integer"}}, "required": ["x-a"]},
        {
            "type": "object",
            "patternProperties": {"^x-[a-z]{4}$": {"type": "integer"}},
            "additionalProperties": False,
            "minProperties": 2,
        },
        {"type": "object", "propertyNames": {"pattern": "^[A-Z]{5}$"}, "minProperties": 2},
        {"type": "object", "properties": {"a": {}, "b": {"const": 1}}, "dependentRequired": {"a": ["b"]}},
        {"type": "object", "properties": {"a": {}}, "dependentSchemas": {"a": {"required": ["b"]}}},
        {"anyOf": [{"type": "string"}, {"type": "null"}]},
        {"oneOf": [{"type": "integer"}, {"type": "number", "minimum": 5}]},
        {"oneOf": [{"type": "integer", "multipleOf": 3}, {"type": "integer", "multipleOf": 5}]},
        {"anyOf": [False, {"const": 1}]},
        {"type": "string", "anyOf": [{"minLength": 20}, {"maxLength": 2}]},
        {"allOf": [{"type": "number", "minimum": 2}, {"type": "integer", "maximum": 4}]},
        {"allOf": [{"enum": [1, 2, 3]}, {"enum": [3, 4]}]},
        {"allOf": [{"multipleOf": 4, "type": "integer"}, {"multipleOf": 6, "minimum": 1, "maximum": 12}]},
        {
            "allOf": [
                {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
                {"properties": {"a": {"minimum": 7}, "b": {"type": "string"}}, "required": ["b"]},
            ]
        },
        {
            "allOf": [
                {"properties": {"a": {}}, "additionalProperties": False},
                {"type": "object", "properties": {"a": {"type": "integer"}, "b": {}, "c": {}, "d": {}, "e": {}}},
            ]
        },
        {
            "type": "object",
            "properties": {"kind": {"enum": ["card", "cash"]}, "number": {"type": "string"}},
            "required": ["kind"],
            "if": {"properties": {"kind": {"const": "card"}}},
            "then": {"required": ["number"]},
            "else": {"properties": {"number": False}},
        },
        {
            "oneOf": [
                {
                    "type": "object",
                    "properties": {"by": {"const": "id"}, "id": {"type": "integer"}},
                    "required": ["by"],
                },
                {"type": "object", "properties": {"by": {"const": "name"}}, "required": ["by"]},
            ]
        },
    ],
    ids=str,
)
@pytest.mark.parametrize("first_seed", [0, 1000])
def test_arguments_satisfy_the_schema(schema: Any, first_seed: int) -> None:
    for seed in SEEDS:
        value_of(schema, first_seed + seed)


@pytest.mark.parametrize(
    "pattern",
    [
        "^[A-Z]{3}-[0-9]{4}$",
        r"^\d{4}-\d{2}-\d{2}$",
        r"^\+?[1-9]\d{1,14}$",
        "^(GET|POST|PUT)$",
        r"^[^@\s]+@[^@\s]+\.[a-z]{2,}$",
        "^#(?:[0-9a-fA-F]{3}){1,2}$",
        "a+b*c?",
        r"^[\w.-]+$",
        r"^\u00e4[\x41-\x43]$",
        r"^(?P<key>\w+)=.{2,5}$",
        "^$",
        r"^[]a]\]{2}\{x$",
        "^a{0,2}b{3,}c{2}?$",
        "x|^yz$",
        r"\bword\b",
        "^[a-]{2}[^-a-y]$",
    ],
)
def test_texts_match_patterns(pattern: str) -> None:
    for seed in SEEDS:
        value_of({"type": "string", "pattern": pattern}, seed)


def test_texts_match_a_pattern_and_a_length_together() -> None:
    for seed in SEEDS:
        value_of({"type": "string", "pattern": "^[a-z]+$", "minLength": 25, "maxLength": 30}, seed)
        value_of({"type": "string", "pattern": "^[a-z]+$", "minLength": 1, "maxLength": 2}, seed)


@pytest.mark.parametrize(
    "pattern", [r"(a)\1", "(?=a)a", r"\p{L}+", "(unclosed", "[unclosed", "*", "a**", "[z-a]", "a)"]
)
def test_a_pattern_beyond_understanding_is_said_to_be_unsatisfiable(pattern: str) -> None:
    with pytest.raises(UnsatisfiableError):
        random_arguments({"properties": {"it": {"type": "string", "pattern": pattern}}, "required": ["it"]}, Random(0))


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("date", r"\d{4}-\d\d-\d\d"),
        ("time", r"\d\d:\d\d:\d\dZ"),
        ("date-time", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"),
        ("duration", r"P\d+DT\d+H"),
        ("email", r"[a-z]+@[a-z.]+"),
        ("hostname", r"[a-z.]+"),
        ("ipv4", r"\d+\.\d+\.\d+\.\d+"),
        ("ipv6", r"[0-9a-f:]+"),
        ("uri", r"https://[a-z./]+"),
        ("uuid", r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"),
        ("some-format-of-ones-own", r".+"),
    ],
)
def test_texts_look_like_their_format(name: str, pattern: str) -> None:
    for seed in SEEDS:
        value = value_of({"type": "string", "format": name}, seed)
        assert accepts(value, {"pattern": f"^(?:{pattern})$"}, {})


def test_references_are_followed() -> None:
    definitions = {
        "city": {"type": "string", "enum": ["Oslo", "Turin"]},
        "a/b~c": {"type": "integer"},
        "place": {"type": "object", "properties": {"city": {"$ref": "#/$defs/city"}}, "required": ["city"]},
    }
    for seed in SEEDS:
        assert value_of({"$ref": "#/$defs/place"}, seed, **definitions)["city"] in ("Oslo", "Turin")
        assert isinstance(value_of({"$ref": "#/$defs/a~1b~0c"}, seed, **definitions), int)
        assert value_of({"$ref": "#/$defs/city", "const": "Oslo"}, seed, **definitions) == "Oslo"
        assert value_of({"$ref": "#/$defs/place/properties/city"}, seed, **definitions) in ("Oslo", "Turin")


def test_recursive_schemas_come_to_an_end() -> None:
    tree = {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "left": {"anyOf": [{"$ref": "#/$defs/tree"}, {"type": "null"}]},
            "children": {"type": "array", "items": {"$ref": "#/$defs/tree"}},
        },
        "required": ["name", "left"],
    }
    for seed in SEEDS:
        value_of({"$ref": "#/$defs/tree"}, seed, tree=tree)
    itself: JsonObject = {"type": "object", "properties": {"next": {"$ref": "#"}, "value": {"type": "integer"}}}
    for seed in SEEDS:
        Draft202012Validator(itself).validate(random_arguments(itself, Random(seed)))


@pytest.mark.parametrize("schema", [None, True, {}, {"type": "object"}, {"type": ["object", "null"]}, {"title": "T"}])
def test_any_object_will_do_where_nothing_is_asked(schema: Any) -> None:
    assert random_arguments(schema, Random(0)) == {}


def test_draft_4_and_draft_3_spellings_are_understood() -> None:
    excluded = {"type": "integer", "minimum": 1, "exclusiveMinimum": True, "maximum": 3, "exclusiveMaximum": True}
    tuple_items = {"type": "array", "items": [{"type": "boolean"}], "additionalItems": False, "minItems": 1}
    schema = {
        "type": "object",
        "properties": {"two": excluded, "flags": tuple_items, "old": {"type": "string", "required": True}},
        "required": ["two", "flags", "old"],
        "dependencies": {"two": ["more"]},
    }
    for seed in SEEDS:
        arguments = random_arguments(schema, Random(seed))
        assert arguments["two"] == 2
        assert len(arguments["flags"]) == 1
        assert isinstance(arguments["flags"][0], bool)
        assert "more" in arguments


@pytest.mark.parametrize(
    "schema",
    [
        False,
        {"type": "string"},
        {"required": ["a"], "properties": {"a": False}},
        {"required": ["a"], "properties": {"a": {"type": "float"}}},
        {"required": ["a"], "properties": {"a": {"minimum": 5, "maximum": 4, "type": "integer"}}},
        {"required": ["a"], "properties": {"a": {"enum": []}}},
        {"required": ["a"], "properties": {"a": {"enum": ["x"], "type": "integer"}}},
        {"required": ["a"], "properties": {"a": {"$ref": "#/$defs/missing"}}},
        {"required": ["a"], "properties": {"a": {"$ref": "https://elsewhere.example/schema"}}},
        {"required": ["a"], "properties": {"a": {"$ref": "#/properties/a"}}},
        {"required": ["a"], "properties": {"a": {"type": "array", "minItems": 10**9}}},
        {
            "required": ["a"],
            "properties": {"a": {"type": "array", "items": {"type": "null"}, "uniqueItems": True, "minItems": 2}},
        },
        {"required": ["a"], "properties": {"a": {"$ref": "#"}}},
        {"properties": "no mapping", "required": ["a"]},
        {"required": ["a"], "properties": {"a": {"type": "integer", "minimum": "five"}}},
        {"required": ["a"], "properties": {"a": {"type": "integer", "multipleOf": 0}}},
        "no schema",
    ],
    ids=str,
)
def test_what_cannot_be_satisfied_is_said_to_be(schema: Any) -> None:
    with pytest.raises(UnsatisfiableError):
        random_arguments(schema, Random(0))


def test_the_same_random_numbers_give_the_same_arguments() -> None:
    schema = {"type": "object", "properties": {name: {} for name in "abcdef"}}

    assert random_arguments(schema, Random(7)) == random_arguments(schema, Random(7))
    assert len({str(random_arguments(schema, Random(seed))) for seed in SEEDS}) > 10


def test_optional_properties_are_sometimes_there_and_sometimes_not() -> None:
    schema = {"type": "object", "properties": {"a": {"const": 1}}}

    assert {len(random_arguments(schema, Random(seed))) for seed in SEEDS} == {0, 1}


def schemas() -> st.SearchStrategy[JsonObject]:
    """Schemas that some value satisfies, of every type, nested."""
    small = st.integers(0, 4)
    integers = st.builds(
        lambda low, span, step: {"type": "integer", "minimum": low, "maximum": low + span + step, "multipleOf": step},
        st.integers(-50, 50),
        small,
        st.integers(1, 9),
    )
    numbers = st.builds(
        lambda low, span: {"type": "number", "exclusiveMinimum": low, "maximum": low + span},
        st.floats(-1e6, 1e6, allow_nan=False),
        st.floats(1e-3, 1e6, allow_nan=False),
    )
    texts = st.builds(
        lambda low, span: {"type": "string", "minLength": low, "maxLength": low + span}, st.integers(0, 60), small
    )
    leaves = st.one_of(
        integers,
        numbers,
        texts,
        st.sampled_from([{"type": "boolean"}, {"type": "null"}, {"type": "string", "format": "date"}, {}]),
        st.builds(lambda values: {"enum": values}, st.lists(st.integers() | st.text() | st.none(), min_size=1)),
        st.builds(lambda value: {"const": value}, st.text() | st.booleans()),
    )
    return st.recursive(leaves, _nested, max_leaves=12)


def _nested(inner: st.SearchStrategy[JsonObject]) -> st.SearchStrategy[JsonObject]:
    small = st.integers(0, 3)
    arrays = st.builds(
        lambda items, low, span: {"type": "array", "items": items, "minItems": low, "maxItems": low + span},
        inner,
        small,
        small,
    )
    objects = st.builds(
        lambda properties, closed: {
            "type": "object",
            "properties": properties,
            "required": sorted(properties)[::2],
            "additionalProperties": not closed,
        },
        st.dictionaries(st.sampled_from(["a", "b", "c", "d e", "ü"]), inner, max_size=4),
        st.booleans(),
    )
    choices = st.builds(lambda branches: {"anyOf": branches}, st.lists(inner, min_size=1, max_size=3))
    both = st.builds(lambda one: {"allOf": [one, one]}, inner)
    return st.one_of(arrays, objects, choices, both)


@given(schema=schemas(), seed=st.integers(0, 2**32))
def test_arguments_satisfy_any_schema_that_can_be_satisfied(schema: JsonObject, seed: int) -> None:
    value_of(schema, seed)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from([0.5, 1.0]) | st.text("ab", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)


@given(value=JSON_VALUES, schema=schemas())
def test_the_check_agrees_with_an_independent_validator(value: Any, schema: JsonObject) -> None:
    assert accepts(value, schema, schema) == Draft202012Validator(schema).is_valid(value)
