"""Values that fit a JSON Schema, for property tests: of the keywords that tools' schemas use."""

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

Schema = Mapping[str, Any]
SCALARS = st.none() | st.booleans() | st.integers(-1000, 1000) | st.text(max_size=5)


def fitting(schema: Schema, root: Schema | None = None, depth: int = 0) -> st.SearchStrategy[Any]:
    """Values that fit `schema`, which lies inside of `root`. Raises KeyError for a schema it cannot read."""
    root = schema if root is None else root
    if "$ref" in schema:
        found: Any = root
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        return st.deferred(lambda: fitting(found, root, depth + 1))
    for branches in ("anyOf", "oneOf"):
        if branches in schema:
            return st.one_of([fitting(branch, root, depth) for branch in schema[branches]])
    if "enum" in schema or "const" in schema:
        return st.sampled_from(schema.get("enum") or [schema["const"]])
    kind = schema.get("type")
    if kind is None:
        return SCALARS
    return {"array": _arrays, "object": _objects}[kind](schema, root, depth) if kind in _DEEP else _LEAVES[kind](schema)


_DEEP = ("array", "object")


def _numbers(schema: Schema) -> st.SearchStrategy[Any]:
    lowest, highest = schema.get("minimum"), schema.get("maximum")
    return st.floats(
        lowest if lowest is not None else schema.get("exclusiveMinimum"),
        highest if highest is not None else schema.get("exclusiveMaximum"),
        exclude_min="exclusiveMinimum" in schema,
        exclude_max="exclusiveMaximum" in schema,
        allow_nan=False,
        allow_infinity=False,
    )


def _integers(schema: Schema) -> st.SearchStrategy[int]:
    step = schema.get("multipleOf", 1)
    lowest = schema.get("minimum", schema.get("exclusiveMinimum", -(2**40)) + ("exclusiveMinimum" in schema))
    highest = schema.get("maximum", schema.get("exclusiveMaximum", 2**40) - ("exclusiveMaximum" in schema))
    return st.integers(-(-lowest // step), highest // step).map(lambda number: number * step)


def _strings(schema: Schema) -> st.SearchStrategy[str]:
    if "pattern" in schema:
        return st.from_regex(schema["pattern"], fullmatch=True)
    formats: dict[str, st.SearchStrategy[str]] = {
        "date": st.dates().map(str),
        "date-time": st.datetimes().map(lambda moment: moment.isoformat()),
        "time": st.times().map(lambda moment: moment.isoformat()),
        "duration": st.integers(0, 10**6).map(lambda seconds: f"PT{seconds}S"),
        "uuid": st.uuids().map(str),
    }
    return formats.get(
        schema.get("format", ""), st.text(min_size=schema.get("minLength", 0), max_size=schema.get("maxLength"))
    )


_LEAVES: Mapping[str, Any] = {
    "null": lambda _: st.none(),
    "boolean": lambda _: st.booleans(),
    "integer": _integers,
    "number": _numbers,
    "string": _strings,
}


def _arrays(schema: Schema, root: Schema, depth: int) -> st.SearchStrategy[list[Any]]:
    shortest = schema.get("minItems", 0)
    longest = max(shortest, min(schema.get("maxItems", 4), 0 if depth > 3 else 4))
    if "prefixItems" in schema:
        parts = [fitting(part, root, depth + 1) for part in schema["prefixItems"]]
        return st.integers(shortest, len(parts)).flatmap(lambda size: st.tuples(*parts[:size])).map(list)
    unique = repr if schema.get("uniqueItems") else None
    items = fitting(schema.get("items", {}), root, depth + 1)
    return st.lists(items, min_size=shortest, max_size=longest, unique_by=unique)


def _objects(schema: Schema, root: Schema, depth: int) -> st.SearchStrategy[dict[str, Any]]:
    properties = {name: fitting(part, root, depth + 1) for name, part in schema.get("properties", {}).items()}
    required = {name: properties.pop(name) for name in schema.get("required", ())}
    listed = st.fixed_dictionaries(required, optional=properties)
    further = schema.get("additionalProperties")
    if not isinstance(further, Mapping) and further is not True:
        return listed
    names = fitting({"type": "string", **schema.get("propertyNames", {})}, root, depth + 1)
    values = fitting(further if isinstance(further, Mapping) else {}, root, depth + 1)
    return st.builds(lambda more, given: {**more, **given}, st.dictionaries(names, values, max_size=3), listed)
