"""Calls of offered tools as JSON: between tags that several families use, in a code fence, or as the whole answer."""

import re
from typing import Final

from polygym.protocol.chat.tool_formats.base import (
    Call,
    Found,
    Parsed,
    ToolFormat,
    Tools,
    calls_of,
    end_of,
    parsed,
    read_json,
    skip_space,
    take_calls,
)

_CLOSINGS: Final = {
    "<tool_call>": "</tool_call>",
    "<tool_calls>": "</tool_calls>",
    "<function_call>": "</function_call>",
    "<|tool_call|>": "<|/tool_call|>",
    "<|tool_call>": "<tool_call|>",
    "<tool>": "</tool>",
    "[TOOL_CALLS]": "[/TOOL_CALLS]",
}
_FENCE: Final = re.compile(r"```[\w-]*\s*?\n(.*?)```", re.DOTALL)


def _parse(text: str, tools: Tools) -> Parsed:
    found = take_calls(text, _CLOSINGS, _read)
    if found.calls:
        return found
    whole = _known_calls(text, tools)
    if whole is not None:
        return Parsed("", whole)
    rest, calls, position = [], [], 0
    for fence in _FENCE.finditer(text):
        inside = _known_calls(fence[1], tools)
        if inside is not None:
            rest.append(text[position : fence.start()])
            calls += inside
            position = fence.end()
    return parsed("".join([*rest, text[position:]]), calls)


def _read(text: str, start: int) -> Found | None:
    found = read_json(text, start)
    calls = calls_of(found[0]) if found is not None else None
    if found is None or calls is None:
        return None
    for closing in _CLOSINGS.values():
        end = end_of(text, found[1], closing)
        if end != found[1]:
            return Found(calls, end)
    return Found(calls, found[1])


def _known_calls(text: str, tools: Tools) -> list[Call] | None:
    """The calls that a text is, and nothing besides; None unless all are of tools that were offered."""
    found = read_json(text, 0)
    if found is None or skip_space(text, found[1]) != len(text):
        return None
    calls = calls_of(found[0])
    return calls if calls is not None and all(call.name in tools for call in calls) else None


GENERIC: Final = ToolFormat("generic", _parse, lambda _template: True, (*_CLOSINGS, *_CLOSINGS.values()))
