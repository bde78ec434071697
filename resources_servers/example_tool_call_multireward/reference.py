"""Policies: one that does everything right, and some that miss one component each, or all."""

import json
from typing import Any

from polygym import JsonObject
from polygym.kit import Script, ToolCall, call

OTHER_TOOL = {"get_weather": "get_wind", "get_wind": "get_weather"}


def solve(row: JsonObject) -> Script:
    """The expected call, then its number."""
    (shown,) = yield _expected(row)
    yield f"It is {_number_in(shown)} in {row['expected_call']['arguments']['city']} right now."


def wrong_answers(row: JsonObject) -> dict[str, Script]:
    """Policies that leave something out."""
    city = row["expected_call"]["arguments"]["city"]
    return {
        "answers without a call": _say("It is 20 degrees, 60 percent, 15 km/h and 1013 hPa."),
        "right tool, wrong city": _relay(call(row["expected_call"]["name"], city=f"New {city}")),
        "wrong tool": _relay(call(OTHER_TOOL.get(row["expected_call"]["name"], "get_weather"), city=city)),
        "malformed arguments": _relay(ToolCall(row["expected_call"]["name"], f'{{"city": "{city}"')),
        "unknown argument": _relay(call(row["expected_call"]["name"], city=city, country="here")),
        "all tools": _call_everything(row, city),
        "right call, invented answer": _invent(row),
        "right call, many numbers": _say_many(row),
        "talks while it calls": _talk(row),
        "right call, no answer": _stay_silent(row),
    }


def _expected(row: JsonObject) -> ToolCall:
    return call(row["expected_call"]["name"], **row["expected_call"]["arguments"])


def _number_in(shown: str) -> Any:
    return next((value for value in json.loads(shown).values() if isinstance(value, int)), "unknown")


def _say(text: str) -> Script:
    yield text


def _relay(made: ToolCall) -> Script:
    (shown,) = yield made
    yield f"It is {_number_in(shown)}."


def _call_everything(row: JsonObject, city: str) -> Script:
    others = ["get_weather", "get_humidity", "get_wind", "get_pressure"]
    shown = yield [_expected(row), *(call(name, city=city) for name in others if name != row["expected_call"]["name"])]
    yield f"It is {_number_in(shown[0])}."


def _invent(row: JsonObject) -> Script:
    (shown,) = yield _expected(row)
    yield f"It is {_number_in(shown) + 1}."


def _say_many(row: JsonObject) -> Script:
    (shown,) = yield _expected(row)
    number = _number_in(shown)
    yield f"It is {number - 1}, {number} or {number + 1}."


def _talk(row: JsonObject) -> Script:
    (shown,) = yield ["Let me look that up.", _expected(row)]
    yield f"It is {_number_in(shown)}."


def _stay_silent(row: JsonObject) -> Script:
    yield _expected(row)
    yield "I have looked it up."
