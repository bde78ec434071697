"""Tool definitions as people read them: `get_weather(city: string, days?: integer)`, and what each argument means."""

from collections.abc import Iterator
from typing import Any, Final

from polygym.protocol.json import JsonObject, dumps

_DEEPEST: Final = 4
_SHOWN: Final = 60


def described(tool: JsonObject) -> Iterator[str]:
    """The lines that describe a tool: its signature, its description, its arguments'."""
    schema: JsonObject = tool.get("parameters") or {}
    required = schema.get("required") or ()
    properties: JsonObject = schema.get("properties") or {}
    arguments = [
        f"{name}{'' if name in required else '?'}: {type_name(each, schema)}" for name, each in properties.items()
    ]
    yield f"{tool.get('name')}({', '.join(arguments)})"
    if tool.get("description"):
        yield f"    {' '.join(str(tool['description']).split())}"
    for name, each in properties.items():
        said = [" ".join(str(each.get("description") or "").split())] if isinstance(each, dict) else []
        if isinstance(each, dict) and "default" in each:
            said.append(f"default {shortened(each['default'])}")
        if any(said):
            yield f"    {name}: {'; '.join(filter(None, said))}"


def type_name(schema: Any, whole: JsonObject, depth: int = 0) -> str:
    """What a JSON Schema asks for, in a few words; `whole` holds the definitions that it may refer to."""
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return "any"
    reference = schema.get("$ref")
    if isinstance(reference, str):
        return type_name(_referred(reference, whole), whole, depth + 1)
    if "const" in schema:
        return shortened(schema["const"])
    if "enum" in schema:
        return " | ".join(map(shortened, schema["enum"]))
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            names = dict.fromkeys(type_name(each, whole, depth + 1) for each in schema[several])
            return (" & " if several == "allOf" else " | ").join(names)
    kind = schema.get("type")
    if isinstance(kind, list):
        return " | ".join(map(str, kind))
    if kind == "array":
        item = type_name(schema.get("items"), whole, depth + 1)
        return f"({item})[]" if " " in item and not item.startswith("{") else f"{item}[]"
    if kind == "object" and isinstance(schema.get("properties"), dict):
        inner = (f"{name}: {type_name(each, whole, depth + 1)}" for name, each in schema["properties"].items())
        return f"{{{', '.join(inner)}}}"
    return str(kind or "any")


def shortened(value: Any) -> str:
    """`value` as JSON, cut where it is long."""
    text = dumps(value).decode()
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _referred(reference: str, whole: JsonObject) -> Any:
    found: Any = whole
    for part in reference.removeprefix("#/").split("/"):
        found = found.get(part) if isinstance(found, dict) else None
    return found
