"""Token counts of an answer in the words of either API."""

from typing import Any, Final

from polygym.protocol.chat.shapes import require_object
from polygym.protocol.json import JsonObject
from polygym.protocol.responses import new_usage

_TO_CHAT: Final = {
    "input_tokens": "prompt_tokens",
    "output_tokens": "completion_tokens",
    "total_tokens": "total_tokens",
    "input_tokens_details": "prompt_tokens_details",
    "output_tokens_details": "completion_tokens_details",
}
_USAGE_KNOWN: Final = frozenset(_TO_CHAT) | frozenset(_TO_CHAT.values())
_OF_CHAT: Final = frozenset(_TO_CHAT.values())
_CACHED_SPELLINGS: Final = ("cached_tokens", "prompt_cache_hit_tokens")
"""Top-level usage fields of servers without `prompt_tokens_details`: Moonshot, DeepSeek."""


def usage_to_responses(usage: Any) -> JsonObject | None:
    """Usage in the Responses API's words; None when nothing was counted. Counts that a server left out are 0."""
    if usage is None:
        return None
    counts = require_object(usage, "usage")
    prompt, completion = _count(counts, "prompt_tokens"), _count(counts, "completion_tokens")
    if prompt is None and completion is None:
        return None
    converted = new_usage(prompt or 0, completion or 0)
    total = _count(counts, "total_tokens")
    if total is not None:
        converted["total_tokens"] = total
    if not counts.keys() <= _OF_CHAT:
        _add_spelled_otherwise(converted, counts)
        _add_others(converted, counts)
    if counts.get("prompt_tokens_details"):
        converted["input_tokens_details"].update(_details(counts, "prompt_tokens_details"))
    if counts.get("completion_tokens_details"):
        converted["output_tokens_details"].update(_details(counts, "completion_tokens_details"))
    return converted


def usage_to_chat(usage: Any) -> JsonObject | None:
    """Usage in the words of Chat Completions; None when there is none."""
    if usage is None:
        return None
    counts = require_object(usage, "usage")
    prompt, completion = _count(counts, "input_tokens") or 0, _count(counts, "output_tokens") or 0
    total = _count(counts, "total_tokens")
    converted: JsonObject = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion if total is None else total,
        "prompt_tokens_details": _details(counts, "input_tokens_details"),
        "completion_tokens_details": _details(counts, "output_tokens_details"),
    }
    _add_others(converted, counts)
    return converted


def _add_spelled_otherwise(converted: JsonObject, counts: JsonObject) -> None:
    """Take in cached and reasoning tokens of servers that count them beside the rest."""
    cached = next((count for name in _CACHED_SPELLINGS if (count := _count(counts, name)) is not None), None)
    if cached is not None:
        converted["input_tokens_details"]["cached_tokens"] = cached
    reasoning = _count(counts, "reasoning_tokens")
    if reasoning is not None:
        converted["output_tokens_details"]["reasoning_tokens"] = reasoning


def _add_others(converted: JsonObject, counts: JsonObject) -> None:
    """Keep what a provider counts beyond tokens, such as a price."""
    converted.update({name: value for name, value in counts.items() if name not in _USAGE_KNOWN and value is not None})


def _count(usage: JsonObject, name: str) -> int | None:
    value = usage.get(name)
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise ValueError(f"usage.{name} must be a whole number, this is {value!r}")


def _details(usage: JsonObject, name: str) -> JsonObject:
    given = require_object(usage.get(name) or {}, f"usage.{name}")
    return {field: value for field, value in given.items() if value is not None}
