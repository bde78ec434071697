"""Whether a conversation follows a recorded one, and what the recorded policy said next. Pure functions."""

from collections.abc import Collection
from typing import Any, Literal, NamedTuple, TypeAlias

from polygym import JsonObject
from polygym.protocol.chat.tokens import TOKEN_FIELDS
from polygym.protocol.items import TEXT_PARTS, input_items, text_of
from polygym.protocol.json import dumps
from polygym.protocol.responses import incompleteness_of
from polygym.protocol.tasks import PARAMS

Ignored: TypeAlias = Literal["instructions", "user_messages", "tool_outputs"]

SHOWN = 120
"""Characters of a value that a message quotes."""
_NO_MATTER = frozenset({"id", "status", "logprobs", "annotations", "phase", *TOKEN_FIELDS})
"""Fields of an item that harnesses and converters may leave out."""
_HARNESS_ENDS = "max_steps"
"""Reason of an incomplete response that is the harness's, not the model's."""


class Departure(Exception):
    """The conversation is not the recorded one; the text says where and in what."""


class Answer(NamedTuple):
    """What the recorded policy said."""

    items: list[JsonObject]
    is_last: bool
    """Whether it said nothing after that."""


def next_answer(row: JsonObject, params: JsonObject, ignored: Collection[Ignored]) -> Answer:
    """What the policy of a recorded rollout answered to the conversation in `params`.

    Raises Departure where that conversation is not the beginning of the recorded one, or the record has no more.
    """
    asked: JsonObject = row[PARAMS]
    if "instructions" not in ignored and (params.get("instructions") or "") != (asked.get("instructions") or ""):
        raise Departure(_difference("the instructions", asked.get("instructions"), params.get("instructions")))
    recorded = [*input_items(asked["input"]), *row["response"]["output"]]
    at = 0
    for number, item in enumerate(input_items(params.get("input") or [])):
        while at < len(recorded) and _kind(recorded[at]) == "reasoning" != _kind(item):
            at += 1  # many harnesses leave earlier reasoning out
        if at == len(recorded):
            raise Departure(f"item {number}: the record ends before it, the conversation has {_named(item)}")
        _compare(number, recorded[at], item, ignored)
        at += 1
    end = at
    while end < len(recorded) and _is_models(recorded[end]):
        end += 1
    if at == end and not _ended_with_nothing(row["response"], recorded[at:]):
        rest = f"has {_named(recorded[at])} next" if at < len(recorded) else "ends here"
        raise Departure(f"item {at}: the model is asked, and the record {rest}")
    return Answer(recorded[at:end], end == len(recorded))


def _ended_with_nothing(response: JsonObject, rest: list[JsonObject]) -> bool:
    """Whether the recorded policy's last answer held no item."""
    return not rest and incompleteness_of(response) not in (None, _HARNESS_ENDS)


def _compare(number: int, recorded: JsonObject, item: JsonObject, ignored: Collection[Ignored]) -> None:
    """Raises Departure when two items differ in something that matters."""
    if _group(recorded) in ignored and _group(item) == _group(recorded):
        return
    before, now = _essence(recorded), _essence(item)
    if before == now:
        return
    if before["type"] != now["type"] or before.get("role") != now.get("role"):
        raise Departure(f"item {number}: was {_named(recorded)}, is {_named(item)}")
    field = next(key for key in [*before, *now] if before.get(key) != now.get(key))
    where = f"item {number}, '{field}' of {_named(recorded)}"
    raise Departure(_difference(where, recorded.get(field), item.get(field)))


def _difference(where: str, before: Any, now: Any) -> str:
    """Both values from where they begin to differ, if they are texts."""
    if isinstance(before, str) and isinstance(now, str):
        same = next(
            (i for i, (a, b) in enumerate(zip(before, now, strict=False)) if a != b), min(len(before), len(now))
        )
        start = max(0, same - 20)
        before, now = before[start:], now[start:]
        where = f"{where}, from character {start}" if start else where
    return f"{where}: was {_shown(before)}, is {_shown(now)}"


def _shown(value: Any) -> str:
    text = dumps(value).decode()
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def _kind(item: JsonObject) -> str:
    return str(item.get("type") or "message")


def _is_models(item: JsonObject) -> bool:
    kind = _kind(item)
    return item.get("role") == "assistant" if kind == "message" else not kind.endswith("_output")


def _group(item: JsonObject) -> str:
    """What `ignore` calls an item; empty for what cannot be ignored."""
    kind, role = _kind(item), item.get("role")
    if kind == "message":
        return {"user": "user_messages", "system": "instructions", "developer": "instructions"}.get(str(role), "")
    return "tool_outputs" if kind.endswith("_output") else ""


def _essence(item: JsonObject) -> JsonObject:
    """An item in the form in which two that mean the same are equal."""
    fields = {key: value for key, value in item.items() if key not in _NO_MATTER and value is not None}
    fields["type"] = _kind(item)
    for key in ("content", "output"):
        if isinstance(fields.get(key), str | list):
            fields[key] = _content(fields[key])
    return fields


def _content(content: str | list[Any]) -> Any:
    """A text, or parts that are not only text."""
    if isinstance(content, str):
        return content
    if all(isinstance(part, dict) and part.get("type") in TEXT_PARTS for part in content):
        return text_of(content)
    return [
        {key: value for key, value in part.items() if key not in _NO_MATTER and value is not None}
        if isinstance(part, dict)
        else part
        for part in content
    ]


def _named(item: JsonObject) -> str:
    kind = _kind(item)
    if kind == "message":
        return f"a message of the {item.get('role')}"
    name = item.get("name") or item.get("call_id")
    return f"a {kind} ({name})" if name else f"a {kind}"
