"""The events of a Response. Source: OpenAI API reference, Responses, streaming."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from polygym.protocol.chat.tokens import TOKEN_FIELDS
from polygym.protocol.json import JsonObject
from polygym.protocol.responses import new_id

_ENDINGS: Final[Mapping[str, str]] = {"incomplete": "response.incomplete", "failed": "response.failed"}
_TEXTS: Final[Mapping[str, str]] = {"function_call": "arguments", "custom_tool_call": "input"}
"""Fields that arrive bit by bit, by the kind of item."""
_TEXT_EVENTS: Final[Mapping[str, str]] = {
    "function_call": "response.function_call_arguments",
    "custom_tool_call": "response.custom_tool_call_input",
}
_PART_EVENTS: Final[Mapping[str, tuple[str, str]]] = {
    "output_text": ("response.output_text", "text"),
    "refusal": ("response.refusal", "refusal"),
    "reasoning_text": ("response.reasoning_text", "text"),
}
"""Name of a part's events and the field that its text is in, by the part's kind."""


def response_events(response: JsonObject) -> Iterator[JsonObject]:
    """The events of a finished Response, in order, numbered. Items without an id get one, since events refer to it."""
    response = {**response, "output": [_with_id(item) for item in response["output"]]}
    begun = {**response, "status": "in_progress", "output": [], "usage": None, "incomplete_details": None}
    ending = _ENDINGS.get(str(response.get("status")), "response.completed")
    for number, event in enumerate(_all_events(begun, response, ending)):
        yield {**event, "sequence_number": number}


def _all_events(begun: JsonObject, response: JsonObject, ending: str) -> Iterator[JsonObject]:
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    for index, item in enumerate(response["output"]):
        yield {"type": "response.output_item.added", "output_index": index, "item": _begun_item(item)}
        for event in _item_events(item):
            yield {**event, "item_id": item["id"], "output_index": index}
        yield {"type": "response.output_item.done", "output_index": index, "item": item}
    yield {"type": ending, "response": response}


def _with_id(item: JsonObject) -> JsonObject:
    return item if isinstance(item.get("id"), str) else {**item, "id": new_id("item")}


def _begun_item(item: JsonObject) -> JsonObject:
    """An item before its first word."""
    begun = {name: value for name, value in item.items() if name not in TOKEN_FIELDS}
    if "status" in begun:
        begun["status"] = "in_progress"
    kind = item["type"]
    if kind in _TEXTS:
        begun[_TEXTS[kind]] = ""
    elif kind in ("message", "reasoning"):
        begun |= {field: [] for field in ("content", "summary") if field in item}
    return begun


def _item_events(item: JsonObject) -> Iterator[JsonObject]:
    kind = item["type"]
    if kind in _TEXTS:
        text = item.get(_TEXTS[kind]) or ""
        yield {"type": f"{_TEXT_EVENTS[kind]}.delta", "delta": text}
        yield {"type": f"{_TEXT_EVENTS[kind]}.done", _TEXTS[kind]: text}
    elif kind in ("message", "reasoning"):
        for index, part in enumerate(_parts(item.get("summary"))):
            for event in _summary_events(part):
                yield {**event, "summary_index": index}
        for index, part in enumerate(_parts(item.get("content"))):
            for event in _part_events(part):
                yield {**event, "content_index": index}


def _parts(content: Any) -> list[JsonObject]:
    """The parts of a content; one that is a string has none, and is in the finished item only."""
    return content if isinstance(content, list) else []


def _summary_events(part: JsonObject) -> Iterator[JsonObject]:
    text = part.get("text") or ""
    yield {"type": "response.reasoning_summary_part.added", "part": {**part, "text": ""}}
    yield {"type": "response.reasoning_summary_text.delta", "delta": text}
    yield {"type": "response.reasoning_summary_text.done", "text": text}
    yield {"type": "response.reasoning_summary_part.done", "part": part}


def _part_events(part: JsonObject) -> Iterator[JsonObject]:
    name, field = _PART_EVENTS.get(str(part.get("type")), ("", ""))
    if not name:
        yield {"type": "response.content_part.added", "part": part}
        yield {"type": "response.content_part.done", "part": part}
        return
    text = part.get(field) or ""
    logprobs = {"logprobs": part.get("logprobs") or []} if name == "response.output_text" else {}
    begun = {**part, field: "", **{name: [] for name in ("annotations", "logprobs") if part.get(name)}}
    yield {"type": "response.content_part.added", "part": begun}
    yield {"type": f"{name}.delta", "delta": text, **logprobs}
    for index, annotation in enumerate(_parts(part.get("annotations"))):
        yield {"type": f"{name}.annotation.added", "annotation": annotation, "annotation_index": index}
    yield {"type": f"{name}.done", field: text, **logprobs}
    yield {"type": "response.content_part.done", "part": part}
