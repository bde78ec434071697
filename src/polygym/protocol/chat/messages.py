"""A conversation: the messages of a chat request, the input items of a Responses request."""

from collections.abc import Sequence
from typing import Any, Final

from polygym.protocol.chat.content import content_to_chat, content_to_responses
from polygym.protocol.chat.shapes import require_list, require_object, require_text
from polygym.protocol.chat.turns import MESSAGE_FIELDS, TURN_KINDS, Turn, keep_fields, turn_to_items
from polygym.protocol.items import input_items
from polygym.protocol.json import JsonObject

_SPEAKERS: Final = frozenset({"system", "developer", "user"})
_OUTPUT_KINDS: Final = frozenset({"function_call_output", "custom_tool_call_output"})
_MESSAGE_KNOWN: Final = frozenset({"type", "id", "status", "role", "content", MESSAGE_FIELDS})
_OUTPUT_KNOWN: Final = frozenset({"type", "id", "status", "call_id", "output", MESSAGE_FIELDS})


def messages_to_items(messages: Any) -> list[JsonObject]:
    """Input items for chat messages. Reasoning items, which must have an id, are numbered by their message.

    Raises ValueError that names the message.
    """
    items: list[JsonObject] = []
    custom_calls: set[str] = set()
    for index, value in enumerate(require_list(messages, "messages")):
        try:
            message = require_object(value, "a message")
            role = message.get("role")
            if role == "assistant":
                turn = turn_to_items(message)
                if turn[0]["type"] == "reasoning":
                    turn[0] = {"id": f"rs_{index}", **turn[0]}
                custom_calls.update(item["call_id"] for item in turn if item["type"] == "custom_tool_call")
                items += turn
            elif role == "tool":
                items.append(_output_item(message, custom_calls))
            elif isinstance(role, str) and role in _SPEAKERS:
                content = content_to_responses(message.get("content"))
                item = {"type": "message", "role": role, "content": content}
                items.append(_with_others(item, message, ("role", "content")))
            else:
                raise ValueError(f"'role' must be system, developer, user, assistant or tool, this is {role!r}")
        except ValueError as error:
            raise ValueError(f"messages[{index}]: {error}") from error
    return items


def items_to_messages(items: Any, reasoning_fields: Sequence[str]) -> list[JsonObject]:
    """Chat messages for the `input` of create params; the items of one turn become one assistant message.

    Raises ValueError that names the item, also for kinds that Chat Completions has no message for.
    """
    if not isinstance(items, str | list):
        raise ValueError(f"'input' must be a string or a list of items, got {type(items).__name__}")
    messages: list[JsonObject] = []
    turn: Turn | None = None
    for index, value in enumerate(input_items(items)):
        try:
            item = require_object(value, "an item")
            kind = _kind(item)
            if kind in TURN_KINDS and (kind != "message" or item.get("role") == "assistant"):
                if turn is None or not turn.accepts(kind):
                    _close(turn, messages, reasoning_fields)
                    turn = Turn()
                turn.add(item, kind)
            else:
                _close(turn, messages, reasoning_fields)
                turn = None
                messages.append(_input_message(item, kind))
        except ValueError as error:
            raise ValueError(f"input[{index}]: {error}") from error
    _close(turn, messages, reasoning_fields)
    return messages


def put_instructions_first(instructions: Any, messages: list[JsonObject]) -> None:
    """Make `instructions` the first message, joined by a blank line with system and developer texts that follow.

    Chat templates of several model families accept one system message only, at the start. Raises ValueError.
    """
    texts = [require_text(instructions, "instructions")]
    if not texts[0]:
        return
    while len(texts) <= len(messages) and _is_plain_system(messages[len(texts) - 1]):
        texts.append(messages[len(texts) - 1]["content"])
    messages[: len(texts) - 1] = [{"role": "system", "content": "\n\n".join(texts)}]


def _is_plain_system(message: JsonObject) -> bool:
    return message["role"] in ("system", "developer") and len(message) == 2 and isinstance(message["content"], str)


def _kind(item: JsonObject) -> str:
    kind = item.get("type")
    if isinstance(kind, str):
        return kind
    if kind is None and "role" in item:
        return "message"
    raise ValueError("an item needs a 'type'")


def _close(turn: Turn | None, messages: list[JsonObject], reasoning_fields: Sequence[str]) -> None:
    if turn is not None and not turn.is_empty:
        messages.append(turn.message(reasoning_fields))


def _input_message(item: JsonObject, kind: str) -> JsonObject:
    """The message for an item that the model did not write."""
    if kind in _OUTPUT_KINDS:
        call_id = require_text(item.get("call_id"), "call_id")
        message = {"role": "tool", "tool_call_id": call_id, "content": content_to_chat(item.get("output"))}
        return _with_fields(message, item, _OUTPUT_KNOWN)
    if kind != "message":
        raise ValueError(f"Chat Completions has no message for an item of type {kind!r}")
    role = item.get("role")
    if not isinstance(role, str) or role not in _SPEAKERS:
        raise ValueError(f"'role' must be system, developer, user or assistant, this is {role!r}")
    return _with_fields({"role": role, "content": content_to_chat(item.get("content"))}, item, _MESSAGE_KNOWN)


def _with_fields(message: JsonObject, item: JsonObject, known: frozenset[str]) -> JsonObject:
    """The message with what else the item holds; what the message has already stays."""
    if item.keys() <= known and MESSAGE_FIELDS not in item:
        return message
    others = {name: value for name, value in item.items() if name not in known and value is not None}
    return {**require_object(item.get(MESSAGE_FIELDS) or {}, MESSAGE_FIELDS), **others, **message}


def _output_item(message: JsonObject, custom_calls: set[str]) -> JsonObject:
    call_id = require_text(message.get("tool_call_id"), "tool_call_id")
    kind = "custom_tool_call_output" if call_id in custom_calls else "function_call_output"
    item = {"type": kind, "call_id": call_id, "output": content_to_responses(message.get("content"))}
    return _with_others(item, message, ("role", "tool_call_id", "content"))


def _with_others(item: JsonObject, message: JsonObject, known: tuple[str, ...]) -> JsonObject:
    if len(message) > len(known):
        keep_fields(item, {n: v for n, v in message.items() if v is not None and n not in known})
    return item
