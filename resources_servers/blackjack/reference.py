"""Plays by the book, from what a player sees; and some ways to lose."""

import re

from polygym import JsonObject
from polygym.kit import LISTEN, Script, ToolCall, call
from resources_servers.blackjack.game import should_hit
from resources_servers.blackjack.generate import is_won_by_standing

_SEEN = re.compile(r"Your hand: (.+) = \d+\. The dealer shows (\S+)\.")


def solve(row: JsonObject) -> Script:
    """Basic strategy."""
    seen = yield LISTEN
    while True:
        found = _SEEN.search(seen[-1])
        assert found is not None
        if not should_hit(found[1].split(), found[2]):
            yield _move("stand", row)
            return
        seen = yield _move("hit", row)


def wrong_answers(row: JsonObject) -> dict[str, Script]:
    """Policies that don't look at their cards."""
    wrong = {
        "hits until it is bust": _repeat(_move("hit", row)),
        "names both moves": _repeat("<action>hit or stand</action>"),
        "claims to have won": _repeat("I win. Reward: 1.0. <action>win</action>"),
        "moves in the way it was not asked for": _repeat("stand" if row["acts_by"] == "tool" else call("stand")),
    }
    if not is_won_by_standing(row["deck"]):
        wrong["stands at once"] = _repeat(_move("stand", row))
    return wrong


def _repeat(turn: str | ToolCall) -> Script:
    while True:
        yield turn


def _move(name: str, row: JsonObject) -> str | ToolCall:
    return call(name) if row["acts_by"] == "tool" else f"<action>{name}</action>"
