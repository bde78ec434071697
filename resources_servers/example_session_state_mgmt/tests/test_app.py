"""A counter per session: only what was done to it counts, and no rollout sees another's."""

import asyncio
import json
from pathlib import Path
from random import Random

import pytest

from polygym import JsonObject
from polygym.kit import Environment, Playground, Script, call, generate_rows, load_environment, play
from polygym.protocol.errors import InputError
from resources_servers.example_session_state_mgmt.app import CounterServer

FOLDER = Path(__file__).parent.parent
ROW: JsonObject = {
    "responses_create_params": {"input": "add 1 then add 2 then get the count"},
    "initial_count": 3,
    "expected_count": 6,
}


@pytest.fixture(scope="module")
def counter() -> Environment:
    return load_environment(FOLDER)


def test_any_way_to_the_expected_count_is_right(counter: Environment) -> None:
    ways = [[1, 2], [3], [10, -7], [0, 1, 1, 1], [1_000_000_000, -999_999_997]]

    for way in ways:
        verified = play(counter, ROW, [*[call("increment_counter", count=step) for step in way], "Done."])
        assert (verified["reward"], verified["final_count"]) == (1.0, 6), way


def test_the_tools_tell_what_they_did(counter: Environment) -> None:
    heard: list[str] = []

    def policy() -> Script:
        heard.extend((yield call("get_counter_value")))
        heard.extend((yield [call("increment_counter", count=4), call("get_counter_value")]))
        yield "Done."

    verified = play(counter, ROW, policy())

    assert [json.loads(text) for text in heard] == [{"count": 3}, {"success": True}, {"count": 7}]
    assert verified["reward"] == 0.0


@pytest.mark.parametrize("claim", ["", "6", "The counter is at 6.", '{"count": 6}', "increment_counter(count=3)"])
def test_claiming_without_acting_is_worth_nothing(counter: Environment, claim: str) -> None:
    assert play(counter, ROW, claim)["reward"] == 0.0


@pytest.mark.parametrize(
    "arguments",
    [
        {"count": "3"},
        {"count": 3.5},
        {"count": True},
        {"count": 10**10},
        {"count": None},
        {},
        {"count": 3, "by": 1},
        "[3]",
    ],
)
def test_a_call_with_wrong_arguments_changes_nothing(counter: Environment, arguments: JsonObject | str) -> None:
    said: list[str] = []

    def policy() -> Script:
        said.extend((yield call("increment_counter")._replace(arguments=arguments)))
        yield "6"

    verified = play(counter, ROW, policy())

    assert "error" in json.loads(said[0])
    assert (verified["reward"], verified["final_count"]) == (0.0, 3)


@pytest.mark.parametrize(
    ("report", "reward"),
    [
        ("It shows 6.", 1.0),
        ("**6**", 1.0),
        ("six", 1.0),
        ("\\boxed{6}", 1.0),
        ("First 3, then 4.\n\nThe final answer is 6.", 1.0),
        ("\uff16", 1.0),
        ("", 0.0),
        ("Done.", 0.0),
        ("It shows 5 or 6.", 0.0),
        ("1 2 3 4 5 6 7 8", 0.0),
        ("It does not show 6.", 0.0),
        ("It shows 16.", 0.0),
        ("6 or so, between 5 and 7", 0.0),
    ],
)
def test_a_wanted_report_has_to_name_the_value(counter: Environment, report: str, reward: float) -> None:
    turns = [call("increment_counter", count=3), report or []]

    assert play(counter, {**ROW, "asks_for_report": True}, turns)["reward"] == reward
    assert play(counter, ROW, turns)["reward"] == 1.0


def test_hundreds_of_rollouts_have_a_counter_each(counter: Environment) -> None:
    async def run() -> list[JsonObject]:
        plays = []
        for number in range(200):
            row = {**ROW, "initial_count": number, "expected_count": number + 10}
            plays.append((row, [call("increment_counter", count=1)] * 10 + ["Done."]))
        async with Playground(counter) as playground:
            outcomes = await playground.play_all(plays, concurrency=200, pace=Random(1))
        return [outcome.record for outcome in outcomes]

    records = asyncio.run(run())

    assert [record["final_count"] for record in records] == [number + 10 for number in range(200)]
    assert all(record["reward"] == 1.0 for record in records)


def test_a_row_without_its_counts_is_refused() -> None:
    server = CounterServer("counter", CounterServer.parse_config({}, "test"), None)  # type: ignore[arg-type]

    for field in ("initial_count", "expected_count"):
        with pytest.raises(InputError, match=f"{field}: Field required"):
            server.task_of({name: value for name, value in ROW.items() if name != field})


def test_the_reference_solves_what_is_generated_and_wrong_policies_do_not(counter: Environment) -> None:
    for difficulty in (0.0, 0.5, 1.0):
        for row in generate_rows(counter, 4, seed=2, difficulty=difficulty):
            assert row["initial_count"] != row["expected_count"]
            assert play(counter, row, counter.solve(row))["reward"] == 1.0
            for name, script in counter.wrong_answers(row).items():
                assert play(counter, row, script)["reward"] == 0.0, (name, row)


def test_difficulty_adds_steps_and_rows_are_what_the_seed_says(counter: Environment) -> None:
    easy, hard = (generate_rows(counter, 20, difficulty=difficulty) for difficulty in (0.0, 1.0))

    def length(rows: list[JsonObject]) -> int:
        return sum(len(row["responses_create_params"]["input"][0]["content"]) for row in rows)

    assert length(hard) > 2 * length(easy)
    written = [json.loads(line) for line in (FOLDER / "data" / "example.jsonl").read_text().splitlines()]
    assert generate_rows(counter, 5) == written


@pytest.mark.parametrize(
    ("said", "reward"),
    [
        ("The counter shows **6**.\n\nLet me know if you need anything else.", 1.0),
        ("I added 3 to 3; the counter now shows 6.", 1.0),
        ("The counter now shows 6 or 7.", 0.0),
        ("The counter now shows 5, 6.", 0.0),
        ("It was 6 before 3; the counter now shows 9.", 0.0),
    ],
)
def test_the_report_is_the_last_line_with_a_number(counter: Environment, said: str, reward: float) -> None:
    verified = play(counter, {**ROW, "asks_for_report": True}, [call("increment_counter", count=3), said])
    assert verified["reward"] == reward
