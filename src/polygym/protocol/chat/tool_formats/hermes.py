"""`<tool_call>{"name": …, "arguments": …}</tool_call>`: Hermes, Qwen 2.5 and 3, and many that were tuned like them."""

from typing import Final

from polygym.protocol.chat.tool_formats.base import (
    Found,
    Parsed,
    ToolFormat,
    Tools,
    calls_of,
    end_of,
    read_json,
    take_calls,
)

OPENING: Final = "<tool_call>"
CLOSING: Final = "</tool_call>"


def _read(text: str, start: int) -> Found | None:
    found = read_json(text, start)
    calls = calls_of(found[0]) if found is not None else None
    if found is None or calls is None:
        return None
    return Found(calls, end_of(text, found[1], CLOSING))


def _parse(text: str, _tools: Tools) -> Parsed:
    return take_calls(text, [OPENING], _read)


HERMES: Final = ToolFormat("hermes", _parse, lambda template: OPENING in template, (OPENING, CLOSING))
