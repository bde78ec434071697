"""One turn of the model: the content of an assistant message, a run of items in the Responses API."""

import re
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Any, Final

from polygym.protocol.chat.content import check_parts
from polygym.protocol.chat.shapes import require_list, require_object, require_text
from polygym.protocol.items import TEXT_PARTS, is_message
from polygym.protocol.json import JsonObject, dumps, loads
from polygym.protocol.messages.fields import (
    MESSAGES_FIELDS,
    PASSED,
    RESPONSES_FIELDS,
    carry_to_messages,
    carry_to_responses,
    take,
)

INVALID_JSON: Final = "INVALID_JSON"
"""The one field of a tool's input that stands for arguments which are no JSON object (Anthropic, fine-grained tool
streaming)."""
MESSAGES_BLOCK: Final = "messages_block"
"""Kind of an item that holds a block which the Responses API has no kind for."""
RESPONSES_ITEM: Final = "responses_item"
"""Kind of a block that holds an item which the Messages API has no kind for."""
TURN_KINDS: Final = ("message", "reasoning", "function_call", MESSAGES_BLOCK)
"""Item kinds that a model writes and the Messages API can hold; no set, since a `type` may have no hash."""

OF_MESSAGE: Final = "message"
"""In `responses_fields` of the first block that a message became: the item's own fields."""
_NUMBERED: Final = re.compile(r"rs_\d+_\d+")
"""Ids of reasoning items that came without one."""

_TEXT_BLOCK: Final = frozenset({"type", "text"})
_THINKING_BLOCK: Final = frozenset({"type", "thinking", "signature", "data"})
_TOOL_USE_BLOCK: Final = frozenset({"type", "id", "name", "input"})
_MESSAGE_ITEM: Final = frozenset({"type", "role", "content"})
_FINISHED_MESSAGE_ITEM: Final = _MESSAGE_ITEM | {"status"}
_REASONING_ITEM: Final = frozenset({"type", "summary", "encrypted_content"})
_CALL_ITEM: Final = frozenset({"type", "call_id", "name", "arguments"})
_FINISHED_CALL_ITEM: Final = _CALL_ITEM | {"status"}
_TEXT_PART: Final = frozenset({"type", "text", "annotations", "logprobs"})


def blocks_to_items(blocks: Any, number: int | None = None) -> list[JsonObject]:
    """The items that an assistant message's blocks stand for. Raises ValueError.

    Those of an answer have no ids yet. Those of a request, whose place among the messages is `number`, need some only
    where they are reasoning.
    """
    items: list[JsonObject] = []
    for index, block in enumerate(check_parts(blocks)):
        kind = block["type"]
        if kind == "text":
            _add_text(items, block)
        elif kind in ("thinking", "redacted_thinking"):
            items.append(_thinking_to_item(block, kind))
            if number is not None:
                items[-1].setdefault("id", f"rs_{number}_{index}")
        elif kind == "tool_use":
            items.append(_tool_use_to_item(block))
        elif kind == RESPONSES_ITEM:
            items.append(dict(require_object(block.get("item"), RESPONSES_ITEM)))
        else:
            items.append({"type": MESSAGES_BLOCK, "block": block})
    return items


def items_to_blocks(items: Iterable[JsonObject]) -> list[JsonObject]:
    """The blocks of an assistant message for the items of one turn. Raises ValueError."""
    blocks: list[JsonObject] = []
    for item in items:
        kind = item.get("type")
        if kind == "reasoning":
            blocks.append(_reasoning_to_block(item))
        elif kind == "function_call":
            blocks.append(_call_to_block(item))
        elif kind == MESSAGES_BLOCK:
            blocks += check_parts([item.get("block")])
        elif is_message(item):
            blocks += _message_to_blocks(item)
        else:
            blocks.append({"type": RESPONSES_ITEM, "item": item})
    return blocks


def with_fields_of_message(blocks: list[JsonObject], item: JsonObject, known: AbstractSet[str]) -> list[JsonObject]:
    """The blocks of a message, at least one, changed: they get what `item` has beyond `known`. Raises ValueError.

    What the Messages API has no place for is on the first, the rest on the last.
    """
    if item.keys() <= known:
        return blocks
    extras = carry_to_messages({}, item, known)
    own = extras.pop(RESPONSES_FIELDS, None)
    if own is not None:
        blocks[0][RESPONSES_FIELDS] = {**blocks[0].get(RESPONSES_FIELDS, {}), OF_MESSAGE: own}
    blocks[-1].update(extras)
    return blocks


def input_of(arguments: str) -> JsonObject:
    """A tool's input for the arguments as the model wrote them; none is an empty object."""
    if not arguments.strip():
        return {}
    try:
        value = loads(arguments)
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {INVALID_JSON: arguments}


def _add_text(items: list[JsonObject], block: JsonObject) -> None:
    """Put a text into the last item if that is a message of the same text, else into a new one."""
    part: JsonObject = {"type": "output_text", "text": require_text(block.get("text"), "text"), "annotations": []}
    if block.keys() <= _TEXT_BLOCK:
        _message_for(items, {})["content"].append(part)
        return
    block, own = take(block, RESPONSES_FIELDS, OF_MESSAGE)
    native = block.get(RESPONSES_FIELDS)
    if isinstance(native, dict) and native.get("type") == "refusal":
        part = {"type": "refusal", "refusal": part["text"]}
    elif isinstance(native, dict) and native.get("annotations"):
        del part["annotations"]
    carry_to_responses(part, block, _TEXT_BLOCK)
    item = _message_for(items, own)
    for name in PASSED:
        if name in part:
            item[name] = part.pop(name)
    item["content"].append(part)


