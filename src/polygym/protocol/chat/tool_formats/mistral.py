"""`[TOOL_CALLS]` and a JSON list of calls, or `[TOOL_CALLS]NAME[ARGS]{…}` for each: Mistral, older and newer."""

import re
import secrets
import string
from typing import Final

from polygym.protocol.chat.tool_formats.base import (
    Call,
    Found,
    Parsed,
    ToolFormat,
    Tools,
    as_json,
    calls_of,
    read_json,
    take_calls,
)

MARKER: Final = "[TOOL_CALLS]"
_NAMED: Final = re.compile(r"\s*([\w.-]+)\s*(?:\[CALL_ID\][^\[]*)?(?:\[ARGS\])?(?=\s*\{)")


def read_calls(text: str, start: int) -> Found | None:
    """The calls behind the marker."""
    named = _NAMED.match(text, start)
    if named is None:
        found = read_json(text, start)
        calls = calls_of(found[0]) if found is not None else None
        return None if found is None or calls is None else Found(calls, found[1])
    calls = []
    end = start
    while named is not None:
        found = read_json(text, named.end())
        if found is None or not isinstance(found[0], dict):
            break
        calls.append(Call(named[1], as_json(found[0])))
        end = found[1]
        named = _NAMED.match(text, end)
    return Found(calls, end) if calls else None


def _parse(text: str, _tools: Tools) -> Parsed:
    return take_calls(text, [MARKER], read_calls)


def _new_call_id() -> str:
    """Nine letters and digits: Mistral's chat templates refuse anything else."""
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(9))


MISTRAL: Final = ToolFormat(
    "mistral", _parse, lambda template: MARKER in template, (MARKER, "[ARGS]", "[CALL_ID]"), _new_call_id
)
