"""Looks the city up and says what it has found; and what is wrong with not doing so."""

import json

from polygym import JsonObject
from polygym.kit import Script, call


def solve(row: JsonObject) -> Script:
    """One look-up, and its result as the answer."""
    (found,) = yield call("get_weather", city=row["city"])
    yield str(json.loads(found)["weather_description"])


def wrong_answers(row: JsonObject) -> dict[str, Script]:
    """Answers that were not looked up, were looked up elsewhere, or do not say what was found."""
    return {
        "guesses": _guesses(row),
        "looks up another city": _looks_up(["Atlantis"]),
        "looks up every city that is mentioned": _looks_up([row["city"], *row["other_cities"], "Atlantis"]),
        "looks it up and keeps it to itself": _keeps_silent(row),
        "looks it up and names every sky": _names_all(row),
    }


def _guesses(row: JsonObject) -> Script:
    yield f"It is sunny in {row['city']}, 20 °C."


def _looks_up(cities: list[str]) -> Script:
    found = yield [call("get_weather", city=city) for city in cities]
    yield " ".join(json.loads(each)["weather_description"] for each in found)


def _keeps_silent(row: JsonObject) -> Script:
    yield call("get_weather", city=row["city"])
    yield "I have looked it up."


def _names_all(row: JsonObject) -> Script:
    (found,) = yield call("get_weather", city=row["city"])
    yield f"{found} Or clear, cloudy, foggy, rainy, snowy, stormy, sunny, windy."
