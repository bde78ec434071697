"""A conversation: the messages and the system prompt of a Messages request, the input items of a Responses request."""

from typing import Any, Final

from polygym.protocol.chat.content import check_parts
from polygym.protocol.chat.shapes import require_list, require_object, require_text
from polygym.protocol.items import input_items, is_message
from polygym.protocol.json import JsonObject
from polygym.protocol.messages.blocks import block_to_part, content_to_blocks, content_to_parts
from polygym.protocol.messages.fields import (
    MESSAGES_FIELDS,
    RESPONSES_FIELDS,
    carry_to_messages,
    carry_to_responses,
    take,
)
from polygym.protocol.messages.turns import (
    OF_MESSAGE,
    TURN_KINDS,
    blocks_to_items,
    items_to_blocks,
    with_fields_of_message,
)

_SYSTEM_ROLES: Final = ("system", "developer")
_MESSAGE_FIELDS: Final = "of_message"
"""In `messages_fields` of the first item that a message became: the message's own fields."""

_RESULT_BLOCK: Final = frozenset({"type", "tool_use_id", "content"})
_OUTPUT_ITEM: Final = frozenset({"type", "call_id", "output"})
_MESSAGE_ITEM: Final = frozenset({"type", "role", "content"})


def messages_to_items(messages: Any) -> list[JsonObject]:
    """Input items for the messages of a Messages request. Raises ValueError that names the message."""
    items: list[JsonObject] = []
    for index, value in enumerate(require_list(messages, "messages")):
        try:
            message = require_object(value, "a message")
            found = _message_to_items(message, index)
        except ValueError as error:
            raise ValueError(f"messages[{index}]: {error}") from error
        if found and len(message) > 2:
            own = {name: inner for name, inner in message.items() if name not in ("role", "content")}
            found[0][MESSAGES_FIELDS] = {**found[0].get(MESSAGES_FIELDS, {}), _MESSAGE_FIELDS: own}
        items += found
    return items


def system_to_items(system: Any) -> tuple[str | None, list[JsonObject]]:
    """The `instructions` and the first input items for a system prompt. Raises ValueError."""
    if isinstance(system, str):
        return system, []
    instructions: str | None = None
    items: list[JsonObject] = []
    for block in check_parts(system):
        native = require_object(block.get(RESPONSES_FIELDS) or {}, RESPONSES_FIELDS)
        if native.get("instructions"):
            instructions = require_text(block.get("text"), "text")
        else:
            _add_to_message(items, block, "system")
    return instructions, items


def items_to_messages(value: Any) -> tuple[list[JsonObject], list[JsonObject]]:
    """The blocks of the system prompt and the messages for the `input` of create params.

    System and developer messages at the start are the prompt, later ones messages of the role `system`. Raises
    ValueError that names the item, also for kinds that the Messages API has no block for.
    """
    if not isinstance(value, str | list):
        raise ValueError(f"'input' must be a string or a list of items, got {type(value).__name__}")
    system: list[JsonObject] = []
    messages = _Messages()
    for index, given in enumerate(input_items(value)):
        try:
            item = require_object(given, "an item")
            if messages.is_empty and is_message(item) and item.get("role") in _SYSTEM_ROLES:
                system += _message_blocks(item, "system")
            else:
                messages.add(item)
        except ValueError as error:
            raise ValueError(f"input[{index}]: {error}") from error
    return system, messages.finish()


def _message_to_items(message: JsonObject, index: int) -> list[JsonObject]:
    role, content = message.get("role"), message.get("content")
    if role not in ("user", "assistant", "system"):
        raise ValueError(f"'role' must be user, assistant or system, this is {role!r}")
    if isinstance(content, str):
        return [{"type": "message", "role": role, "content": content}]
    if role == "assistant":
        return blocks_to_items(content, index)
    items: list[JsonObject] = []
    for block in check_parts(content):
        if block["type"] == "tool_result":
            items.append(_result_to_item(block))
        else:
            _add_to_message(items, block, role)
    return items


def _add_to_message(items: list[JsonObject], block: JsonObject, role: str) -> None:
    block, own = take(block, RESPONSES_FIELDS, OF_MESSAGE)
    if own or not items or items[-1]["type"] != "message":
        items.append({"type": "message", "role": role, **own, "content": []})
    items[-1]["content"].append(block_to_part(block))


