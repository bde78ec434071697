"""Token counts of an answer in the words of either API.

The Messages API counts the input that is not cached, what is written to the cache and what is read from it apart; in
the Responses API the two latter are part of `input_tokens`.
"""

from typing import Any, Final

from polygym.protocol.chat.shapes import require_object
from polygym.protocol.json import JsonObject
from polygym.protocol.responses import new_usage

_WRITTEN: Final = "cache_creation_input_tokens"
_READ: Final = "cache_read_input_tokens"
_DETAILS: Final = "output_tokens_details"
_MESSAGES_KNOWN: Final = frozenset({"input_tokens", "output_tokens", _WRITTEN, _READ, _DETAILS})
_RESPONSES_KNOWN: Final = frozenset({"input_tokens", "output_tokens", "total_tokens", "input_tokens_details", _DETAILS})


def usage_to_responses(usage: Any) -> JsonObject | None:
    """Usage in the Responses API's words; None when nothing was counted. Raises ValueError."""
    if usage is None:
        return None
    counts = require_object(usage, "usage")
    written, read = _count(counts, _WRITTEN), _count(counts, _READ)
    converted = new_usage(_count(counts, "input_tokens") + written + read, _count(counts, "output_tokens"))
    converted["input_tokens_details"] |= {"cache_write_tokens": written, "cached_tokens": read}
    details = _details(counts, _DETAILS)
    if "thinking_tokens" in details:
        details["reasoning_tokens"] = details.pop("thinking_tokens")
    converted[_DETAILS] |= details
    return converted | {n: v for n, v in counts.items() if n not in _MESSAGES_KNOWN and v is not None}


def usage_to_messages(usage: Any) -> JsonObject:
    """Usage in the Messages API's words, which every answer must have: zeros when nothing was counted.

    Raises ValueError.
    """
    counts = require_object(usage or {}, "usage")
    inputs = _details(counts, "input_tokens_details")
    written, read = _count(inputs, "cache_write_tokens"), _count(inputs, "cached_tokens")
    converted: JsonObject = {
        "input_tokens": max(0, _count(counts, "input_tokens") - written - read),
        _WRITTEN: written,
        _READ: read,
        "output_tokens": _count(counts, "output_tokens"),
    }
    details = _details(counts, _DETAILS)
    reasoning = details.pop("reasoning_tokens", None)
    if reasoning:
        details["thinking_tokens"] = reasoning
    if details:
        converted[_DETAILS] = details
    return converted | {n: v for n, v in counts.items() if n not in _RESPONSES_KNOWN and v is not None}


def _count(counts: JsonObject, name: str) -> int:
    value = counts.get(name)
    if value is None:
        return 0
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError(f"usage: {name} must be a whole number, this is {value!r}")


def _details(counts: JsonObject, name: str) -> JsonObject:
    given = require_object(counts.get(name) or {}, f"usage.{name}")
    return {field: value for field, value in given.items() if value is not None}
