"""The Response object of the Responses API: making one, adding up usage, checking one that came from outside."""

import time
import uuid
from collections.abc import Mapping
from copy import copy
from typing import Any

from polygym.protocol.json import JsonObject

ENVELOPE_DEFAULTS: Mapping[str, Any] = {"parallel_tool_calls": True, "tool_choice": "auto", "tools": []}
"""Fields that a Response must have and that some clients leave out or set to null."""


def new_id(prefix: str) -> str:
    """A fresh identifier in OpenAI's style: `resp_…`, `msg_…`, `fc_…`, `call_…`."""
    return f"{prefix}_{uuid.uuid4().hex}"


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
    added = dict(total)
    for key, value in usage.items():
        before = added.get(key)
        if isinstance(value, dict):
            added[key] = add_usage(before if isinstance(before, dict) else None, value)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            added[key] = value + (before if isinstance(before, (int, float)) else 0)
        else:
            added.setdefault(key, value)
    return added


def check_response(value: Any) -> str | None:
    """Why `value` is not a Response that an agent can work with, or None when it is."""
    if not isinstance(value, dict):
        return f"expected a JSON object, got {type(value).__name__}"
    if value.get("error"):
        return f"the response holds an error: {value['error']}"
    output = value.get("output")
    if not isinstance(output, list):
        return f"'output' must be a list of items, got {type(output).__name__}"
    for index, item in enumerate(output):
        if not isinstance(item, dict) or not isinstance(item.get("type"), str):
            return f"output[{index}] is not an item with a 'type'"
        if item["type"] == "message" and not _is_content(item.get("content")):
            return f"output[{index}]: 'content' must be a string or a list of objects"
    return None


def with_defaults(response: JsonObject) -> JsonObject:
    """`response` with the envelope fields it must have; itself when it has them all."""
    if all(response.get(key) is not None for key in ENVELOPE_DEFAULTS):
        return response
    return {**response, **_envelope(response)}


def _envelope(given: JsonObject) -> JsonObject:
    """The envelope fields as `given`; where it has none a copy of the default, because callers change what they get."""
    return {key: copy(default) if given.get(key) is None else given[key] for key, default in ENVELOPE_DEFAULTS.items()}


def _is_content(content: Any) -> bool:
    return isinstance(content, str) or (isinstance(content, list) and all(isinstance(part, dict) for part in content))
