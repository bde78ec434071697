"""Streams of events as the answers that they spell, in each dialect."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

BETWEEN_EVENTS: Final = re.compile(rb"\r?\n\r?\n")
LAST_EVENTS: Final[Mapping[str, Mapping[str, str]]] = {
    "responses": {
        "response.completed": "complete",
        "response.incomplete": "incomplete",
        "response.failed": "error",
        "error": "error",
    },
    "chat": {"error": "error"},
    "messages": {"message_stop": "complete", "error": "error"},
}
DONE: Final = "[DONE]"


def ends_stream(unread: bytearray, dialect: str) -> str | None:
    """How the stream ends (`complete`, `incomplete`, `error`), if it does; whole events are taken from `unread`."""
    *events, rest = BETWEEN_EVENTS.split(bytes(unread))
    unread[:] = rest
    for event in events:
        name, data = _read_event(event)
        if name in LAST_EVENTS[dialect]:
            return LAST_EVENTS[dialect][name]
        if dialect == "chat":
            if data == DONE:
                return "complete"
            if (payload := _object(data)) is not None and payload.get("error") is not None:
                return "error"
    return None


def _read_event(event: bytes) -> tuple[str, str]:
    """An event's name and data."""
    fields: dict[str, list[str]] = {}
    for line in event.decode(errors="replace").splitlines():
        field, _, value = line.partition(":")
        fields.setdefault(field, []).append(value.lstrip())
    return "".join(fields.get("event", [])[-1:]), "\n".join(fields.get("data", ()))


def _object(data: str) -> dict[str, Any] | None:
    try:
        value = json.loads(data)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def whole_answer(stream: bytes, dialect: str) -> dict[str, Any] | None:
    """The answer that a stream spells; None when it spells none."""
    payloads = read_events(stream)
    return _READERS[dialect](payloads) if payloads else None


def read_events(stream: bytes) -> list[dict[str, Any]]:
    """The JSON objects of a stream, in order; what is none is left out."""
    data = (_read_event(event)[1] for event in BETWEEN_EVENTS.split(stream))
    return [payload for text in data if text != DONE and (payload := _object(text)) is not None]


def _whole_response(payloads: Iterable[dict[str, Any]]) -> dict[str, Any] | None:
    last: dict[str, Any] | None = None
    is_final = False
    for payload in payloads:
        if isinstance(payload.get("response"), dict):
            ends = payload.get("type") in {"response.completed", "response.incomplete", "response.failed"}
            if ends or not is_final:
                last, is_final = payload["response"], ends
    return last


def whole_completion(chunks: Iterable[dict[str, Any]]) -> dict[str, Any] | None:
    """The answer that chunks of the Chat dialect spell; None when there is no choice among them."""
    whole: dict[str, Any] = {"object": "chat.completion", "model": None}
    message: dict[str, Any] = {"role": "assistant", "content": None}
    calls: dict[int, dict[str, Any]] = {}
    finish_reason, has_choices = None, False
    for chunk in chunks:
        whole |= {name: chunk[name] for name in ("id", "model", "usage") if chunk.get(name)}
        for choice in (one for one in chunk.get("choices") or () if isinstance(one, dict)):
            has_choices = True
            finish_reason = choice.get("finish_reason") or finish_reason
            _add_delta(message, calls, choice.get("delta") or {})
    if not has_choices:
        return None
    if calls:
        message["tool_calls"] = [calls[index] for index in sorted(calls)]
    return {**whole, "choices": [{"index": 0, "message": message, "finish_reason": finish_reason}]}


def _add_delta(message: dict[str, Any], calls: dict[int, dict[str, Any]], delta: Mapping[str, Any]) -> None:
    message["role"] = delta.get("role") or message["role"]
    texts = {
        "content": delta.get("content"),
        "reasoning_content": delta.get("reasoning_content") or delta.get("reasoning"),
    }
    for name, text in texts.items():
        if text:
            message[name] = (message.get(name) or "") + text
    for part in delta.get("tool_calls") or ():
        empty = {"id": None, "type": "function", "function": {"name": "", "arguments": ""}}
        call = calls.setdefault(part.get("index", 0), empty)
        function = part.get("function") or {}
        call["id"] = part.get("id") or call["id"]
        call["function"]["name"] = function.get("name") or call["function"]["name"]
        call["function"]["arguments"] += function.get("arguments") or ""


def _whole_message(events: Iterable[dict[str, Any]]) -> dict[str, Any] | None:
    message: dict[str, Any] | None = None
    usage: dict[str, Any] = {}
    blocks: dict[int, dict[str, Any]] = {}
    arguments: dict[int, str] = {}
    for event in events:
        index = event.get("index", 0)
        match event.get("type"):
            case "message_start":
                start = event.get("message") or {}
                known = ("id", "type", "role", "model", "stop_reason")
                message = {name: start[name] for name in known if start.get(name) is not None}
                usage |= start.get("usage") or {}
            case "content_block_start":
                blocks[index] = dict(event.get("content_block") or {})
            case "content_block_delta":
                _add_to_block(blocks.setdefault(index, {}), event.get("delta") or {}, index, arguments)
            case "message_delta":
                usage |= event.get("usage") or {}
                reason = (event.get("delta") or {}).get("stop_reason")
                if message is not None and reason:
                    message["stop_reason"] = reason
    if message is None and not blocks:
        return None
    content = list(_finished(blocks, arguments))
    return {**(message or {}), "type": "message", "content": content, **({"usage": usage} if usage else {})}


def _add_to_block(block: dict[str, Any], delta: Mapping[str, Any], index: int, arguments: dict[int, str]) -> None:
    kind = delta.get("type")
    if kind == "input_json_delta":
        arguments[index] = arguments.get(index, "") + (delta.get("partial_json") or "")
    elif kind in {"text_delta", "thinking_delta"}:
        name = kind.removesuffix("_delta")
        block["type"] = block.get("type") or name
        block[name] = (block.get(name) or "") + (delta.get(name) or "")


def _finished(blocks: Mapping[int, dict[str, Any]], arguments: Mapping[int, str]) -> Iterator[dict[str, Any]]:
    for index in sorted(blocks):
        block = blocks[index]
        if block.get("type") == "tool_use" and index in arguments and not block.get("input"):
            text = arguments[index]
            parsed = _object(text) if text else {}
            block = {**block, "input": {"_raw": text} if parsed is None else parsed}
        yield block


_READERS: Final[Mapping[str, Callable[[list[dict[str, Any]]], dict[str, Any] | None]]] = {
    "responses": _whole_response,
    "chat": whole_completion,
    "messages": _whole_message,
}
