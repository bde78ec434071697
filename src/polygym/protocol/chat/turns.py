"""One turn of the model: an assistant message in Chat Completions, a run of items in the Responses API.

In a run the order is reasoning, message, tool calls. Knows nothing of the conversation around it.
"""

from collections.abc import Sequence
from typing import Any, Final

from polygym.protocol.chat.content import (
    annotations_to_chat,
    annotations_to_responses,
    check_parts,
    output_parts,
    part_to_chat,
)
from polygym.protocol.chat.shapes import require_list, require_object, require_text
from polygym.protocol.items import TEXT_PARTS
from polygym.protocol.json import JsonObject, dumps

REASONING_FIELDS: Final = ("reasoning_content", "reasoning")
"""Where a message holds its reasoning. Newer vLLM reads and writes `reasoning`, SGLang, DeepSeek and older vLLM
`reasoning_content` (vllm-project/vllm#38488); each ignores the other, so both are written."""

TURN_KINDS: Final = frozenset({"message", "reasoning", "function_call", "custom_tool_call"})
"""Item kinds that a model writes and Chat Completions can hold."""

MESSAGE_FIELDS: Final = "chat_message_fields"
"""Item field for what a chat message had under a name that the item uses itself."""
CALL_FIELDS: Final = "chat_tool_call_fields"
"""Item field for what a tool call had beyond its id, kind, name and arguments."""

_MESSAGE_KNOWN: Final = frozenset({"role", "content", "refusal", "tool_calls", "annotations", *REASONING_FIELDS})
_ON_REASONING: Final = ("reasoning_details", "encrypted_content")
_ON_CALL: Final = frozenset({"namespace", "caller", "async"})
_ITEM_KNOWN: Final = {
    "message": frozenset({"type", "id", "status", "role", "content"}),
    "reasoning": frozenset({"type", "id", "status", "summary", "content"}),
    "function_call": frozenset({"type", "id", "status", "call_id", "name", "arguments"}),
    "custom_tool_call": frozenset({"type", "id", "status", "call_id", "name", "input"}),
}
_TEXT_KNOWN: Final = frozenset({"type", "text", "annotations", "logprobs"})


def turn_to_items(message: JsonObject) -> list[JsonObject]:
    """The items, at least one, that an assistant message stands for. They have no ids yet. Raises ValueError."""
    if message.get("function_call") is not None:
        raise ValueError("'function_call' is no longer part of Chat Completions; use 'tool_calls'")
    extras = _extras(message, _MESSAGE_KNOWN)
    items = _reasoning_items(message, extras)
    calls = [
        _call_to_item(call, f"tool_calls[{index}]")
        for index, call in enumerate(require_list(message.get("tool_calls") or [], "tool_calls"))
    ]
    parts = output_parts(message.get("content"))
    if message.get("refusal"):
        parts.append({"type": "refusal", "refusal": require_text(message["refusal"], "refusal")})
    if not (parts or items or calls):
        parts.append({"type": "output_text", "text": "", "annotations": []})
    if message.get("annotations"):
        text = next((part for part in parts if part["type"] == "output_text"), None)
        if text is None:
            extras["annotations"] = message["annotations"]
        else:
            text["annotations"] = annotations_to_responses(message["annotations"])
    if parts:
        items.append({"type": "message", "role": "assistant", "content": parts})
    items += calls
    if extras:
        keep_fields(items[-1], extras)
    return items


def keep_fields(item: JsonObject, extras: JsonObject) -> None:
    """Put a chat message's own fields on the item it became."""
    for name, value in extras.items():
        if name in item or name in ("id", "status") or name in _ON_CALL:
            item.setdefault(MESSAGE_FIELDS, {})[name] = value
        else:
            item[name] = value


