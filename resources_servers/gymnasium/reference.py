"""Plays perfectly, by a plan made beforehand; and some ways not to play."""

from collections.abc import Iterable

from polygym import JsonObject
from polygym.kit import Script, ToolCall, call
from resources_servers.gymnasium.known import guide_of
from resources_servers.gymnasium.planner import plan_of

STUBBORN = {"FrozenLake-v1": "up", "Taxi-v4": "dropoff", "CliffWalking-v1": "right", "Blackjack-v1": "hit"}
"""An action that never wins when it is all that one does."""


def solve(row: JsonObject) -> Script:
    """The shortest way, or what has the best chances."""
    actions = plan_of(row["env_id"], row["env_kwargs"], row["seed"])
    guide = guide_of(row["env_id"])
    assert actions is not None and guide is not None
    for action in actions:
        yield _act(guide.actions[action], row)


def wrong_answers(row: JsonObject) -> dict[str, Script]:
    """Policies that do not look where they go."""
    guide = guide_of(row["env_id"])
    assert guide is not None
    said: dict[str, Iterable[str | ToolCall]] = {
        "does one thing for ever": _for_ever(_act(STUBBORN[row["env_id"]], row)),
        "names all actions": _for_ever(f"<action>{', '.join(guide.actions)}</action>"),
        "claims to have won": _for_ever("I have reached the goal. Reward: 1."),
        "calls act with nonsense": _for_ever(call("act", action="win")),
        "sends the right name with its number": _for_ever(call("act", action={"name": guide.actions[0], "value": 1})),
    }
    return {name: _script(turns) for name, turns in said.items()}


def _act(name: str, row: JsonObject) -> str | ToolCall:
    return call("act", action=name) if row["acts_by"] == "tool" else f"<action>{name}</action>"


def _for_ever(turn: str | ToolCall) -> Iterable[str | ToolCall]:
    while True:
        yield turn


def _script(turns: Iterable[str | ToolCall]) -> Script:
    yield from turns
