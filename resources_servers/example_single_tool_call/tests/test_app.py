"""The weather environment, driven as the framework drives it: tool, verifier, rows, configuration."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from polygym import JsonObject, function_call, new_response, output_message
from polygym.kit import generate_rows, load_environment, play
from resources_servers.example_single_tool_call.app import Weather, WeatherServer, states, weather_of
from resources_servers.example_single_tool_call.reference import solve, wrong_answers

FOLDER = Path(__file__).parent.parent
EXAMPLES = FOLDER / "data" / "example.jsonl"
ROWS = [json.loads(line) for line in EXAMPLES.read_text(encoding="utf-8").splitlines()]


def answer(city: str) -> JsonObject:
    """An answer with the weather of the city."""
    sky, celsius = weather_of(city)
    return output_message(f"The sky over {city} is {sky}, at {celsius} degrees.", message_id="msg_1")


ANSWER = answer("New York")
REASONING: JsonObject = {"type": "reasoning", "id": "r1", "summary": []}


def make() -> WeatherServer:
    return WeatherServer("example_single_tool_call", WeatherServer.parse_config({}, "test"), None)  # type: ignore[arg-type]


def call(arguments: str, name: str = "get_weather") -> JsonObject:
    return function_call(name, arguments, call_id="c1", item_id="fc_1")


def output(text: str = "{}") -> JsonObject:
    return {"type": "function_call_output", "call_id": "c1", "output": text}


def verify(items: list[JsonObject], city: str = "New York", **fields: Any) -> JsonObject:
    """The verified row of a rollout that consists of `items`."""
    return verify_row({**ROWS[0], "city": city}, items, **fields)


def verify_row(row: JsonObject, items: list[JsonObject], **fields: Any) -> JsonObject:
    async def run() -> JsonObject:
        server = make()
        session = server.new_session(server.task_of(row), "0-0")
        await server.seed(session)
        return await server.verify_response(row, {**new_response({}, items, model="m"), **fields}, session)

    return asyncio.run(run())


def use_tool(name: str, arguments: JsonObject) -> tuple[Any, bool]:
    """What the tool gives the model, decoded, and whether that is an error."""

    async def run() -> tuple[Any, bool]:
        server = make()
        session = server.new_session(server.task_of(ROWS[0]), "0-0")
        await server.seed(session)
        result = await server.call_tool(name, arguments, session)
        return json.loads(result.output), result.is_error

    return asyncio.run(run())


def test_the_weather_of_a_city_is_always_the_same() -> None:
    first, is_error = use_tool("get_weather", {"city": "Oslo"})

    assert not is_error
    assert first["city"] == "Oslo"
    assert "Oslo" in first["weather_description"]
    assert use_tool("get_weather", {"city": "Oslo"}) == (first, False)


def test_cities_differ_in_their_weather() -> None:
    weathers = {use_tool("get_weather", {"city": row["city"]})[0]["weather_description"] for row in ROWS}

    assert len(weathers) == len(ROWS)


@pytest.mark.parametrize("arguments", [{}, {"city": 5}, {"town": "Oslo"}, {"city": "Oslo", "unit": "K"}])
def test_wrong_arguments_come_back_to_the_model(arguments: JsonObject) -> None:
    said, is_error = use_tool("get_weather", arguments)

    assert is_error
    assert "get_weather" in said["error"]


@pytest.mark.parametrize("city", ["New York", "new york", "NEW  YORK", " NewYork\n"])
def test_looking_up_the_right_city_and_answering_is_rewarded(city: str) -> None:
    verified = verify([REASONING, call(json.dumps({"city": city})), output(), ANSWER])

    assert verified["reward"] == 1.0
    assert verified["called_right_city"] is True
    assert verified["answered"] is True


def test_names_are_compared_as_unicode() -> None:
    assert (
        verify([call('{"city": "sa\\u0303o paulo"}'), output(), answer("São Paulo")], city="São Paulo")["reward"] == 1.0
    )


def test_the_same_city_may_be_looked_up_again() -> None:
    calls = [call('{"city": "new york"}'), call('{"city": "New York"}')]

    assert verify([*calls, output(), output(), ANSWER])["reward"] == 1.0


@pytest.mark.parametrize(
    "items",
    [
        [],
        [ANSWER],
        [call('{"city": "Boston"}'), output(), ANSWER],
        [call('{"city": "Boston"}'), call('{"city": "New York"}'), output(), output(), ANSWER],
        [call('{"city": "New\\u200bYork"}'), output(), ANSWER],
        [call('{"city": "N\\u0435w York"}'), output(), ANSWER],
        [call('{"city": "New York"}', name="get_time"), output(), ANSWER],
        [call('{"city": '), output(), ANSWER],
        [call("[]"), output(), ANSWER],
        [call('{"city": null}'), output(), ANSWER],
        [call('{"city": ["New York"]}'), output(), ANSWER],
        [{"type": "function_call"}, ANSWER],
    ],
)
def test_without_the_right_call_there_is_no_reward(items: list[JsonObject]) -> None:
    verified = verify(items)

    assert verified["reward"] == 0.0
    assert verified["called_right_city"] is False


@pytest.mark.parametrize(
    "ending",
    [
        [],
        [output()],
        [output(), REASONING],
        [output(), output_message("  ", message_id="msg_1")],
        [output(), {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]}],
    ],
)
def test_without_an_answer_there_is_no_reward(ending: list[JsonObject]) -> None:
    verified = verify([ANSWER, call('{"city": "New York"}'), *ending])

    assert verified["reward"] == 0.0
    assert verified["called_right_city"] is True
    assert verified["answered"] is False


def test_an_answer_that_was_cut_short_is_none() -> None:
    verified = verify(
        [call('{"city": "New York"}'), output(), ANSWER], incomplete_details={"reason": "max_output_tokens"}
    )

    assert verified["reward"] == 0.0


def test_the_verified_row_keeps_the_tasks_fields_and_the_response() -> None:
    verified = verify([ANSWER])

    assert {**ROWS[0], "city": "New York"}.items() <= verified.items()
    assert verified["response"]["output"] == [ANSWER]


@pytest.mark.parametrize(("arguments", "reward"), [('{"city": "Oslo"}', 1.0), ('{"city": ""}', 0.0), ("{}", 0.0)])
def test_a_row_that_names_no_city_takes_any(arguments: str, reward: float) -> None:
    row = {key: value for key, value in ROWS[0].items() if key != "city"}
    assert verify_row(row, [call(arguments), output(), ANSWER])["reward"] == reward


FOGGY = Weather("foggy", -5)


@pytest.mark.parametrize(
    "said",
    [
        "It is foggy in Oslo, -5 °C.",
        "FOGGY, \N{MINUS SIGN}5\N{NO-BREAK SPACE}°C",
        "Foggy and minus 5 degrees, at 7 in the morning.",
        "-5℃; foggy",
        "-5.0 degrees Celsius (23 °F), foggy",
        "foggy, \N{FULLWIDTH HYPHEN-MINUS}\N{FULLWIDTH DIGIT FIVE}º",
        "No, it isn't sunny. It is **foggy** with -05.",
    ],
)
def test_the_weather_may_be_said_in_many_ways(said: str) -> None:
    assert states(said, FOGGY)


@pytest.mark.parametrize(
    "said",
    [
        "",
        "foggy",
        "-5 °C",
        "foggy, 5 °C",
        "foggy, -55 °C",
        "foggy, between -6 °C and -4 °C",
        "foggy; -5 °C or 5 °C",
        "foggyish, -5 °C",
        "f\N{CYRILLIC SMALL LETTER O}ggy, -5 °C",
        "fog\N{ZERO WIDTH SPACE}gy, -5 °C",
        "foggy, rainy or sunny, -5 °C",
        "foggy " + " ".join(f"{celsius} °C" for celsius in range(-10, 31)),
        "foggy " + "5" * 1_000_000,
    ],
)
def test_other_weather_is_not_the_weather(said: str) -> None:
    assert not states(said, FOGGY)


def test_an_answer_with_other_weather_is_not_rewarded() -> None:
    verified = verify([call('{"city": "New York"}'), output(), output_message("Fine.", message_id="m")])

    assert (verified["reward"], verified["called_right_city"], verified["answered"]) == (0.0, True, False)


def test_the_example_rows_are_those_that_are_generated() -> None:
    assert generate_rows(FOLDER, 5) == ROWS


@pytest.mark.parametrize(("difficulty", "most"), [(0.0, 0), (1.0, 4)])
def test_a_row_asks_about_its_city_after_others(difficulty: float, most: int) -> None:
    rows = generate_rows(FOLDER, 50, seed=1, difficulty=difficulty)

    for row in rows:
        params = row["responses_create_params"]
        assert params["tools"] == make().tool_definitions()
        assert row["city"] in params["input"][-1]["content"]
        assert all(other in params["input"][-1]["content"] for other in row["other_cities"])
    assert max(len(row["other_cities"]) for row in rows) == most


def test_only_the_reference_is_rewarded() -> None:
    environment, row = load_environment(FOLDER), ROWS[0]

    assert play(environment, row, solve(row))["reward"] == 1.0
    for name, script in wrong_answers(row).items():
        assert play(environment, row, script)["reward"] == 0.0, name


def test_the_configuration_wires_agent_model_and_examples() -> None:
    config = yaml.safe_load((FOLDER / "configs" / "example_single_tool_call.yaml").read_text())

    server = config["example_single_tool_call"]["resources_servers"]["example_single_tool_call"]
    assert WeatherServer.unknown_fields(WeatherServer.parse_config(server, "test")) == []
    agent = config["example_single_tool_call_simple_agent"]["responses_api_agents"]["simple_agent"]
    assert agent["resources_server"] == {"type": "resources_servers", "name": "example_single_tool_call"}
    assert agent["model_server"] == {"type": "responses_api_models", "name": "policy_model"}
    assert (FOLDER.parent.parent / agent["datasets"][0]["jsonl_fpath"]).samefile(EXAMPLES)


@pytest.mark.parametrize(
    ("said", "right"),
    [
        ("It is not cloudy, 6 °C.", False),
        ("It isn't really cloudy, 6 °C.", False),
        ("It is stormy, not cloudy; 6 °C.", False),
        ("stormy or cloudy, 6 °C", False),
        ("cloudy, not stormy; 6 °C", True),
        ("cloudy at 6 °C, which is about 43 degrees Fahrenheit", True),
        ("cloudy, 6 °C (43 °F)", True),
        ("cloudy, 43 °F", False),
    ],
)
def test_denied_skies_and_fahrenheit_do_not_count(said: str, right: bool) -> None:
    assert states(said, Weather("cloudy", 6)) is right


def test_a_city_without_end_is_refused() -> None:
    text, is_error = use_tool("get_weather", {"city": "x" * 1_000_000})
    assert is_error and len(str(text)) < 2000
