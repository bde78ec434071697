"""`<tool_call><function=NAME><parameter=NAME>…</parameter></function></tool_call>`: Qwen3-Coder and later Qwen models.

Values are plain text; what they mean is in the tool's schema.
"""

import re
from typing import Any, Final

from polygym.protocol.chat.tool_formats.base import (
    Call,
    Found,
    Parsed,
    ToolFormat,
    Tools,
    as_json,
    end_of,
    take_calls,
)
from polygym.protocol.chat.tool_formats.hermes import CLOSING, OPENING
from polygym.protocol.json import JsonObject, loads

_FUNCTION: Final = re.compile(r"\s*<function=([^>\n]+)>(.*?)</function>", re.DOTALL)
_PARAMETER: Final = re.compile(r"<parameter=([^>\n]+)>\n?(.*?)\n?</parameter>", re.DOTALL)


def _parse(text: str, tools: Tools) -> Parsed:
    def read(text: str, start: int) -> Found | None:
        found = _FUNCTION.match(text, start)
        if found is None:
            return None
        name = found[1].strip()
        schemas = tools.get(name, {}).get("properties")
        arguments = {
            key.strip(): _value(text, schemas.get(key.strip()) if isinstance(schemas, dict) else None)
            for key, text in _PARAMETER.findall(found[2])
        }
        return Found([Call(name, as_json(arguments))], end_of(text, found.end(), CLOSING))

    return take_calls(text, [OPENING], read)


def _value(text: str, schema: Any) -> Any:
    """A value that may be a string is its text; any other is JSON, where it is any."""
    if not isinstance(schema, dict) or _may_be_string(schema):
        return None if text == "null" and isinstance(schema, dict) and _may_be(schema, "null") else text
    try:
        return loads(text)
    except ValueError:
        return {"True": True, "False": False, "None": None}.get(text, text)


def _may_be_string(schema: JsonObject) -> bool:
    if not any(name in schema for name in ("type", "anyOf", "oneOf", "enum")):
        return True
    values = schema.get("enum")
    return _may_be(schema, "string") or (isinstance(values, list) and any(isinstance(value, str) for value in values))


def _may_be(schema: JsonObject, kind: str) -> bool:
    own = schema.get("type")
    options = [*(schema.get("anyOf") or ()), *(schema.get("oneOf") or ())]
    return (
        own == kind
        or (isinstance(own, list) and kind in own)
        or any(isinstance(option, dict) and _may_be(option, kind) for option in options)
    )


QWEN_XML: Final = ToolFormat("qwen_xml", _parse, lambda template: "<function=" in template, (OPENING, CLOSING))
