"""Values that satisfy a JSON Schema, for hypothesis to draw. Needs the packages of the extra `kit`.

Knows the keywords that tools use. What it draws is checked against the whole schema, so a keyword that it doesn't know
costs draws and gives no wrong value.
"""

import base64
import datetime
import re
import uuid
from collections.abc import Mapping
from typing import Annotated, Any, Final, TypeAlias

from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument
from jsonschema import Draft202012Validator
from pydantic import StringConstraints, TypeAdapter, ValidationError
from pydantic_core import SchemaError

from polygym.protocol.json import JsonObject

Schema: TypeAlias = JsonObject | bool
Values: TypeAlias = "st.SearchStrategy[Any]"

DEEPEST: Final = 5
"""References followed into each other before optional parts are left out."""
_LONGEST: Final = 6
"""Items of a list beyond its minimum."""

_TEXT: Final = st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=20)
_SCALARS: Final = (
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | _TEXT
)
ANY_JSON: Final = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3), max_leaves=8
)
"""Any JSON value, not too large."""

_DATES: Final = st.dates(datetime.date(1900, 1, 1), datetime.date(2200, 12, 31)).map(str)
_TIMES: Final = st.times().map(lambda time: f"{time.isoformat(timespec='seconds')}Z")
_FORMATS: Final[Mapping[str, Values]] = {
    "date": _DATES,
    "time": _TIMES,
    "date-time": st.tuples(_DATES, _TIMES).map("T".join),
    "duration": st.integers(0, 10**6).map(lambda seconds: f"PT{seconds}S"),
    "email": st.from_regex(r"[a-z]{1,10}@[a-z]{2,10}\.(com|org)", fullmatch=True),
    "uri": st.from_regex(r"https://[a-z]{2,10}\.org/[a-z]{0,10}", fullmatch=True),
    "ipv4": st.ip_addresses(v=4).map(str),
    "ipv6": st.ip_addresses(v=6).map(str),
    "uuid": st.uuids().map(lambda value: str(uuid.UUID(int=value.int))),
    "binary": _TEXT,
    "base64": st.binary(max_size=20).map(lambda value: base64.b64encode(value).decode()),
}


def values_of(schema: Schema) -> Values:
    """Values that satisfy `schema`. Drawing raises hypothesis' Unsatisfiable when none is found."""
    validator = Draft202012Validator(schema)
    return _values(schema, schema, 0).filter(validator.is_valid)


def _values(schema: Schema, root: Schema, depth: int) -> Values:
    if isinstance(schema, bool):
        return ANY_JSON if schema else st.nothing()
    if "$ref" in schema:
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        return st.deferred(lambda: _values(_both(_resolve(schema["$ref"], root), rest), root, depth + 1))
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    for key in ("anyOf", "oneOf"):
        if key in schema:
            rest = {name: value for name, value in schema.items() if name != key}
            branches = [_values(_both(rest, branch), root, depth) for branch in schema[key]]
            return st.one_of(branches)
    if "allOf" in schema:
        merged: Schema = {name: value for name, value in schema.items() if name != "allOf"}
        for part in schema["allOf"]:
            merged = _both(merged, _followed(part, root))
        return _values(merged, root, depth)
    return st.one_of([_of_type(name, schema, root, depth) for name in _types(schema)])


def _both(one: Schema, other: Schema) -> Schema:
    """A schema near to the conjunction of two; the filter at the end makes up for the rest."""
    if isinstance(one, bool) or isinstance(other, bool):
        rest = other if isinstance(one, bool) else one
        return False if False in (one, other) else rest
    merged = {**one, **other}
    if "properties" in one and "properties" in other:
        merged["properties"] = {**one["properties"], **other["properties"]}
    if "required" in one and "required" in other:
        merged["required"] = [*one["required"], *other["required"]]
    return merged


def _followed(schema: Schema, root: Schema) -> Schema:
    return _resolve(schema["$ref"], root) if isinstance(schema, dict) and "$ref" in schema else schema


def _resolve(reference: str, root: Schema) -> Schema:
    """The schema at `#/a/b` of `root`. Raises LookupError or TypeError when there is none."""
    place: Any = root
    for part in reference.removeprefix("#").strip("/").split("/"):
        if part:
            key = part.replace("~1", "/").replace("~0", "~")
            place = place[int(key)] if isinstance(place, list) else place[key]
    found: Schema = place
    return found


