"""Calls between tokens of their own: DeepSeek V3, R1 (name, then JSON in a code fence) and V3.1 (name, then JSON)."""

import re
from typing import Final

from polygym.protocol.chat.tool_formats.base import (
    Call,
    Found,
    Parsed,
    ToolFormat,
    Tools,
    as_json,
    end_of,
    read_json,
    take_calls,
)

_BAR: Final = "\uff5c"
"""A wide `|`, which all of DeepSeek's special tokens have."""
_ALL_BEGIN: Final = f"<{_BAR}tool▁calls▁begin{_BAR}>"
_ALL_END: Final = f"<{_BAR}tool▁calls▁end{_BAR}>"
_BEGIN: Final = f"<{_BAR}tool▁call▁begin{_BAR}>"
_SEPARATOR: Final = f"<{_BAR}tool▁sep{_BAR}>"
_END: Final = f"<{_BAR}tool▁call▁end{_BAR}>"
_HEAD: Final = re.compile(
    rf"\s*{_BEGIN}\s*(?:function{_SEPARATOR}(?P<fenced>[^\n{{]+?)\s*```(?:json)?|(?P<plain>[^\n<]+?){_SEPARATOR})\s*"
)


def _read(text: str, start: int) -> Found | None:
    calls = []
    position = start
    while (head := _HEAD.match(text, position)) is not None:
        found = read_json(text, head.end())
        if found is None or not isinstance(found[0], dict):
            break
        calls.append(Call((head["fenced"] or head["plain"]).strip(), as_json(found[0])))
        position = end_of(text, end_of(text, found[1], "```"), _END)
    return Found(calls, end_of(text, position, _ALL_END)) if calls else None


def _parse(text: str, _tools: Tools) -> Parsed:
    return take_calls(text, [_ALL_BEGIN], _read)


DEEPSEEK: Final = ToolFormat(
    "deepseek", _parse, lambda template: _BEGIN in template, (_ALL_BEGIN, _ALL_END, _BEGIN, _SEPARATOR, _END)
)
