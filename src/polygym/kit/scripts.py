"""Scripts: policies written as generators. Each `yield` is one turn of the model; it gives back what came in since.

    def solve(row: JsonObject) -> Script:
        outputs = yield call("get_weather", city=row["city"])
        yield f"It is {outputs[0]}."

Knows nothing of who plays them.
"""

from collections.abc import Callable, Generator, Iterable
from enum import Enum
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from polygym.protocol.items import function_call, is_message, output_message, text_of
from polygym.protocol.json import JsonObject, dumps


class ToolCall(NamedTuple):
    """A tool call of a turn."""

    name: str
    arguments: JsonObject | str
    """A string is sent as it is, so that arguments may be no JSON."""


class _Listening(Enum):
    LISTEN = "listen"


LISTEN: Final = _Listening.LISTEN
"""A turn that says nothing: gives what the model is asked (at first) or what came in since its last turn."""

Part: TypeAlias = str | ToolCall | JsonObject
"""An assistant message, a tool call, or an output item as it is."""
Turn: TypeAlias = Part | list[Part] | Literal[_Listening.LISTEN]
"""What the model says in one go; a list holds several items, an empty one says nothing at all."""
Script: TypeAlias = Generator[Turn, list[str], None]
"""Plays the model in one rollout. `yield` gives the outputs of the calls, in their order, then further messages."""


class ScriptError(Exception):
    """A script and the rollout it is played in do not fit together, or the script itself raised."""


def call(name: str, /, **arguments: Any) -> ToolCall:
    """A call of the tool `name` with those arguments."""
    return ToolCall(name, arguments)


def as_script(turns: Script | Iterable[Turn] | str) -> Script:
    """A script of anything that can be played: a generator, the turns of a list, or one answer."""
    if isinstance(turns, Generator):
        return turns
    return _of_turns([turns] if isinstance(turns, str) else turns)


def _of_turns(turns: Iterable[Turn]) -> Script:
    for turn in turns:  # noqa: UP028 - a list's iterator cannot be sent what came in
        yield turn


def rewritten(script: Script, change: Callable[[list[JsonObject]], list[JsonObject]]) -> Script:
    """The script with the items of each turn as `change` gives them; what it is told stays the same."""
    came_in: list[str] | None = None
    number = 0
    while True:
        try:
            turn = next(script) if came_in is None else script.send(came_in)
        except StopIteration:
            return
        if turn is LISTEN:
            came_in = yield turn
            continue
        number += 1
        came_in = yield [*change(items_of(turn, number))]


def items_of(turn: Turn, number: int) -> list[JsonObject]:
    """The output items of turn `number` of a rollout; ids depend on the number alone. Raises ScriptError."""
    parts = turn if isinstance(turn, list) else [turn]
    return [_item(part, f"{number}_{place}") for place, part in enumerate(parts)]


def _item(part: Any, suffix: str) -> JsonObject:
    if isinstance(part, str):
        return output_message(part, message_id=f"msg_{suffix}")
    if isinstance(part, ToolCall):
        arguments = part.arguments if isinstance(part.arguments, str) else dumps(part.arguments).decode()
        return function_call(part.name, arguments, call_id=f"call_{suffix}", item_id=f"fc_{suffix}")
    if isinstance(part, dict):
        return dict(part)
    raise ScriptError(f"a turn is a str, a call(...), an output item or a list of those, not {part!r}")


def texts_of_input(params: JsonObject) -> list[str]:
    """All that the model is asked: instructions, then each message."""
    asked = params.get("input")
    given = [params["instructions"]] if params.get("instructions") else []
    if isinstance(asked, str):
        return [*given, asked]
    return given + [_text(item) for item in asked or () if is_message(item)]


def texts_since(params: JsonObject, call_ids: Iterable[str]) -> list[str]:
    """What came in since the model's last turn, in which it made those calls: their outputs, then other messages."""
    asked = params.get("input")
    items: list[JsonObject] = asked if isinstance(asked, list) else []
    outputs = {item.get("call_id"): item for item in items if item.get("type") == "function_call_output"}
    texts = [_text(outputs[call_id]) for call_id in call_ids if call_id in outputs]
    last = max((place for place, item in enumerate(items) if _is_models(item)), default=-1)
    return texts + [_text(item) for item in items[last + 1 :] if is_message(item)]


def _is_models(item: JsonObject) -> bool:
    if is_message(item):
        return item.get("role") == "assistant"
    return item.get("type") != "function_call_output"


def _text(item: JsonObject) -> str:
    return text_of(item.get("output") if item.get("type") == "function_call_output" else item.get("content"))
