"""Whether a value satisfies a JSON Schema (2020-12, and the older spellings still met in tools).

Formats are not checked, as the specification has it. Used to throw away what `random_arguments` made in vain.
"""

import re
from typing import Any, TypeAlias
from urllib.parse import unquote

from polygym import JsonObject

Schema: TypeAlias = JsonObject | bool


class UnsatisfiableError(ValueError):
    """No value was found that satisfies the schema, or it refers to something that is not there."""


def accepts(value: Any, schema: Schema, root: Schema) -> bool:
    """Whether `value` satisfies `schema`; `root` is what its references start from."""
    if isinstance(schema, bool):
        return schema
    if "$ref" in schema and not accepts(value, resolve(schema["$ref"], root), root):
        return False
    if "type" in schema and not any(is_type(value, name) for name in type_names(schema["type"])):
        return False
    if "const" in schema and not same(value, schema["const"]):
        return False
    if "enum" in schema and not any(same(value, allowed) for allowed in schema["enum"]):
        return False
    return _combines(value, schema, root) and _fits_its_kind(value, schema, root)


def resolve(reference: str, root: Schema) -> Schema:
    """The schema that `#` or `#/a/b` stands for in `root`. Raises UnsatisfiableError when there is none."""
    place: Any = root
    if not reference.startswith("#"):
        raise UnsatisfiableError(f"$ref {reference!r} leaves the tool's own schema")
    for part in reference[1:].split("/")[1:]:
        key = unquote(part).replace("~1", "/").replace("~0", "~")
        if isinstance(place, list) and key.isdigit() and int(key) < len(place):
            place = place[int(key)]
        elif isinstance(place, dict) and key in place:
            place = place[key]
        else:
            raise UnsatisfiableError(f"$ref {reference!r} leads nowhere")
    if not isinstance(place, dict | bool):
        raise UnsatisfiableError(f"$ref {reference!r} leads to no schema")
    return place


def type_names(value: str | list[str]) -> list[str]:
    """The `type` keyword as a list."""
    return [value] if isinstance(value, str) else value


_KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "integer": (int, float),
    "array": (list,),
    "object": (dict,),
    "boolean": (bool,),
    "null": (type(None),),
}


def is_type(value: Any, name: str) -> bool:
    """Whether `value` is of that JSON type; 1.0 is an integer, True is no number."""
    if isinstance(value, bool):
        return name == "boolean"
    if name == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _KINDS.get(name, ()))


def same(one: Any, other: Any) -> bool:
    """Equality of JSON values: 1 equals 1.0, but not true."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return bool(one == other)


def _combines(value: Any, schema: JsonObject, root: Schema) -> bool:
    if not all(accepts(value, part, root) for part in schema.get("allOf", ())):
        return False
    if "anyOf" in schema and not any(accepts(value, part, root) for part in schema["anyOf"]):
        return False
    if "oneOf" in schema and sum(accepts(value, part, root) for part in schema["oneOf"]) != 1:
        return False
    if "not" in schema and accepts(value, schema["not"], root):
        return False
    if "if" in schema:
        branch = "then" if accepts(value, schema["if"], root) else "else"
        return accepts(value, schema.get(branch, True), root)
    return True


def _fits_its_kind(value: Any, schema: JsonObject, root: Schema) -> bool:
    if isinstance(value, bool) or value is None:
        return True
    if isinstance(value, str):
        return _fits_string(value, schema)
    if isinstance(value, int | float):
        return _fits_number(value, schema)
    if isinstance(value, list):
        return _fits_array(value, schema, root)
    return _fits_object(value, schema, root)


def _within(size: float, schema: JsonObject, low: str, high: str) -> bool:
    return bool(schema.get(low, size) <= size <= schema.get(high, size))


def _fits_string(value: str, schema: JsonObject) -> bool:
    if not _within(len(value), schema, "minLength", "maxLength"):
        return False
    return "pattern" not in schema or matches(schema["pattern"], value)


def matches(pattern: str, text: str) -> bool:
    """Whether `pattern` is found in `text`; one that Python cannot compile rules nothing out."""
    try:
        return re.search(pattern, text) is not None
    except re.error:
        return True


def _fits_number(value: float, schema: JsonObject) -> bool:
    low, high, above, below = bounds(schema)
    if (low is not None and value < low) or (high is not None and value > high):
        return False
    if (above is not None and value <= above) or (below is not None and value >= below):
        return False
    step = schema.get("multipleOf")
    if step is None:
        return True
    if isinstance(value, int) and isinstance(step, int):
        return value % step == 0
    return float(value / step).is_integer()


def bounds(schema: JsonObject) -> tuple[float | None, float | None, float | None, float | None]:
    """Minimum, maximum, exclusive minimum, exclusive maximum; also where draft 4 wrote `exclusiveMinimum: true`."""
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if isinstance(above, bool):
        low, above = (None, low) if above else (low, None)
    if isinstance(below, bool):
        high, below = (None, high) if below else (high, None)
    return low, high, above, below


def item_schemas(schema: JsonObject) -> tuple[list[Schema], Schema]:
    """The schemas of an array's first items, and the one of all others."""
    items = schema.get("items", True)
    if isinstance(items, list):  # before 2020-12
        return items, schema.get("additionalItems", True)
    return schema.get("prefixItems", []), items


def _fits_array(value: list[Any], schema: JsonObject, root: Schema) -> bool:
    if not _within(len(value), schema, "minItems", "maxItems"):
        return False
    first, rest = item_schemas(schema)
    if not all(accepts(item, first[index] if index < len(first) else rest, root) for index, item in enumerate(value)):
        return False
    if schema.get("uniqueItems") and any(same(a, b) for index, a in enumerate(value) for b in value[:index]):
        return False
    if "contains" in schema:
        found = sum(accepts(item, schema["contains"], root) for item in value)
        return bool(schema.get("minContains", 1) <= found <= schema.get("maxContains", found))
    return True


def property_schemas(name: str, schema: JsonObject) -> list[Schema]:
    """All schemas that the property `name` must satisfy."""
    found: list[Schema] = [schema["properties"][name]] if name in schema.get("properties", {}) else []
    found += [part for pattern, part in schema.get("patternProperties", {}).items() if matches(pattern, name)]
    return found or [schema.get("additionalProperties", True)]


def _fits_object(value: JsonObject, schema: JsonObject, root: Schema) -> bool:
    if not _within(len(value), schema, "minProperties", "maxProperties"):
        return False
    if not all(name in value for name in required(schema)):
        return False
    for name, part in value.items():
        if not all(accepts(part, wanted, root) for wanted in property_schemas(name, schema)):
            return False
    if "propertyNames" in schema and not all(accepts(name, schema["propertyNames"], root) for name in value):
        return False
    return all(
        all(other in value for other in needed) if isinstance(needed, list) else accepts(value, needed, root)
        for name, needed in dependencies(schema).items()
        if name in value
    )


def required(schema: JsonObject) -> list[str]:
    """Names of the properties that must be there. Draft 3's `required: true`, inside a property, asks for none."""
    names = schema.get("required")
    return names if isinstance(names, list) else []


def dependencies(schema: JsonObject) -> dict[str, Any]:
    """By property: the properties it needs beside it, or a schema that the object must then satisfy."""
    return {
        **schema.get("dependencies", {}),
        **schema.get("dependentSchemas", {}),
        **schema.get("dependentRequired", {}),
    }
