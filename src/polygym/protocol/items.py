"""Items of the Responses API: how they are made, and views of what they hold.

An item is a JSON object with a `type` (a message may leave it out). Kinds and fields that are not named here pass
through everything untouched. Source: OpenAI API reference, Responses.
"""

from base64 import b64encode
from collections.abc import Iterable
from typing import NamedTuple

from polygym.protocol.json import JsonObject, dumps, loads


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
        return [user_message(value)]
    return list(value)


def user_message(text: str) -> JsonObject:
    """A message of the user, in the easy form."""
    return {"role": "user", "content": text, "type": "message"}


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


def function_call_output(call_id: str, output: str | list[JsonObject]) -> JsonObject:
    """The answer to a tool call, text or content parts, as the agent sends it to the model."""
    return {"type": "function_call_output", "call_id": call_id, "output": output}


def input_text(text: str) -> JsonObject:
    """A content part: text."""
    return {"type": "input_text", "text": text}


def input_image(image: bytes | str, media_type: str = "image/png", *, detail: str = "auto") -> JsonObject:
    """A content part: an image, given as the bytes of a file of `media_type`, or as a URL."""
    if isinstance(image, bytes):
        image = f"data:{media_type};base64,{b64encode(image).decode()}"
    return {"type": "input_image", "image_url": image, "detail": detail}


def function_calls(items: Iterable[JsonObject]) -> list[FunctionCall]:
    """The tool calls among `items`, in order."""
    calls = []
    for item in items:
        if item.get("type") == "function_call":
            arguments = item.get("arguments") or ""
            text = dumps(arguments).decode() if isinstance(arguments, dict) else str(arguments)
            calls.append(FunctionCall(str(item.get("call_id") or ""), str(item.get("name") or ""), text))
    return calls


def text_of(content: object) -> str:
    """The text of a message's content: the string, or its text parts joined. Everything else gives nothing."""
    if isinstance(content, str):
        return content
    text = ""
    for part in content if isinstance(content, list) else ():
        if isinstance(part, dict) and part.get("type") in TEXT_PARTS:
            text += str(part.get("text") or "")
    return text


TEXT_PARTS = ("output_text", "input_text", "text")
"""Content part kinds that hold plain text; no set, since a model's `type` may be something that has no hash."""


def is_message(item: JsonObject) -> bool:
    """Whether an item is a message; the easy input form `{role, content}` has no type, or null."""
    return (item.get("type") or "message") == "message" and "role" in item


def output_text(items: Iterable[JsonObject]) -> str:
    """The text of all assistant messages among `items`, joined, as `response.output_text` of the OpenAI client."""
    return "".join(
        text_of(item.get("content")) for item in items if is_message(item) and item.get("role") == "assistant"
    )
