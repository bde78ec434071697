"""Items of the Responses API: how they are made, and views of what they hold.

An item is a JSON object with a `type` (a message may leave it out). Kinds and fields that are not named here pass
through everything untouched. Source: OpenAI API reference, Responses.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from polygym.protocol.json import JsonObject, loads


class FunctionCall(NamedTuple):
    """A tool call as the model wrote it."""

    call_id: str
    name: str
    arguments_text: str

    def parse(self) -> JsonObject:
        """The decoded arguments; an empty text counts as none. Raises ValueError when they are no JSON object."""
        if not self.arguments_text.strip():
            return {}
        value = loads(self.arguments_text)
        if not isinstance(value, dict):
            raise ValueError(f"arguments must be a JSON object, not {type(value).__name__}")
        return value

    @property
    def is_valid(self) -> bool:
        """Whether the arguments are a JSON object."""
        try:
            self.parse()
        except ValueError:
            return False
        return True

    @property
    def arguments(self) -> JsonObject:
        """The decoded arguments, `{}` when they are no JSON object; for verifiers, which must not stumble over them."""
        try:
            return self.parse()
        except ValueError:
            return {}


def input_items(value: str | list[JsonObject]) -> list[JsonObject]:
    """The `input` of create params as a new list of items; a plain string is one user message."""
    if isinstance(value, str):
        return [{"role": "user", "content": value, "type": "message"}]
    return list(value)


def output_message(text: str, *, message_id: str) -> JsonObject:
    """An assistant message with one text part, as a model answers it."""
    return {
        "id": message_id,
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_text", "text": text, "annotations": []}],
    }


def function_call(name: str, arguments_text: str, *, call_id: str, item_id: str) -> JsonObject:
    """A tool call, as a model answers it."""
    return {
        "id": item_id,
        "type": "function_call",
        "call_id": call_id,
        "name": name,
        "arguments": arguments_text,
        "status": "completed",
    }


def function_call_output(call_id: str, output: str) -> JsonObject:
    """The answer to a tool call, as the agent sends it to the model."""
    return {"type": "function_call_output", "call_id": call_id, "output": output}


def function_calls(items: Iterable[JsonObject]) -> Iterator[FunctionCall]:
    """The tool calls among `items`, in order."""
    for item in items:
        if item.get("type") == "function_call":
            yield FunctionCall(
                str(item.get("call_id") or ""), str(item.get("name") or ""), str(item.get("arguments") or "")
            )


def text_of(content: str | list[JsonObject] | None) -> str:
    """The text of a message's content: the string, or its text parts joined. Refusals and media give nothing."""
    if isinstance(content, str):
        return content
    return "".join(str(part.get("text") or "") for part in content or () if part.get("type") in TEXT_PARTS)


TEXT_PARTS = frozenset({"output_text", "input_text", "text"})
"""Content part kinds that hold plain text."""


def is_message(item: JsonObject) -> bool:
    """Whether an item is a message; the easy input form `{role, content}` has no type, or null."""
    return (item.get("type") or "message") == "message" and "role" in item


def output_text(items: Iterable[JsonObject]) -> str:
    """The text of all assistant messages among `items`, joined, as `response.output_text` of the OpenAI client."""
    return "".join(
        text_of(item.get("content")) for item in items if is_message(item) and item.get("role") == "assistant"
    )
