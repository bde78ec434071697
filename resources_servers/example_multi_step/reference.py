"""Looks the synonyms up one by one and hands their values in; and the ways of getting that wrong."""

import json

from polygym import JsonObject
from polygym.kit import Script, Turn, call


def solve(row: JsonObject) -> Script:
    """As the instruction says."""
    yield from _hand_in(row["expected_synonyms"])


def wrong_answers(row: JsonObject) -> dict[str, Script]:
    """Values that are incomplete, in another order, of other words, or only talked about."""
    synonyms = row["expected_synonyms"]
    return {
        "hands the term in, too": _hand_in([*synonyms, row["minefield_label"]]),
        "hands in all but one": _hand_in(synonyms[:-1]),
        "hands them in backwards": _hand_in(synonyms[::-1]),
        "hands the words in": _says(call("extract_synonym_values", synonym_values=synonyms), "Done."),
        "looks up and says the values": _hand_in(synonyms, tool=None),
        "makes values up": _says(call("extract_synonym_values", synonym_values=[500] * len(synonyms)), "Done."),
        "says the values without a call": _says(str(row["expected_synonym_values"])),
    }


def _hand_in(words: list[str], tool: str | None = "extract_synonym_values") -> Script:
    values = []
    for word in words:
        (found,) = yield call("get_synonym_value", synonym=word)
        values.append(json.loads(found)["synonym_value"])
    if tool is not None:
        yield call(tool, synonym_values=values)
    yield f"The values are {values}."


def _says(first: Turn, *turns: Turn) -> Script:
    for turn in (first, *turns):  # noqa: UP028
        yield turn
