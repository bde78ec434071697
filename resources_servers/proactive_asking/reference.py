"""Asks for what is missing and acts; and the ways of getting that wrong. Also the customer as a stand-in model."""

from random import Random
from typing import Any

from polygym import JsonObject
from polygym.kit import Script, Turn, call
from resources_servers.proactive_asking.facts import ERRANDS, KINDS

QUESTIONS = {
    "restaurant": "which restaurant would you like to eat at",
    "date": "for which date should it be",
    "time": "at what time should it be",
    "guests": "how many people will there be",
    "destination": "where do you want to go",
    "passengers": "how many passengers will there be",
    "recipient": "who is the recipient",
    "address": "what is the address it goes to",
    "weight_kg": "how heavy is it",
    "service": "do you want standard or express service",
    "flavour": "which flavour would you like",
    "servings": "how many people should it be enough for",
    "inscription": "what should be written on it",
    "appliance": "which appliance is broken",
    "part_of_day": "which part of the day suits you",
    "amount": "how much should I transfer",
    "reference": "what reference should I give",
    "pickup": "where should the taxi pick you up",
    "phone": "which phone number can the technician call",
    "account": "which account should it be paid from",
}
"""By kind of fact."""


def solve(row: JsonObject) -> Script:
    """Look into the profile, ask for what is missing in one message, act, confirm."""
    yield call("get_profile")
    if row["missing"]:
        yield _question(row, row["missing"])
    yield _act(row)
    yield "It is done."


def wrong_answers(row: JsonObject) -> dict[str, Script]:
    """Guesses, questions too many, and errands that go wrong."""
    facts, missing = list(row["facts"]), row["missing"]
    other = next(name for name in sorted(ERRANDS) if name != row["errand"])
    wrong: dict[str, Script] = {
        "asks for everything": _says(_question(row, facts), _act(row), "Done."),
        "asks for something known": _ask_one_known(row),
        "asks whether to go ahead": _with_answers(row, "Shall I go ahead?"),
        "asks vaguely": _with_answers(row, "Could you give me some more details?"),
        "acts with a wrong value": _with_answers(row, act=_act(row, **{facts[0]: _other(row, facts[0])})),
        "does another errand": _says(
            call(other, **{name: _drawn(kind) for name, kind in ERRANDS[other].facts.items()}), "Done."
        ),
        "says that it is done": _keeps_saying("Done. Everything is as you wished."),
        "keeps asking": _keeps_saying(_question(row, facts)),
    }
    if missing:
        wrong |= {
            "guesses": _says(_act(row, **{name: _other(row, name) for name in missing}), "Done."),
            "guesses right": _says(_act(row), "Done."),
            "asks and acts without waiting": _says([_question(row, missing), _act(row)], "Done."),
            "asks twice": _says(_question(row, missing), _question(row, missing), _act(row), "Done."),
            "asks after acting": _says(_act(row), _question(row, missing), "Done."),
            "guesses before asking": _says(
                _act(row, **{name: _other(row, name) for name in missing}), _question(row, missing), _act(row), "Done."
            ),
        }
    return wrong


def _question(row: JsonObject, names: list[str]) -> str:
    kinds = ERRANDS[row["errand"]].facts
    asked = ", and ".join(QUESTIONS[kinds[name]] for name in names)
    return f"{asked[0].upper()}{asked[1:]}?"


def _act(row: JsonObject, **changed: Any) -> Any:
    return call(row["errand"], **{name: fact["value"] for name, fact in row["facts"].items()} | changed)


def _other(row: JsonObject, name: str) -> Any:
    """A value that the customer does not want."""
    kind, rng = KINDS[ERRANDS[row["errand"]].facts[name]], Random(0)
    return next(drawn for drawn in iter(lambda: kind.draw(rng).value, None) if drawn != row["facts"][name]["value"])


def _drawn(kind: str) -> Any:
    return KINDS[kind].draw(Random(0)).value


def _with_answers(row: JsonObject, question: str | None = None, act: Any = None) -> Script:
    turns = [_question(row, row["missing"])] if row["missing"] else []
    turns += [question] if question else []
    yield from _says(*turns, act or _act(row), "Done.")


def _ask_one_known(row: JsonObject) -> Script:
    known = next(name for name in row["facts"] if name not in row["missing"])
    yield from _says(_question(row, [*row["missing"], known]), _act(row), "Done.")


def _keeps_saying(text: str) -> Script:
    while True:
        yield text


def _says(*turns: Turn) -> Script:
    for turn in turns:  # noqa: UP028
        yield turn


def customer(params: JsonObject) -> str:
    """A user model that tells everything it knows."""
    if params["input"][-1]["content"].startswith(("It is done", "Done")):
        return "[[END]]"
    goal = params["input"][0]["content"]
    told = goal.partition("tell only when asked for exactly that: ")[2].partition("\n")[0]
    return told or "You know everything already."


STAND_INS = {"user_model": customer}
