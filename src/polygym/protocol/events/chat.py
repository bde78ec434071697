"""The chunks of a ChatCompletion. Source: OpenAI API reference, Chat, streaming."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from polygym.protocol.chat import REASONING_FIELDS
from polygym.protocol.json import JsonObject

_EVERYWHERE: Final = ("id", "created", "model", "system_fingerprint", "service_tier")
"""Fields that every chunk repeats."""
_COMPLETION_KNOWN: Final = frozenset({"object", "choices", "usage", *_EVERYWHERE})
_CHOICE_KNOWN: Final = frozenset({"index", "message", "finish_reason", "logprobs"})
_IN_ORDER: Final = (*REASONING_FIELDS, "content", "refusal")
_MESSAGE_KNOWN: Final = frozenset({"role", "tool_calls", *_IN_ORDER})
_CALL_TEXTS: Final[Mapping[str, str]] = {"function": "arguments", "custom": "input"}


def chat_chunks(completion: JsonObject, *, includes_usage: bool) -> Iterator[JsonObject]:
    """The chunks of a finished ChatCompletion; with `includes_usage` the last one has the usage and no choice.

    What a completion, a choice or a message has beyond the API is in the first chunk, the choice's last, or a chunk of
    its own before that.
    """
    shared: JsonObject = {name: completion[name] for name in _EVERYWHERE if completion.get(name) is not None}
    shared["object"] = "chat.completion.chunk"
    if includes_usage:
        shared["usage"] = None
    first = {name: value for name, value in completion.items() if name not in _COMPLETION_KNOWN and value is not None}
    for index, choice in enumerate(completion["choices"]):
        for delta, ending in _choice_deltas(choice):
            yield {**shared, **first, "choices": [{"index": index, "delta": delta, "finish_reason": None, **ending}]}
            first = {}
    if includes_usage:
        yield {**shared, "choices": [], "usage": completion.get("usage")}


def _choice_deltas(choice: JsonObject) -> Iterator[tuple[JsonObject, JsonObject]]:
    """What each chunk of a choice adds to the message, and the other fields that it has."""
    message, logprobs = choice["message"], choice.get("logprobs")
    yield {"role": "assistant", "content": "" if isinstance(message.get("content"), str) else None}, {}
    for name in _IN_ORDER:
        if message.get(name):
            with_text = name == "content" and logprobs is not None
            yield {name: message[name]}, {"logprobs": logprobs} if with_text else {}
            logprobs = None if with_text else logprobs
    for index, call in enumerate(message.get("tool_calls") or ()):
        for delta in _call_deltas(call):
            yield {"tool_calls": [{**delta, "index": index}]}, {}
    others = {name: value for name, value in message.items() if name not in _MESSAGE_KNOWN and value is not None}
    if others:
        yield others, {}
    ending = {name: value for name, value in choice.items() if name not in _CHOICE_KNOWN and value is not None}
    if logprobs is not None:
        ending["logprobs"] = logprobs
    yield {}, {**ending, "finish_reason": choice.get("finish_reason")}


def _call_deltas(call: JsonObject) -> Iterator[JsonObject]:
    kind = call.get("type") or "function"
    body: Any = call.get(kind)
    field = _CALL_TEXTS.get(kind)
    if field is None or not isinstance(body, dict):
        yield call
        return
    yield {**call, "type": kind, kind: {**body, field: ""}}
    yield {kind: {field: body.get(field) or ""}}
