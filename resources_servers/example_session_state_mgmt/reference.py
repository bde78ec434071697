"""Policies that know what the counter should show: one that sees to it, and some that only say so."""

import json

from polygym import JsonObject
from polygym.kit import Script, call


def solve(row: JsonObject) -> Script:
    """Reads the counter, adds what is missing, reads it again."""
    (shown,) = yield call("get_counter_value")
    yield call("increment_counter", count=row["expected_count"] - json.loads(shown)["count"])
    (shown,) = yield call("get_counter_value")
    yield f"The counter now shows {json.loads(shown)['count']}."


def wrong_answers(row: JsonObject) -> dict[str, Script]:
    """Policies that claim, act without reading, or stop half-way."""
    return {
        "claims without acting": _claim(row),
        "reads only": _read(row),
        "adds the expected value": _add(row, row["expected_count"] or 1),
        "acts twice": _act_twice(row),
        "says numbers as text": _say_numbers(row),
    }


def _claim(row: JsonObject) -> Script:
    yield f"Done. The counter shows {row['expected_count']}."


def _read(row: JsonObject) -> Script:
    yield call("get_counter_value")
    yield f"The counter shows {row['expected_count']}."


def _add(row: JsonObject, count: int) -> Script:
    if row["initial_count"] + count == row["expected_count"]:
        count += 1
    yield call("increment_counter", count=count)
    yield f"The counter shows {row['expected_count']}."


def _act_twice(row: JsonObject) -> Script:
    step = call("increment_counter", count=row["expected_count"] - row["initial_count"])
    yield [step, step]
    yield f"The counter shows {row['expected_count']}."


def _say_numbers(row: JsonObject) -> Script:
    yield call("increment_counter", count=str(row["expected_count"] - row["initial_count"]))
    yield f"The counter shows {row['expected_count']}."
