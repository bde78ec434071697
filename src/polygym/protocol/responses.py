"""The Response object of the Responses API: making one, adding up usage, checking one that came from outside."""

import itertools
import os
import time
from typing import Any

from polygym.protocol.json import JsonObject

_ENVELOPE = ("parallel_tool_calls", "tool_choice", "tools")
"""Fields that a Response must have and that some clients leave out or set to null."""


def new_id(prefix: str) -> str:
    """A fresh identifier in OpenAI's style: `resp_…`, `msg_…`, `fc_…`, `call_…`. Unique, not secret."""
    return f"{prefix}_{next(_Numbers.fresh):032x}"


class _Numbers:
    """Counts up from a random number of 120 bits, another one in each process; `uuid4` is a system call each time."""

    fresh = itertools.count(int.from_bytes(os.urandom(15)))

    @classmethod
    def begin_anew(cls) -> None:
        cls.fresh = itertools.count(int.from_bytes(os.urandom(15)))


os.register_at_fork(after_in_child=_Numbers.begin_anew)


def new_response(
    params: JsonObject, output: list[JsonObject], *, model: str, usage: JsonObject | None = None
) -> JsonObject:
    """A completed Response to `params` that holds `output`."""
    return {
        "id": new_id("resp"),
        "object": "response",
        "created_at": int(time.time()),
        "status": "completed",
        "model": model,
        "output": output,
        **_envelope(params),
        "temperature": params.get("temperature"),
        "top_p": params.get("top_p"),
        "max_output_tokens": params.get("max_output_tokens"),
        "instructions": params.get("instructions"),
        "metadata": params.get("metadata"),
        "error": None,
        "incomplete_details": None,
        "usage": usage,
    }


TERMINATION_REASON = "ng_termination_reason"
"""Key in a response's `metadata`: why a conversation ended, where `incomplete_details` has no word for it."""
TERMINATION_MESSAGE = "ng_termination_message"
"""Key in a response's `metadata`: what the endpoint said about it."""
_INCOMPLETE_REASONS = ("max_output_tokens", "content_filter")
"""Values of `incomplete_details.reason` that the Responses API has, and that typed clients accept."""


def incomplete_response(params: JsonObject, reason: str, *, model: str, message: str | None = None) -> JsonObject:
    """A Response to `params` that holds nothing, because of `reason`, such as `context_exceeded` or `content_filter`.

    A reason that the API has no word for stands in the metadata, and `incomplete_details` says `max_output_tokens`.
    `message` tells more, in the metadata, too.
    """
    response = new_response(params, [], model=model)
    is_known = reason in _INCOMPLETE_REASONS
    added = {TERMINATION_REASON: None if is_known else reason, TERMINATION_MESSAGE: message}
    response["status"] = "incomplete"
    response["incomplete_details"] = {"reason": reason if is_known else "max_output_tokens"}
    response["metadata"] = {**(params.get("metadata") or {}), **{key: text for key, text in added.items() if text}}
    return response


def incompleteness_of(response: JsonObject) -> str | None:
    """Why a response is incomplete, in a word; None when it is not, `unknown` when it does not say."""
    details = response.get("incomplete_details")
    if not details and response.get("status") != "incomplete":
        return None
    metadata = response.get("metadata")
    said = metadata.get(TERMINATION_REASON) if isinstance(metadata, dict) else None
    return str(said or (details.get("reason") if isinstance(details, dict) else None) or "unknown")


def new_usage(input_tokens: int, output_tokens: int) -> JsonObject:
    """Usage of one call without cached or reasoning tokens."""
    return {
        "input_tokens": input_tokens,
        "input_tokens_details": {"cache_write_tokens": 0, "cached_tokens": 0},
        "output_tokens": output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": input_tokens + output_tokens,
    }


def add_usage(total: JsonObject | None, usage: JsonObject | None) -> JsonObject | None:
    """The field-wise sum of two usages, nested details included. One that is absent counts as nothing."""
    if total is None or usage is None:
        return usage if total is None else total
    added = total.copy()
    for key, value in usage.items():
        before = added.get(key)
        if value.__class__ is int or value.__class__ is float:
            added[key] = value + before if isinstance(before, _NUMBER) else value
        elif isinstance(value, dict):
            added[key] = add_usage(before if isinstance(before, dict) else None, value)
        else:
            added.setdefault(key, value)
    return added


_NUMBER = (int, float)
_OBJECT = (dict, type(None))
_FINISHED = (None, "completed", "incomplete")
"""Statuses of a response that somebody can go on with."""


def check_response(value: Any) -> str | None:
    """Why `value` is not a Response that an agent can work with, or None when it is."""
    if not isinstance(value, dict):
        return f"expected a JSON object, got {type(value).__name__}"
    if value.get("error"):
        return f"the response holds an error: {value['error']}"
    if value.get("status") not in _FINISHED:
        return f"the response is not finished: its status is {value['status']!r}"
    usage, metadata, details = value.get("usage"), value.get("metadata"), value.get("incomplete_details")
    if not (isinstance(usage, _OBJECT) and isinstance(metadata, _OBJECT) and isinstance(details, _OBJECT)):
        return _no_object(usage=usage, metadata=metadata, incomplete_details=details)
    output = value.get("output")
    if not isinstance(output, list):
        return f"'output' must be a list of items, got {type(output).__name__}"
    for item in output:
        kind = item.get("type") if isinstance(item, dict) else None
        if not isinstance(kind, str):
            return f"output[{output.index(item)}] is not an item with a 'type'"
        if kind == "message" and not _is_content(item.get("content")):
            return f"output[{output.index(item)}]: 'content' must be a string or a list of objects"
    return None


def _no_object(**fields: Any) -> str:
    name, field = next((name, field) for name, field in fields.items() if not isinstance(field, _OBJECT))
    return f"'{name}' must be an object or null, got {type(field).__name__}"


def with_defaults(response: JsonObject) -> JsonObject:
    """`response` with the envelope fields it must have; itself when it has them all."""
    if None not in map(response.get, _ENVELOPE):
        return response
    return {**response, **_envelope(response)}


def _envelope(given: JsonObject) -> JsonObject:
    """The envelope fields as `given`; where it has none the default."""
    parallel, choice, tools = map(given.get, _ENVELOPE)
    return {
        "parallel_tool_calls": True if parallel is None else parallel,
        "tool_choice": "auto" if choice is None else choice,
        "tools": [] if tools is None else tools,
    }


def _is_content(content: Any) -> bool:
    if not isinstance(content, list):
        return isinstance(content, str)
    for part in content:  # noqa: SIM110 - every response comes through here: no generator
        if not isinstance(part, dict):
            return False
    return True