class Turn:
    """An assistant message, gathered from the items of one turn. The message comes from `message`."""

    __slots__ = ("_annotations", "_calls", "_extras", "_has_message", "_is_closed", "_parts", "_reasoning", "_refusals")

    def __init__(self) -> None:
        self._reasoning: list[str] = []
        self._parts: list[JsonObject] = []
        self._refusals: list[str] = []
        self._annotations: list[Any] = []
        self._calls: list[JsonObject] = []
        self._extras: JsonObject = {}
        self._has_message = False
        self._is_closed = False

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to say: no item, or reasoning items that hold nothing."""
        return not (self._has_message or self._reasoning or self._calls or self._extras)

    def accepts(self, kind: str) -> bool:
        """Whether an item of that kind can belong to this turn.

        Token ids sit on the last item of a turn. After a message only tool calls follow, unless a call waits for its
        output: then whatever comes belongs here, because the output must follow the message that holds the call.
        """
        if self._is_closed:
            return False
        return bool(self._calls) or not self._has_message or kind not in ("message", "reasoning")

    def add(self, item: JsonObject, kind: str) -> None:
        """Take in one item of a kind in TURN_KINDS. Raises ValueError."""
        if kind == "message":
            self._add_message(item)
        elif kind == "reasoning":
            self._reasoning += _reasoning_texts(item)
        else:
            self._calls.append(_item_to_call(item, kind))
        if not item.keys() <= _ITEM_KNOWN[kind]:
            self._keep_extras(item, kind)
        self._is_closed = item.get("generation_token_ids") is not None

    def message(self, reasoning_fields: Sequence[str]) -> JsonObject:
        """The assistant message, its reasoning under each of `reasoning_fields`."""
        message: JsonObject = {"role": "assistant", "content": self._content()}
        if self._reasoning:
            text = "\n\n".join(self._reasoning)
            for field in reasoning_fields:
                message[field] = text
        if self._refusals:
            message["refusal"] = "".join(self._refusals)
        if self._calls:
            message["tool_calls"] = self._calls
        if self._annotations:
            message["annotations"] = self._annotations
        for name, value in self._extras.items():
            message.setdefault(name, value)
        return message

    def _content(self) -> str | list[JsonObject] | None:
        if not self._parts:
            return None if self._calls or self._refusals else ""
        first = self._parts[0]
        if len(self._parts) == 1 and first["type"] == "text" and len(first) == 2:
            return str(first["text"])
        return self._parts

    def _add_message(self, item: JsonObject) -> None:
        self._has_message = True
        content = item.get("content")
        if isinstance(content, str):
            if content:
                self._parts.append({"type": "text", "text": content})
            return
        for part in check_parts(content):
            kind = part["type"]
            if kind in TEXT_PARTS:
                self._add_text(part)
            elif kind == "refusal":
                self._refusals.append(require_text(part.get("refusal"), "refusal"))
            else:
                self._parts.append(part_to_chat(part))

    def _add_text(self, part: JsonObject) -> None:
        text = require_text(part.get("text"), "text")
        extras = _extras(part, _TEXT_KNOWN)
        if text or extras:
            self._parts.append({"type": "text", "text": text, **extras})
        if part.get("annotations"):
            self._annotations += annotations_to_chat(part["annotations"])

    def _keep_extras(self, item: JsonObject, kind: str) -> None:
        extras = _extras(item, _ITEM_KNOWN[kind])
        self._extras.update(require_object(extras.pop(MESSAGE_FIELDS, {}), MESSAGE_FIELDS))
        if kind in ("function_call", "custom_tool_call"):
            _keep_call_fields(self._calls[-1], extras)
        self._extras.update(extras)


def _extras(fields: JsonObject, known: frozenset[str]) -> JsonObject:
    return {name: value for name, value in fields.items() if name not in known and value is not None}


def _reasoning_items(message: JsonObject, extras: JsonObject) -> list[JsonObject]:
    """The reasoning item, if the message has reasoning; its fields are taken out of `extras`."""
    own: JsonObject = {name: extras.pop(name) for name in _ON_REASONING if name in extras}
    texts: list[str] = []
    for field in REASONING_FIELDS:
        text = message.get(field)
        if text and require_text(text, field) not in texts:
            texts.append(text)
    if not texts and "reasoning_details" in own:
        texts = _detail_texts(own["reasoning_details"])
    if not texts and not own:
        return []
    return [{"type": "reasoning", "summary": [{"type": "summary_text", "text": text} for text in texts], **own}]


def _detail_texts(details: Any) -> list[str]:
    """The readable texts of `reasoning_details` (OpenRouter API reference); encrypted ones have none."""
    texts = []
    for detail in require_list(details, "reasoning_details"):
        text = require_object(detail, "a part of 'reasoning_details'").get("text") or detail.get("summary")
        if text:
            texts.append(require_text(text, "the text of a part of 'reasoning_details'"))
    return texts


def _reasoning_texts(item: JsonObject) -> list[str]:
    """What the model thought: the item's content where it has one, else the summary."""
    parts = require_list(item.get("content") or item.get("summary") or [], "reasoning")
    texts = (require_text(require_object(part, "a reasoning part").get("text"), "text") for part in parts)
    return [text for text in texts if text]


