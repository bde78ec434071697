"""One tool, one call: the model is asked about the weather in a city, looks it up, and says what it is like."""

import re
import unicodedata
import zlib
from functools import lru_cache
from typing import Annotated, Any, Final, NamedTuple

from pydantic import Field

from polygym import ResourcesServer, RolloutView, Session, TaskFields, Verification, tool

SKIES = ("clear", "cloudy", "foggy", "rainy", "snowy", "stormy", "sunny", "windy")
COLDEST, WARMEST = -10, 30
LONGEST_NAME: Final = 200
"""Characters of a city's name."""


class WeatherTask(TaskFields):
    """A question about the weather."""

    city: str | None = Field(default=None, min_length=1)
    """The city that the question is about; for rows that do not say, any city and any answer count."""


class Weather(NamedTuple):
    """The weather of a city."""

    sky: str
    celsius: int


class WeatherServer(ResourcesServer[WeatherTask]):
    """Knows a made-up, unchanging weather for every city."""

    @tool
    def get_weather(self, city: Annotated[str, Field(max_length=LONGEST_NAME)]) -> dict[str, str]:
        """Look up the current weather in a city.

        Args:
            city: Name of the city, without region or country.
        """
        weather = weather_of(city)
        return {"city": city, "weather_description": f"It is {weather.sky} in {city}, {weather.celsius} °C."}

    def verify(self, rollout: RolloutView, session: Session[WeatherTask]) -> Verification:
        """1.0 when the right city, and no other, was looked up and the rollout ends with its weather, else 0.0."""
        asked = session.task.city
        looked_up = {
            _plain(call.arguments.get("city")) for call in rollout.function_calls if call.name == "get_weather"
        }
        has_called = any(looked_up) if asked is None else looked_up == {_plain(asked)}
        answer = _last_answer(rollout)
        has_answered = bool(answer.strip()) if asked is None else states(answer, weather_of(asked))
        return Verification(
            reward=float(has_called and has_answered),
            fields={"called_right_city": has_called, "answered": has_answered},
        )


@lru_cache(maxsize=1024)
def weather_of(city: str) -> Weather:
    """The weather of a city, however its name is spaced and capitalised."""
    digest = zlib.crc32(_plain(city).encode("utf-8", "replace"))
    return Weather(SKIES[digest % len(SKIES)], digest // len(SKIES) % (WARMEST - COLDEST + 1) + COLDEST)


_SAME = str.maketrans({"\N{MASCULINE ORDINAL INDICATOR}": "°", "\N{MINUS SIGN}": "-", "\N{EN DASH}": "-"})
_DEGREES = re.compile(r"(?<![0-9])([-+]?[0-9]+)(?:[.,]0+)?\s*(?:°\s*c?|degrees?|celsius|c)(?![a-z])")
_MINUS = re.compile(r"\bminus\s+(?=[0-9])")
_SKIES = frozenset(SKIES)
_NUMBER = re.compile(r"(?<![0-9])[-+]?[0-9]+")
_WORD = re.compile(r"[a-z]+")
_SKY = rf"(?:{'|'.join(SKIES)})\b"
_DENIED = re.compile(rf"(?:\b(?:not|never|neither|nor|without)|n't)\s+(?:[a-z]{{1,10}}\s+){{0,2}}?{_SKY}")
_EITHER = re.compile(rf"\b{_SKY}\W{{0,3}}\bor (?:[a-z]{{1,10}} )?{_SKY}")
_FAHRENHEIT = re.compile(r"[-+]?[0-9]{1,4}(?:[.,][0-9]{1,4})?\s?(?:°\s?f\b|(?:degrees?\s)?f(?:ahrenheit)?\b)")


def states(answer: str, weather: Weather) -> bool:
    """Whether an answer names the sky, at most one other beside it, and the temperature and no other.

    Numbers are temperatures where they have a unit; where none has, all are. Degrees Fahrenheit and skies that are
    denied do not count; of skies with "or" between them none does.
    """
    text = (answer if answer.isascii() else unicodedata.normalize("NFKC", answer.translate(_SAME))).lower()
    if weather.sky not in text:
        return False
    if "minus" in text:
        text = _MINUS.sub("-", text)
    if "or " in text and _EITHER.search(text):
        return False
    text = _FAHRENHEIT.sub(" ", _DENIED.sub(" ", text))
    skies = _SKIES.intersection(_WORD.findall(text))
    degrees = _DEGREES.findall(text) or _NUMBER.findall(text)
    return weather.sky in skies and len(skies) <= 2 and {_digits(each) for each in degrees} == {str(weather.celsius)}


def _digits(number: str) -> str:
    """A whole number as Python writes it; as text, because it may have a million digits."""
    size = number.lstrip("+-").lstrip("0") or "0"
    return f"-{size}" if number.startswith("-") and size != "0" else size


def _plain(city: Any) -> str:
    """A city's name without spaces and upper case; empty for anything but a text."""
    if not isinstance(city, str):
        return ""
    return "".join((city if city.isascii() else unicodedata.normalize("NFKC", city)).split()).casefold()


def _last_answer(rollout: RolloutView) -> str:
    """The answer that the rollout ends with; empty when it ends otherwise."""
    items = [item for item in rollout.output if item.get("type") != "reasoning"]
    is_message = bool(rollout.messages) and items[-1] is rollout.messages[-1]
    return rollout.final_text if rollout.is_complete and is_message else ""