def _message_for(items: list[JsonObject], own: JsonObject) -> JsonObject:
    """The message that a text belongs to: a new one if it has fields of its own, or there is none to go on with."""
    if own or not items or items[-1].get("type") != "message":
        items.append({"type": "message", "role": "assistant", **own, "content": []})
    return items[-1]


def _thinking_to_item(block: JsonObject, kind: str) -> JsonObject:
    if kind == "thinking":
        text, sealed = require_text(block.get("thinking"), "thinking"), block.get("signature")
    else:
        text, sealed = "", block.get("data")
    item: JsonObject = {"type": "reasoning", "summary": [{"type": "summary_text", "text": text}] if text else []}
    if sealed:
        item["encrypted_content"] = require_text(sealed, f"the signature or data of {kind}")
    given = block.get(RESPONSES_FIELDS)
    if isinstance(given, dict) and "summary" in given:
        del item["summary"]
    carry_to_responses(item, block, _THINKING_BLOCK)
    if _kind_of_thinking(item, _reasoning_text(item)) != kind:
        item.setdefault(MESSAGES_FIELDS, {})["type"] = kind
    return item


def _kind_of_thinking(item: JsonObject, text: str) -> str:
    """What a reasoning item is that does not say so itself: thinking, unless all there is of it is sealed."""
    return "redacted_thinking" if item.get("encrypted_content") and not text else "thinking"


def _reasoning_text(item: JsonObject) -> str:
    """What the model thought: the item's content where it has one, else the summary."""
    parts = require_list(item.get("content") or item.get("summary") or [], "reasoning")
    texts = [require_text(require_object(part, "a reasoning part").get("text"), "text") for part in parts]
    return texts[0] if len(texts) == 1 else "\n\n".join(text for text in texts if text)


def _reasoning_to_block(item: JsonObject) -> JsonObject:
    text, sealed = _reasoning_text(item), item.get("encrypted_content") or ""
    require_text(sealed, "encrypted_content")
    native = require_object(item.get(MESSAGES_FIELDS) or {}, MESSAGES_FIELDS)
    block: JsonObject = {"type": native.get("type") or _kind_of_thinking(item, text)}
    if block["type"] == "redacted_thinking":
        block["data"] = sealed
    else:
        block |= {"thinking": text, "signature": sealed}
    plain = [{"type": "summary_text", "text": text}] if text else []
    known = _REASONING_ITEM if item.get("summary") == plain else _REASONING_ITEM - {"summary"}
    if isinstance(item.get("id"), str) and _NUMBERED.fullmatch(item["id"]):
        known |= {"id"}
    return carry_to_messages(block, item, known)


def _tool_use_to_item(block: JsonObject) -> JsonObject:
    given = require_object(block.get("input"), "the input of a tool_use")
    item: JsonObject = {
        "type": "function_call",
        "call_id": require_text(block.get("id"), "the id of a tool_use"),
        "name": require_text(block.get("name"), "the name of a tool_use"),
        "arguments": _arguments_of(given),
    }
    native = block.get(RESPONSES_FIELDS)
    if isinstance(native, dict) and isinstance(native.get("arguments"), str) and input_of(native["arguments"]) == given:
        item["arguments"] = native["arguments"]
    return carry_to_responses(item, block, _TOOL_USE_BLOCK)


def _arguments_of(given: JsonObject) -> str:
    text = given.get(INVALID_JSON)
    if isinstance(text, str) and len(given) == 1 and input_of(text) == given:
        return text
    return dumps(given).decode()


def _call_to_block(item: JsonObject) -> JsonObject:
    arguments = item.get("arguments")
    text = "" if arguments is None else require_text(arguments, "arguments")
    block: JsonObject = {
        "type": "tool_use",
        "id": require_text(item.get("call_id"), "call_id"),
        "name": require_text(item.get("name"), "name"),
        "input": input_of(text),
    }
    known = _FINISHED_CALL_ITEM if item.get("status") == "completed" else _CALL_ITEM
    if _arguments_of(block["input"]) != text:
        known -= {"arguments"}
    return carry_to_messages(block, item, known)


def _message_to_blocks(item: JsonObject) -> list[JsonObject]:
    content = item.get("content")
    if isinstance(content, str):
        content = [{"type": "output_text", "text": content}]
    blocks = [_output_part_to_block(part) for part in check_parts(content)] or [{"type": "text", "text": ""}]
    known = _FINISHED_MESSAGE_ITEM if item.get("status") == "completed" else _MESSAGE_ITEM
    return with_fields_of_message(blocks, item, known)


def _output_part_to_block(part: JsonObject) -> JsonObject:
    kind = part["type"]
    if kind in TEXT_PARTS:
        block: JsonObject = {"type": "text", "text": require_text(part.get("text"), "text")}
        said = {name for name in ("annotations", "logprobs") if part.get(name)}
        return carry_to_messages(block, part, _TEXT_PART - said if said else _TEXT_PART)
    if kind == "refusal":
        block = {"type": "text", "text": require_text(part.get("refusal"), "refusal")}
        return carry_to_messages(block, part, {"refusal"})
    return dict(part)
