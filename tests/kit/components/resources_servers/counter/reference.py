"""Adds every number and says what the last call gave."""

from polygym import JsonObject
from polygym.kit import Script, call


def solve(row: JsonObject) -> Script:
    said = ""
    for amount in row["amounts"]:
        (said,) = yield call("add", amount=amount)
    yield said


def wrong_answers(row: JsonObject) -> dict[str, Script]:
    return {"in its head": _in_its_head(row)}


def _in_its_head(row: JsonObject) -> Script:
    yield str(row["start"] + sum(row["amounts"]))
