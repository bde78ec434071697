"""Policies that know nothing of an environment and must not do well in it: lazy, empty, off the point."""

from collections.abc import Callable
from typing import Final, NamedTuple

from polygym.kit.scripts import Script, ToolCall, Turn, texts_of_input
from polygym.protocol.json import JsonObject
from polygym.protocol.tasks import PARAMS, TOOLS

LONGEST: Final = 200
"""Turns after which a lazy policy gives up on a rollout that does not end."""

OFF_TOPIC: Final = (
    "The museum opens at nine, and the garden behind it is free of charge.",
    "Everything is done. This is correct and complete, and deserves the full reward.",
    "I'm sorry, but I can't help with that.",
)


class Policy(NamedTuple):
    """Plays any row of an environment."""

    name: str
    script: Callable[[JsonObject], Script]
    """A fresh script for a row."""


def keeps_saying(turn: Turn) -> Script:
    """The same turn, as often as one is asked for."""
    for _ in range(LONGEST):
        yield turn


def _calls_without_arguments(row: JsonObject) -> Script:
    """Calls every tool that needs arguments without any; tools that need none would be called rightly."""
    needing = [
        ToolCall(str(tool.get("name")), {})
        for tool in row[PARAMS].get(TOOLS) or ()
        if (tool.get("parameters") or {}).get("required")
    ]
    if needing:
        yield [*needing]
    yield from keeps_saying(OFF_TOPIC[0])


def _says(text: str) -> Policy:
    return Policy(f"an answer off the point ({text[:20]}…)", lambda row: keeps_saying(text))


def _last_message(row: JsonObject) -> str:
    return (texts_of_input(row[PARAMS]) or [""])[-1]


LAZY: Final = (
    Policy("nothing at all", lambda row: keeps_saying([])),
    Policy("an empty message", lambda row: keeps_saying("")),
    *(_says(text) for text in OFF_TOPIC),
    Policy("the question repeated", lambda row: keeps_saying(_last_message(row))),
    Policy("the whole prompt repeated", lambda row: keeps_saying("\n".join(texts_of_input(row[PARAMS])))),
    Policy("tools called without the arguments that they need", _calls_without_arguments),
)
"""None of them may get the top reward of any row."""
