"""One tool call, judged from several sides: each side is a reward component, and the reward is their weighted mean."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import BaseModel, Field, field_validator

from polygym import (
    JsonObject,
    ResourcesServer,
    ResourcesServerConfig,
    RolloutView,
    Session,
    TaskFields,
    Verification,
    tool,
)
from polygym.kit.answers import final_number
from resources_servers.example_tool_call_multireward.weather import weather_of


class ExpectedCall(BaseModel):
    """The call that answers the question."""

    name: str
    arguments: JsonObject = {}
    """Those that matter; arguments that are left out have to be left out, or given their default, in the call too."""


class WeatherTask(TaskFields):
    """What has to be looked up."""

    expected_call: ExpectedCall
    salt: str = ""
    """Makes this row's weather another than that of other rows."""


@dataclass(frozen=True)
class Measurement:
    """A call that was carried out."""

    tool: str
    arguments: JsonObject
    """All of them, defaults filled in."""
    value: int
    """The number that the tool gave."""


@dataclass
class Log:
    """The state of one rollout."""

    measurements: list[Measurement] = field(default_factory=list)


Component = Literal["tool_choice", "schema_valid", "correctness", "grounded", "format"]


class MultiRewardConfig(ResourcesServerConfig):
    """How the components make up the reward."""

    weights: dict[Component, Annotated[float, Field(ge=0, allow_inf_nan=False)]] = Field(default_factory=dict)
    """What a component counts, relative to the others; 1 where it is not named."""

    @field_validator("weights")
    @classmethod
    def _weigh_something(cls, given: dict[Component, float]) -> dict[Component, float]:
        if not 0 < sum(given.get(name, 1.0) for name in get_args(Component)) < float("inf"):
            raise ValueError("one weight at least must be above 0, and their sum finite")
        return given


WeatherSession = Session[WeatherTask, Log]
City = Annotated[str, Field(max_length=200)]
Unit = Literal["celsius", "fahrenheit"]
Speed = Literal["km/h", "m/s"]


class WeatherServer(ResourcesServer[WeatherTask, Log]):
    """Measures weather that nobody can know, and remembers what was measured."""

    config: MultiRewardConfig

    @tool
    def get_weather(self, city: City, session: WeatherSession, unit: Unit = "celsius") -> JsonObject:
        """Get the current temperature and sky of a city."""
        weather = weather_of(city, session.task.salt)
        celsius = weather.temperature_c
        value = celsius if unit == "celsius" else round(celsius * 9 / 5 + 32)
        _note(session, "get_weather", value, city=city, unit=unit)
        return {"city": city, "temperature": value, "unit": unit, "weather_description": weather.sky}

    @tool
    def get_humidity(self, city: City, session: WeatherSession) -> JsonObject:
        """Get the current relative humidity of the air in a city."""
        value = weather_of(city, session.task.salt).humidity_percent
        _note(session, "get_humidity", value, city=city)
        return {"city": city, "humidity_percent": value}

    @tool
    def get_wind(self, city: City, session: WeatherSession, unit: Speed = "km/h") -> JsonObject:
        """Get the current wind speed in a city."""
        kmh = weather_of(city, session.task.salt).wind_kmh
        value = kmh if unit == "km/h" else round(kmh / 3.6)
        _note(session, "get_wind", value, city=city, unit=unit)
        return {"city": city, "wind_speed": value, "unit": unit}

    @tool
    def get_pressure(self, city: City, session: WeatherSession) -> JsonObject:
        """Get the current air pressure in a city."""
        value = weather_of(city, session.task.salt).pressure_hpa
        _note(session, "get_pressure", value, city=city)
        return {"city": city, "pressure_hpa": value}

    def verify(self, rollout: RolloutView, session: WeatherSession) -> Verification:
        """The weighted mean of the components, each 0.0 or 1.0."""
        components: dict[str, float] = {name: check(rollout, session) for name, check in _COMPONENTS.items()}
        missed = [name for name, value in components.items() if not value]
        weights = {name: self.config.weights.get(name, 1.0) for name in _COMPONENTS}
        total = sum(weights.values())
        return Verification(
            components=components,
            weights={name: weight / total for name, weight in weights.items()},
            fields={
                "predicted_calls": [
                    {"name": call.name, "arguments": call.arguments} for call in rollout.function_calls[:20]
                ]
            },
            explanation=f"Missed: {', '.join(missed)}." if missed else "Every component has its full reward.",
        )


def _note(session: WeatherSession, name: str, value: int, **arguments: Any) -> None:
    session.state.measurements.append(Measurement(name, arguments, value))


def _right_measurement(session: WeatherSession) -> Measurement | None:
    """The call that the row expects, if it was carried out."""
    expected = session.task.expected_call
    wanted = _comparable({**_DEFAULTS.get(expected.name, {}), **expected.arguments})
    for done in session.state.measurements:
        if done.tool == expected.name and _comparable(done.arguments) == wanted:
            return done
    return None


def _comparable(arguments: JsonObject) -> JsonObject:
    """Arguments without what does not matter: case and spacing of texts."""
    return {
        name: " ".join(value.casefold().split()) if isinstance(value, str) else value
        for name, value in arguments.items()
    }


def _has_right_tool(rollout: RolloutView, session: WeatherSession) -> bool:
    return {call.name for call in rollout.function_calls} == {session.task.expected_call.name}


def _is_schema_valid(rollout: RolloutView, session: WeatherSession) -> bool:
    return 0 < len(rollout.function_calls) == len(session.state.measurements)


def _is_correct(rollout: RolloutView, session: WeatherSession) -> bool:
    return _right_measurement(session) is not None


def _is_grounded(rollout: RolloutView, session: WeatherSession) -> bool:
    done = _right_measurement(session)
    return done is not None and final_number(rollout.final_text) == done.value


def _is_formatted(rollout: RolloutView, session: WeatherSession) -> bool:
    """One call, nothing said before it, and one line after it."""
    said = [item for item in rollout.output if item.get("type") != "reasoning" and not _is_blank_message(item)]
    kinds = [item.get("type") or "message" for item in said]
    return kinds == ["function_call", "function_call_output", "message"] and "\n" not in rollout.final_text.strip()


def _is_blank_message(item: JsonObject) -> bool:
    return (item.get("type") or "message") == "message" and not RolloutView({}, {"output": [item]}).output_text.strip()


_DEFAULTS: Final[dict[str, JsonObject]] = {"get_weather": {"unit": "celsius"}, "get_wind": {"unit": "km/h"}}
_COMPONENTS: Final[dict[Component, Callable[[RolloutView, WeatherSession], bool]]] = {
    "tool_choice": _has_right_tool,
    "schema_valid": _is_schema_valid,
    "correctness": _is_correct,
    "grounded": _is_grounded,
    "format": _is_formatted,
}
