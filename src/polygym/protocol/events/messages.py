"""The events of a Message. Source: Anthropic API reference, streaming Messages."""

from collections.abc import Iterator
from typing import Final

from polygym.protocol.json import JsonObject, dumps

_ENDING: Final = ("stop_reason", "stop_sequence", "stop_details", "container")
"""Fields of a Message that are known at its end."""
_OUTPUT_USAGE: Final = ("output_tokens", "output_tokens_details", "server_tool_use")
"""Counts that are known at the end."""


def message_events(message: JsonObject) -> Iterator[JsonObject]:
    """The events of a finished Message, in order."""
    usage = message.get("usage") or {}
    begun = {**message, "content": [], "stop_reason": None, "stop_sequence": None}
    begun["usage"] = {name: value for name, value in usage.items() if name not in _OUTPUT_USAGE} | {"output_tokens": 0}
    for name in ("stop_details", "container"):
        begun.pop(name, None)
    yield {"type": "message_start", "message": begun}
    for index, block in enumerate(message["content"]):
        yield {"type": "content_block_start", "index": index, "content_block": _begun_block(block)}
        for delta in _deltas(block):
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    ending = {name: message[name] for name in _ENDING if message.get(name) is not None}
    delta = {"stop_reason": None, "stop_sequence": None, **ending}
    yield {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 0, **usage}}
    yield {"type": "message_stop"}


def _begun_block(block: JsonObject) -> JsonObject:
    """A block before its first word. Fields that no delta can add are in it."""
    match block["type"]:
        case "text":
            return {**block, "text": "", **({"citations": []} if block.get("citations") else {})}
        case "thinking":
            return {**block, "thinking": "", "signature": ""}
        case "tool_use" | "server_tool_use":
            return {**block, "input": {}}
        case _:
            return block


def _deltas(block: JsonObject) -> Iterator[JsonObject]:
    match block["type"]:
        case "text":
            if block.get("text"):
                yield {"type": "text_delta", "text": block["text"]}
            for citation in block.get("citations") or ():
                yield {"type": "citations_delta", "citation": citation}
        case "thinking":
            if block.get("thinking"):
                yield {"type": "thinking_delta", "thinking": block["thinking"]}
            yield {"type": "signature_delta", "signature": block.get("signature") or ""}
        case "tool_use" | "server_tool_use":
            yield {"type": "input_json_delta", "partial_json": dumps(block.get("input") or {}).decode()}