def _call_to_item(value: Any, where: str) -> JsonObject:
    call = require_object(value, where)
    call_id = require_text(call.get("id"), f"{where}.id")
    if call.get("type") == "custom":
        body = require_object(call.get("custom"), f"{where}.custom")
        text = require_text(body.get("input"), f"{where} input")
        item: JsonObject = {"type": "custom_tool_call", "call_id": call_id, "name": body.get("name"), "input": text}
        extras = _call_extras(call, "custom", body, "input")
    else:
        body = require_object(call.get("function"), f"{where}.function")
        text = _arguments_text(body.get("arguments"), where)
        item = {"type": "function_call", "call_id": call_id, "name": body.get("name"), "arguments": text}
        extras = _call_extras(call, "function", body, "arguments")
    require_text(item["name"], f"{where} name")
    if extras:
        for name in _ON_CALL & extras.keys():
            item[name] = extras.pop(name)
    if extras:
        item[CALL_FIELDS] = extras
    return item


def _call_extras(call: JsonObject, kind: str, body: JsonObject, argument: str) -> JsonObject:
    """The fields of a tool call beyond the usual; its `index` is its place in the list."""
    extras = {n: v for n, v in call.items() if v is not None and n not in ("id", "type", "index", kind)}
    if len(body) > 2:
        inner = {n: v for n, v in body.items() if v is not None and n not in ("name", argument)}
        if inner:
            extras[kind] = inner
    return extras


def _arguments_text(value: Any, where: str) -> str:
    """Arguments as text; some servers leave out empty ones, or send the object itself."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    try:
        return dumps(require_object(value, f"{where} arguments")).decode()
    except TypeError as error:
        raise ValueError(f"{where} arguments are no JSON: {error}") from error


def _item_to_call(item: JsonObject, kind: str) -> JsonObject:
    call_id, name = require_text(item.get("call_id"), "call_id"), require_text(item.get("name"), "name")
    if kind == "custom_tool_call":
        text = require_text(item.get("input"), "input")
        return {"id": call_id, "type": "custom", "custom": {"name": name, "input": text}}
    arguments = _arguments_text(item.get("arguments"), "the call's")
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def _keep_call_fields(call: JsonObject, extras: JsonObject) -> None:
    """Put what belongs to the tool call on it, and leave in `extras` what belongs to the message."""
    for name in _ON_CALL & extras.keys():
        call[name] = extras.pop(name)
    fields = dict(require_object(extras.pop(CALL_FIELDS, {}), CALL_FIELDS))
    kind = call["type"]
    inner = fields.pop(kind, None)
    if inner is not None:
        call[kind] = {**require_object(inner, f"{CALL_FIELDS}.{kind}"), **call[kind]}
    for name, value in fields.items():
        call.setdefault(name, value)