def _result_to_item(block: JsonObject) -> JsonObject:
    content = block.get("content")
    item: JsonObject = {
        "type": "function_call_output",
        "call_id": require_text(block.get("tool_use_id"), "tool_use_id"),
        "output": "" if content is None else content_to_parts(content),
    }
    carry_to_responses(item, block, _RESULT_BLOCK)
    if item.get(MESSAGES_FIELDS) == {"is_error": False}:
        del item[MESSAGES_FIELDS]
    return item


def _message_blocks(item: JsonObject, role: str) -> list[JsonObject]:
    """The blocks of a message that is not the model's; at least one. Its own fields are on the first."""
    content = content_to_blocks(item.get("content"))
    blocks: list[JsonObject] = [{"type": "text", "text": content}] if isinstance(content, str) else content
    if not blocks:
        raise ValueError("a message needs content")
    known = _MESSAGE_ITEM if item["role"] == role else _MESSAGE_ITEM - {"role"}
    return with_fields_of_message(blocks, item, known)


class _Messages:
    """Messages, gathered from input items: a turn of the model is one, and so are the results that answer it."""

    def __init__(self) -> None:
        self._messages: list[JsonObject] = []
        self._turn: list[JsonObject] = []
        self._turn_fields: JsonObject = {}
        self._takes_results = False
        """Whether the last message holds nothing but tool results."""

    @property
    def is_empty(self) -> bool:
        return not self._messages and not self._turn

    def add(self, item: JsonObject) -> None:
        fields: JsonObject = {}
        if MESSAGES_FIELDS in item:
            item, fields = take(item, MESSAGES_FIELDS, _MESSAGE_FIELDS)
        kind = "message" if is_message(item) else item.get("type")
        if kind in TURN_KINDS and (kind != "message" or item.get("role") == "assistant"):
            if fields:
                self._close_turn()
                self._turn_fields = fields
            self._turn.append(item)
            return
        self._close_turn()
        if kind == "function_call_output":
            self._add_result(_output_to_result(item), fields)
        elif kind == "message":
            self._add_message(item, fields)
        else:
            raise ValueError(f"the Messages API has no block for an item of type {kind!r}")

    def finish(self) -> list[JsonObject]:
        self._close_turn()
        return self._messages

    def _close_turn(self) -> None:
        turn, fields = self._turn, self._turn_fields
        if not turn:
            return
        self._turn, self._turn_fields, self._takes_results = [], {}, False
        content: Any = items_to_blocks(turn)
        if len(turn) == 1 and isinstance(turn[0].get("content"), str) and content[0].keys() == {"type", "text"}:
            content = turn[0]["content"]
        self._messages.append({"role": "assistant", "content": content, **fields})

    def _add_result(self, block: JsonObject, fields: JsonObject) -> None:
        if self._takes_results and not fields:
            self._messages[-1]["content"].append(block)
        else:
            self._messages.append({"role": "user", "content": [block], **fields})
        self._takes_results = True

    def _add_message(self, item: JsonObject, fields: JsonObject) -> None:
        role = "system" if item.get("role") in _SYSTEM_ROLES else item.get("role")
        if role not in ("system", "user"):
            raise ValueError(f"'role' must be system, developer, user or assistant, this is {role!r}")
        content: Any = item.get("content")
        if not isinstance(content, str) or item["role"] == "developer" or not item.keys() <= _MESSAGE_ITEM:
            content = _message_blocks(item, role)
        if self._takes_results and role == "user" and isinstance(content, list) and not fields:
            self._messages[-1]["content"] += content
        else:
            self._messages.append({"role": role, "content": content, **fields})
        self._takes_results = False


def _output_to_result(item: JsonObject) -> JsonObject:
    block: JsonObject = {
        "type": "tool_result",
        "tool_use_id": require_text(item.get("call_id"), "call_id"),
        "content": content_to_blocks(item.get("output")),
    }
    known = _OUTPUT_ITEM | {"status"} if item.get("status") == "completed" else _OUTPUT_ITEM
    return carry_to_messages(block, item, known)
