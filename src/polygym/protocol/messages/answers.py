"""A Message as a Response and a Response as a Message.

Raises ValueError where an answer is none: the channel to the endpoint makes a failure of it.
"""

from collections.abc import Mapping
from typing import Any, Final

from polygym.protocol.chat.shapes import require_object, require_text
from polygym.protocol.json import JsonObject
from polygym.protocol.messages.fields import MESSAGES_FIELDS, RESPONSES_FIELDS
from polygym.protocol.messages.turns import blocks_to_items, items_to_blocks
from polygym.protocol.messages.usage import usage_to_messages, usage_to_responses
from polygym.protocol.responses import (
    check_response,
    incomplete_response,
    incompleteness_of,
    new_id,
    new_response,
)

_ID_PREFIXES: Final[Mapping[str, str]] = {"message": "msg", "reasoning": "rs", "function_call": "fc"}
_MESSAGE_KNOWN: Final = frozenset(
    {"id", "type", "role", "content", "model", "stop_reason", "usage", MESSAGES_FIELDS, RESPONSES_FIELDS}
)
_RESPONSE_KNOWN: Final = frozenset(
    {
        *("background", "completed_at", "conversation", "created_at", "error", "frequency_penalty", "id"),
        *("incomplete_details", "instructions", "max_output_tokens", "max_tool_calls", "metadata", "model", "object"),
        *("output", "output_text", "parallel_tool_calls", "presence_penalty", "previous_response_id", "prompt"),
        *("prompt_cache_key", "prompt_cache_retention", "reasoning", "safety_identifier", "service_tier", "status"),
        *("store", "temperature", "text", "tool_choice", "tools", "top_logprobs", "top_p", "truncation", "usage"),
        *("user", MESSAGES_FIELDS, RESPONSES_FIELDS),
    }
)
"""Fields of a Response that say what was asked, or that a Message has in another form."""

_INCOMPLETE: Final[Mapping[str, str]] = {
    "max_tokens": "max_output_tokens",
    "model_context_window_exceeded": "context_exceeded",
    "pause_turn": "pause_turn",
    "refusal": "content_filter",
}
"""Why a Response is incomplete, by the stop reason; what its API has no word for stands in the metadata."""
_STOP_REASONS: Final[Mapping[str, str]] = {reason: stop for stop, reason in _INCOMPLETE.items()}


def check_message(value: Any) -> str | None:
    """Why `value` is no Message, or None when it is one."""
    if not isinstance(value, dict):
        return f"expected a JSON object, got {type(value).__name__}"
    if value.get("type") == "error" or value.get("error"):
        return f"the message holds an error: {value.get('error')}"
    if value.get("role") not in (None, "assistant"):
        return f"an answer is the assistant's, the role here is {value['role']!r}"
    content = value.get("content")
    if not isinstance(content, list):
        return f"'content' must be a list of blocks, got {type(content).__name__}"
    for index, block in enumerate(content):
        if not isinstance(block, dict) or not isinstance(block.get("type"), str):
            return f"content[{index}] is not a block with a 'type'"
    if not isinstance(value.get("usage"), dict | None):
        return "'usage' must be an object or null"
    return None


def message_to_response(message: JsonObject, params: JsonObject) -> JsonObject:
    """The Response that a Message stands for, as the answer to the Responses create params `params`.

    What only the Messages API knows is in `messages_fields`. Raises ValueError when `message` is none.
    """
    require_object(params, "the create params")
    problem = check_message(message)
    if problem is not None:
        raise ValueError(problem)
    output = [_with_id(item) for item in blocks_to_items(message["content"])]
    model = require_text(message.get("model") or params.get("model") or "", "model")
    response = new_response(params, output, model=model, usage=usage_to_responses(message.get("usage")))
    if isinstance(message.get("id"), str):
        response["id"] = f"resp_{message['id'].removeprefix('msg_')}"
    reason = require_text(message.get("stop_reason") or "end_turn", "stop_reason")
    if reason in _INCOMPLETE:
        stopped = incomplete_response(params, _INCOMPLETE[reason], model=model)
        response |= {name: stopped[name] for name in ("status", "incomplete_details", "metadata")}
        if output and "status" in output[-1]:
            output[-1]["status"] = "incomplete"
    native = {name: value for name, value in message.items() if name not in _MESSAGE_KNOWN and value is not None}
    if reason != _stop_reason(response):
        native["stop_reason"] = reason
    if native:
        response[MESSAGES_FIELDS] = native
    foreign = require_object(message.get(RESPONSES_FIELDS) or {}, RESPONSES_FIELDS)
    for name, value in foreign.items():
        response.setdefault(name, value)
    return response


def response_to_message(response: JsonObject) -> JsonObject:
    """The Message that a Response stands for.

    What only the Responses API knows is in `responses_fields`. Raises ValueError when `response` is malformed or not
    finished.
    """
    problem = check_response(response)
    if problem is not None:
        raise ValueError(problem)
    for index, item in enumerate(response["output"]):
        if item["type"] == "message" and item.get("role", "assistant") != "assistant":
            raise ValueError(f"output[{index}]: an answer holds messages of the assistant, not of {item['role']!r}")
    response_id = require_text(response.get("id") or new_id("resp"), "id")
    message: JsonObject = {
        "id": f"msg_{response_id.removeprefix('resp_')}",
        "type": "message",
        "role": "assistant",
        "model": require_text(response.get("model") or "", "model"),
        "content": items_to_blocks(response["output"]),
        "stop_reason": _stop_reason(response),
        "stop_sequence": _stop_sequence(response),
        "usage": usage_to_messages(response.get("usage")),
    }
    if message["stop_sequence"] is not None and message["stop_reason"] == "end_turn":
        message["stop_reason"] = "stop_sequence"
    message |= require_object(response.get(MESSAGES_FIELDS) or {}, MESSAGES_FIELDS)
    foreign = {name: value for name, value in response.items() if name not in _RESPONSE_KNOWN and value is not None}
    if foreign:
        message[RESPONSES_FIELDS] = foreign
    return message


def _with_id(item: JsonObject) -> JsonObject:
    """The item as a server answers it. A reasoning item gets no status: OpenAI refuses one that is sent back."""
    prefix = _ID_PREFIXES.get(item["type"])
    if prefix is None:
        return item
    identified = {"id": new_id(prefix), **item}
    if prefix != "rs":
        identified.setdefault("status", "completed")
    return identified


def _stop_reason(response: JsonObject) -> str:
    """Why the answer ends, as far as the Responses API says."""
    incompleteness = incompleteness_of(response)
    if incompleteness is not None:
        return _STOP_REASONS.get(incompleteness, "max_tokens")
    return "tool_use" if any(item["type"] == "function_call" for item in response["output"]) else "end_turn"


def _stop_sequence(response: JsonObject) -> Any:
    """The stop sequence that was met. vLLM says so in a choice's `stop_reason`, which sits on the Response."""
    reason = response.get("stop_reason")
    return reason if isinstance(reason, str) else None