def _types(schema: JsonObject) -> list[str]:
    given = schema.get("type")
    if isinstance(given, str):
        return [given]
    if given:
        return list(given)
    hints = {"properties": "object", "required": "object", "items": "array", "prefixItems": "array"}
    hints |= {"pattern": "string", "format": "string", "minLength": "string", "minimum": "number", "maximum": "number"}
    found = list(dict.fromkeys(kind for key, kind in hints.items() if key in schema))
    return found or ["null", "boolean", "number", "string"]


def _of_type(name: str, schema: JsonObject, root: Schema, depth: int) -> Values:
    if name == "object":
        return _objects(schema, root, depth)
    if name == "array":
        return _arrays(schema, root, depth)
    if name == "string":
        return _strings(schema)
    if name in ("integer", "number"):
        return _numbers(schema, is_whole=name == "integer")
    return st.booleans() if name == "boolean" else st.none()


def _strings(schema: JsonObject) -> Values:
    least, most = schema.get("minLength", 0), schema.get("maxLength")
    if "pattern" in schema:
        return _matching(schema["pattern"])
    if schema.get("format") in _FORMATS:
        return _FORMATS[schema["format"]]
    longest = least + 20 if most is None else most
    return st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=least, max_size=longest)


def _matching(pattern: str) -> Values:
    """Texts that match for Python and for pydantic, whose `$` takes no line break; ASCII where the pattern is."""
    anchored = _END.sub(r"\g<1>\\Z", pattern)
    texts = st.from_regex(anchored, alphabet=st.characters(codec="ascii"))
    try:
        texts.validate()
    except InvalidArgument:
        texts = st.from_regex(anchored)  # it asks for other characters
    try:
        adapter = TypeAdapter(Annotated[str, StringConstraints(pattern=pattern)])
    except SchemaError:
        return texts  # pydantic's engine knows less than Python's; a tool with such a pattern uses Python's

    def is_taken(text: str) -> bool:
        try:
            adapter.validate_python(text)
        except ValidationError:
            return False
        return True

    return texts.filter(is_taken)


_END: Final = re.compile(r"(?<!\\)((?:\\\\)*)\$\Z")
"""The `$` that ends a pattern."""


def _numbers(schema: JsonObject, *, is_whole: bool) -> Values:
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    step = schema.get("multipleOf")
    lowest = max((value for value in (low, above) if value is not None), default=None)
    highest = min((value for value in (high, below) if value is not None), default=None)
    if is_whole or step is not None:
        unit = 1 if step is None else step
        first = None if lowest is None else -int(-lowest // unit) + int(above == lowest and lowest % unit == 0)
        last = None if highest is None else int(highest // unit) - int(below == highest and highest % unit == 0)
        if first is None and last is None:
            first, last = -(10**6), 10**6
        return st.integers(first, last).map(lambda count: count * unit)
    return st.floats(
        lowest,
        highest,
        exclude_min=above is not None and above == lowest,
        exclude_max=below is not None and below == highest,
        allow_nan=False,
        allow_infinity=False,
    )


def _arrays(schema: JsonObject, root: Schema, depth: int) -> Values:
    first: list[Schema] = schema.get("prefixItems", [])
    rest: Schema = schema.get("items", True)
    least = schema.get("minItems", 0)
    most = schema.get("maxItems", max(least, len(first)) + (0 if depth > DEEPEST else _LONGEST))
    heads = st.tuples(*(_values(each, root, depth) for each in first)).map(list)
    if rest is False or most <= len(first):
        return heads.map(lambda items: items[:most])
    tails = st.lists(
        _values(rest, root, depth + 1),
        min_size=max(0, least - len(first)),
        max_size=most - len(first),
        unique_by=repr if schema.get("uniqueItems") else None,
    )
    return st.tuples(heads, tails).map(lambda pair: [*pair[0], *pair[1]])


def _objects(schema: JsonObject, root: Schema, depth: int) -> Values:
    properties: dict[str, Schema] = schema.get("properties", {})
    required = set(schema.get("required", ()))
    needed = {name: _values(properties.get(name, True), root, depth) for name in sorted(required)}
    optional = {name: part for name, part in properties.items() if name not in required and depth <= DEEPEST}
    known = st.fixed_dictionaries(
        needed, optional={name: _values(part, root, depth + 1) for name, part in optional.items()}
    )
    other: Schema = schema.get("additionalProperties", not properties)
    least = max(0, schema.get("minProperties", 0) - len(required))
    if other is False or (not least and depth > DEEPEST):
        return known
    extra = st.dictionaries(_TEXT.filter(bool), _values(other, root, depth + 1), min_size=least, max_size=least + 2)
    return st.tuples(extra, known).map(lambda pair: {**pair[0], **pair[1]})
