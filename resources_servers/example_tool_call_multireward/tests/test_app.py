"""A tool call judged from several sides: each component by itself, their aggregate, and what becomes of them."""

import json
from pathlib import Path

import pytest

from polygym import JsonObject
from polygym.kit import Environment, Script, ToolCall, call, generate_rows, load_environment, play
from polygym.protocol.errors import ConfigError
from resources_servers.example_tool_call_multireward.app import WeatherServer

FOLDER = Path(__file__).parent.parent
ROW: JsonObject = {
    "responses_create_params": {"input": "what's the weather in San Francisco?"},
    "expected_call": {"name": "get_weather", "arguments": {"city": "San Francisco"}},
}
NAMES = ("tool_choice", "schema_valid", "correctness", "grounded", "format")


@pytest.fixture(scope="module")
def weather() -> Environment:
    return load_environment(FOLDER)


def relay(*calls: ToolCall, answer: str = "It is {} degrees.") -> Script:
    shown = yield list(calls)
    yield answer.format(json.loads(shown[0]).get("temperature"))


def components(verified: JsonObject) -> str:
    """One digit a component, in the order of NAMES."""
    assert tuple(verified["reward_components"]) == NAMES
    return "".join(str(int(value)) for value in verified["reward_components"].values())


@pytest.mark.parametrize(
    ("script", "expected", "reward"),
    [
        (relay(call("get_weather", city="San Francisco")), "11111", 1.0),
        (relay(call("get_weather", city=" san  francisco ", unit="celsius")), "11111", 1.0),
        (relay(call("get_weather", city="San Francisco"), answer="**{}** \u00b0C"), "11111", 1.0),
        (relay(call("get_weather", city="San Francisco"), answer="Answer: {}."), "11111", 1.0),
        (relay(call("get_weather", city="San Diego")), "11001", 3 / 8),
        (relay(call("get_weather", city="San Francisco", unit="fahrenheit")), "11001", 3 / 8),
        (relay(call("get_weather", city="San Francisco", unit="kelvin")), "10001", 2 / 8),
        (relay(call("get_weather", town="San Francisco")), "10001", 2 / 8),
        (relay(ToolCall("get_weather", '{"city": "San Fran')), "10001", 2 / 8),
        (relay(call("get_humidity", city="San Francisco")), "01001", 2 / 8),
        (relay(call("get_climate", city="San Francisco")), "00001", 1 / 8),
        (relay(call("get_weather", city="San Francisco"), call("get_wind", city="San Francisco")), "01110", 6 / 8),
        (relay(call("get_weather", city="San Francisco"), answer="It is mild."), "11101", 5 / 8),
        (relay(call("get_weather", city="San Francisco"), answer="Between -20 and {}."), "11101", 5 / 8),
        (relay(call("get_weather", city="San Francisco"), answer="It is\n{}."), "11110", 7 / 8),
        (iter([]), "00000", 0.0),
    ],
)
def test_each_component_is_judged_by_itself(weather: Environment, script: Script, expected: str, reward: float) -> None:
    verified = play(weather, ROW, script if expected != "00000" else "")

    assert components(verified) == expected, verified["explanation"]
    assert verified["reward"] == pytest.approx(reward)


@pytest.mark.parametrize(
    "answer",
    ["", "18", "get_weather", '{"name": "get_weather", "arguments": {"city": "San Francisco"}}', "1 " * 50_000],
)
def test_text_alone_is_worth_nothing(weather: Environment, answer: str) -> None:
    verified = play(weather, ROW, answer)

    assert (components(verified), verified["reward"]) == ("00000", 0.0)


def test_the_weights_of_the_configuration_make_the_reward(weather: Environment, tmp_path: Path) -> None:
    config = (FOLDER / "configs" / "example_tool_call_multireward.yaml").read_text()
    (tmp_path / "other.yaml").write_text(
        config.replace("grounded: 3.0", "grounded: 0").replace("format: 1.0", "format: 4")
    )
    other = load_environment(tmp_path / "other.yaml", search_dirs=[FOLDER.parent.parent])
    turns = [call("get_weather", city="San Francisco"), "Mild."]

    assert play(weather, ROW, turns)["reward"] == pytest.approx(5 / 8)
    assert play(other, ROW, turns)["reward"] == pytest.approx(1.0)
    assert play(other, ROW, "Mild.")["reward"] == 0.0


@pytest.mark.parametrize(
    ("weights", "problem"),
    [
        ({"humour": 1}, "humour"),
        ({"format": -1}, "greater than or equal to 0"),
        (dict.fromkeys(NAMES, 0), "above 0"),
        ({"format": float("nan")}, "finite"),
    ],
)
def test_weights_that_make_no_reward_are_refused(weights: JsonObject, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        WeatherServer.parse_config({"weights": weights}, "test")


def test_every_component_is_a_metric(weather: Environment) -> None:
    rows = [
        {**play(weather, ROW, relay(call("get_weather", city=city))), "_ng_task_index": place}
        for place, city in enumerate(("San Francisco", "Oslo"))
    ]
    server = WeatherServer("weather", WeatherServer.parse_config({}, "test"), None)  # type: ignore[arg-type]

    metrics = server.aggregate_metrics(rows)["agent_metrics"]

    assert metrics["mean/reward_components/tool_choice"] == 1.0
    assert metrics["mean/reward_components/correctness"] == metrics["mean/reward_components/grounded"] == 0.5


def test_an_empty_message_beside_the_call_is_no_talk(weather: Environment) -> None:
    def quiet() -> Script:
        (shown,) = yield ["", call("get_weather", city="San Francisco")]
        yield f"It is {json.loads(shown)['temperature']} degrees."

    assert play(weather, ROW, quiet())["reward"] == 1.0


def test_rows_have_weather_of_their_own(weather: Environment) -> None:
    heard: set[str] = set()

    def listen() -> Script:
        heard.update((yield call("get_weather", city="Oslo")))
        yield "Thanks."

    for salt in "abcdefgh":
        play(weather, {**ROW, "salt": salt}, listen())

    assert len(heard) > 4


def test_the_reference_solves_what_is_generated_and_wrong_policies_do_not(weather: Environment) -> None:
    for difficulty in (0.0, 0.5, 1.0):
        for row in generate_rows(weather, 3, seed=2, difficulty=difficulty):
            assert play(weather, row, weather.solve(row))["reward"] == 1.0
            for name, script in weather.wrong_answers(row).items():
                assert play(weather, row, script)["reward"] < 1.0, (name, row)


def test_difficulty_adds_other_cities_and_rows_are_what_the_seed_says(weather: Environment) -> None:
    easy, hard = (generate_rows(weather, 20, difficulty=difficulty) for difficulty in (0.0, 1.0))

    def length(rows: list[JsonObject]) -> int:
        return sum(len(row["responses_create_params"]["input"][1]["content"]) for row in rows)

    assert length(hard) > 3 * length(easy)
    written = [json.loads(line) for line in (FOLDER / "data" / "example.jsonl").read_text().splitlines()]
    assert generate_rows(weather, 5) == written
