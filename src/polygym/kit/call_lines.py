"""Tool calls as people type them: `get_weather city=Paris`, `get_weather(city="Paris")`, `get_weather {"city": …}`."""

import json
import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Final

from polygym.kit.scripts import ToolCall
from polygym.protocol.json import JsonObject, dumps

_CALL: Final = re.compile(r"\s*([A-Za-z0-9_-]+)\s*(?:\((.*)\)|(?:\s(.*))?)\s*", re.DOTALL)
_KEY: Final = re.compile(r"[\s,]*([A-Za-z_][\w-]*)\s*=\s*")
_DECODER: Final = json.JSONDecoder()


class CallLineError(Exception):
    """A line begins with a tool's name, or nearly, and is no call of it. The message says where."""


def read_call(line: str, tools: Mapping[str, JsonObject]) -> ToolCall | None:
    """The call that a line makes; None when it does not begin with the name of a tool.

    `tools` are the JSON Schemas of their arguments, by name. Raises CallLineError, also for what looks like a call of a
    tool whose name is spelt a little differently.
    """
    found = _CALL.fullmatch(line)
    if found is None:
        return None
    in_parentheses = found[2] is not None
    text = (found[2] if in_parentheses else found[3] or "").strip()
    if found[1] not in tools:
        near = get_close_matches(found[1], tools)
        if near and (in_parentheses or text.startswith("{") or _KEY.match(text)):
            raise CallLineError(f"there is no tool {found[1]!r}, but {' and '.join(map(repr, near))}")
        return None
    if text.startswith("{"):
        return ToolCall(found[1], _object(text))
    return ToolCall(found[1], _pairs(text, tools[found[1]], ends_at_comma=in_parentheses))


def call_line(name: str, arguments: JsonObject) -> str:
    """A call as `read_call` reads it."""
    pairs = (f"{key}={dumps(value).decode()}" for key, value in arguments.items())
    return " ".join([name, *pairs])


def _object(text: str) -> JsonObject:
    try:
        value, end = _DECODER.raw_decode(text)
    except ValueError as error:
        raise CallLineError(f"the arguments are no JSON: {error}") from error
    if text[end:].strip():
        raise CallLineError(f"there is something behind the JSON object: {text[end:].strip()}")
    found: JsonObject = value
    return found


def _pairs(text: str, schema: JsonObject, *, ends_at_comma: bool) -> JsonObject:
    properties = schema.get("properties")
    known: JsonObject = properties if isinstance(properties, dict) else {}
    bare = re.compile(r"[^\s,]*" if ends_at_comma else r"\S*")
    arguments: JsonObject = {}
    place = 0
    while text[place:].strip(" ,"):
        key = _KEY.match(text, place)
        if key is None:
            raise CallLineError(f"{text[place:].strip()!r} is not key=value; values with blanks go into quotes")
        arguments[key[1]], place = _value(text, key.end(), known.get(key[1]), bare)
    return arguments


def _value(text: str, start: int, schema: Any, bare: "re.Pattern[str]") -> tuple[Any, int]:
    """The value that begins at `start`, and where it ends."""
    first = text[start : start + 1]
    if first == "'":
        end = text.find("'", start + 1)
        if end < 0:
            raise CallLineError(f"a quote is not closed: {text[start:]}")
        return text[start + 1 : end], end + 1
    if first and first in '"[{':
        try:
            value, end = _DECODER.raw_decode(text, start)
        except ValueError as error:
            raise CallLineError(f"{text[start:]} is no JSON: {error}") from error
        return value, end
    found = bare.match(text, start)
    assert found is not None
    return _typed(found[0], _types(schema)), found.end()


def _typed(text: str, types: frozenset[str]) -> Any:
    """A bare word as the value that the schema wants: text where that is text, else JSON where it is any."""
    if types == {"string"} or (types == {"string", "null"} and text != "null"):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _types(schema: Any) -> frozenset[str]:
    """The types that a schema allows, as far as they are plain to see."""
    if not isinstance(schema, dict):
        return frozenset()
    values = schema["enum"] if isinstance(schema.get("enum"), list) else [schema["const"]] if "const" in schema else []
    if values and all(isinstance(value, str) for value in values):
        return frozenset({"string"})
    kind = schema.get("type")
    found = {kind} if isinstance(kind, str) else set(kind) if isinstance(kind, list) else set()
    for each in schema.get("anyOf") or ():
        found |= _types(each)
    return frozenset(found)
