"""Requests of clients that stream in the Chat dialect, and complete answers as the chunks they wait for."""

import json
from collections.abc import Iterator
from typing import Any, Final

from nemo_gym.openai_types.chat import NeMoGymChatCompletionCreateParamsNonStreaming

_KNOWN_FIELDS: Final = frozenset(NeMoGymChatCompletionCreateParamsNonStreaming.model_fields)
_ABOUT_STREAMS: Final = frozenset({"stream", "stream_options"})


def sanitize_streaming_chat_body(body: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """The request without what is about streams or unknown to us, and whether it wants to be told its usage."""
    options = body.get("stream_options")
    wants_usage = isinstance(options, dict) and bool(options.get("include_usage"))
    return {name: value for name, value in body.items() if name in _KNOWN_FIELDS - _ABOUT_STREAMS}, wants_usage


def synthesize_chat_completion_sse(completion: dict[str, Any], include_usage: bool = False) -> Iterator[str]:
    """A complete answer as chunks; the last word is `[DONE]`."""
    for index, choice in enumerate(completion.get("choices") or ()):
        for delta in _deltas(choice.get("message") or {}):
            yield _chunk(completion, [{"index": index, "delta": delta, "finish_reason": None}])
        end = {"index": index, "delta": {}, "finish_reason": choice.get("finish_reason")}
        yield _chunk(completion, [end])
    usage = completion.get("usage")
    if include_usage and usage is not None:
        yield _chunk(completion, [], usage=usage)
    yield "data: [DONE]\n\n"


def _deltas(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield {"role": message.get("role") or "assistant"}
    parts = {
        "reasoning_content": message.get("reasoning_content") or message.get("reasoning"),
        "content": message.get("content"),
        "tool_calls": [_call(index, call) for index, call in enumerate(message.get("tool_calls") or ())],
    }
    for name, value in parts.items():
        if value:
            yield {name: value}


def _call(index: int, call: dict[str, Any]) -> dict[str, Any]:
    function = call.get("function") or {}
    return {
        "index": index,
        "id": call.get("id"),
        "type": call.get("type") or "function",
        "function": {"name": function.get("name"), "arguments": function.get("arguments") or ""},
    }


def _chunk(completion: dict[str, Any], choices: list[dict[str, Any]], **more: Any) -> str:
    chunk = {name: completion.get(name) for name in ("id", "created", "model")}
    chunk |= {"object": "chat.completion.chunk", "choices": choices, **more}
    if completion.get("system_fingerprint") is not None:
        chunk["system_fingerprint"] = completion["system_fingerprint"]
    return f"data: {json.dumps(chunk)}\n\n"
