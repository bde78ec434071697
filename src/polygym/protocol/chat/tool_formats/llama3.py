"""`{"name": …, "parameters": …}` as the whole answer or behind a tag, `;` between several: Llama 3.1 and later."""

from typing import Any, Final

from polygym.protocol.chat.tool_formats.base import (
    Call,
    Parsed,
    ToolFormat,
    Tools,
    call_of,
    parsed,
    read_json,
    skip_space,
)

_TAG: Final = "<|python_tag|>"
_FIELDS: Final = frozenset({"name", "parameters", "arguments", "type", "id"})


def _parse(text: str, _tools: Tools) -> Parsed:
    said, tag, written = text.partition(_TAG)
    calls = _read(written) if tag else _read(text)
    return parsed(said if tag else "", calls) if calls else Parsed(text, [])


def _read(text: str) -> list[Call]:
    """The calls that a text consists of; none when it holds anything besides."""
    calls: list[Call] = []
    position = skip_space(text, 0)
    while position < len(text):
        if text.startswith(_TAG, position):
            position += len(_TAG)
        found = read_json(text, position)
        call = call_of(found[0]) if found is not None and _is_call(found[0]) else None
        if found is None or call is None:
            return []
        calls.append(call)
        position = skip_space(text, found[1])
        if text.startswith(";", position):
            position = skip_space(text, position + 1)
    return calls


def _is_call(value: Any) -> bool:
    """Whether a JSON object is a call and no answer that happens to be JSON."""
    return isinstance(value, dict) and value.keys() <= _FIELDS and bool(value.keys() & {"parameters", "arguments"})


def _is_used_in(template: str) -> bool:
    return _TAG in template or ("<|eot_id|>" in template and '"parameters"' in template)


LLAMA3: Final = ToolFormat("llama3", _parse, _is_used_in, (_TAG,))
