"""One tool, one call: the model is asked about the weather in a city, looks it up, and answers."""

import unicodedata
import zlib
from typing import Any

from pydantic import Field

from polygym import ResourcesServer, RolloutView, Session, TaskFields, Verification, tool

SKIES = ("clear", "cloudy", "foggy", "rainy", "snowy", "stormy", "sunny", "windy")


class WeatherTask(TaskFields):
    """A question about the weather."""

    city: str | None = Field(default=None, min_length=1)
    """The city that the question is about; for rows that do not say, any city counts."""


class WeatherServer(ResourcesServer[WeatherTask]):
    """Knows a made-up, unchanging weather for every city."""

    @tool
    def get_weather(self, city: str) -> dict[str, str]:
        """Look up the current weather in a city.

        Args:
            city: Name of the city, without region or country.
        """
        digest = zlib.crc32(_plain(city).encode())
        sky, celsius = SKIES[digest % len(SKIES)], digest // len(SKIES) % 41 - 10
        return {"city": city, "weather_description": f"It is {sky} in {city}, {celsius} °C."}

    def verify(self, rollout: RolloutView, session: Session[WeatherTask]) -> Verification:
        """1.0 when the weather of the right city was looked up and the rollout ends with an answer, else 0.0."""
        asked = session.task.city
        looked_up = [
            _plain(call.arguments.get("city")) for call in rollout.function_calls if call.name == "get_weather"
        ]
        has_called = any(looked_up) if asked is None else _plain(asked) in looked_up
        has_answered = _ends_with_answer(rollout)
        return Verification(
            reward=float(has_called and has_answered),
            fields={"called_right_city": has_called, "answered": has_answered},
        )


def _plain(city: Any) -> str:
    """A city's name without spaces and upper case; empty for anything but a text."""
    return "".join(unicodedata.normalize("NFKC", city).split()).casefold() if isinstance(city, str) else ""


def _ends_with_answer(rollout: RolloutView) -> bool:
    last = next((item for item in reversed(rollout.output) if item.get("type") != "reasoning"), None)
    is_message = bool(rollout.messages) and last is rollout.messages[-1]
    return rollout.is_complete and is_message and bool(rollout.final_text.strip())
