"""Errands with something left out, played with the real agent: who asks well is rewarded, who guesses is not."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from polygym import JsonObject, RolloutView
from polygym.kit import Environment, Playground, Turn, call, generate_rows, load_environment, play
from polygym.protocol.errors import InputError
from polygym.protocol.items import user_message
from resources_servers.proactive_asking.app import ErrandServer, is_same
from resources_servers.proactive_asking.facts import ERRANDS, FROM_PROFILE, KINDS
from resources_servers.proactive_asking.reference import STAND_INS, solve, wrong_answers

FOLDER = Path(__file__).parent.parent
EXAMPLES = [json.loads(line) for line in (FOLDER / "data" / "example.jsonl").read_text().splitlines()]
ENVIRONMENT = load_environment(FOLDER)
WITH_MODEL = load_environment(FOLDER / "configs" / "user_model.yaml")

TABLE: JsonObject = {
    "responses_create_params": {"input": "Please book a table at Luigi's on 5 March 2027 at 7:30 pm."},
    "errand": "book_table",
    "facts": {
        "restaurant": {"value": "Luigi's", "spoken": "Luigi's"},
        "guests": {"value": 6, "spoken": "six people"},
        "date": {"value": "2027-03-05", "spoken": "5 March 2027"},
        "time": {"value": "19:30", "spoken": "7:30 pm"},
    },
    "missing": ["guests"],
    "replies": {"guests": "There will be six people."},
}
COMPLETE: JsonObject = {**TABLE, "missing": [], "replies": {}}


def book(**changed: Any) -> Any:
    right = {"restaurant": "Luigi's", "guests": 6, "date": "2027-03-05", "time": "19:30"}
    return call("book_table", **(right | changed))


def played(*turns: Turn, row: JsonObject = TABLE) -> JsonObject:
    return play(ENVIRONMENT, row, [*turns, *["Thank you."] * 10])


def rewards(environment: Environment, plays: list[tuple[JsonObject, Any]]) -> list[float | None]:
    """The rewards of many rollouts."""

    async def run() -> list[float | None]:
        async with Playground(environment) as playground:
            return [outcome.reward for outcome in await playground.play_all(plays, concurrency=16)]

    return asyncio.run(run())


def test_asking_then_acting_is_rewarded() -> None:
    verified = played("How many people will there be?", book(), "Booked.")

    assert verified["reward"] == 1.0
    assert verified["reward_components"] == {"action": 1.0, "asking": 1.0}
    assert user_message("There will be six people.") in verified["response"]["output"]
    assert (verified["num_turns"], verified["num_questions"], verified["wasted_questions"]) == (2, 1, 0)


def test_acting_at_once_is_right_when_nothing_is_missing() -> None:
    assert played(book(), "Booked.", row=COMPLETE)["reward"] == 1.0
    assert played("What time?", book(), "Booked.", row=COMPLETE)["reward"] == 0.25
    assert played("Shall I go ahead?", book(), "Booked.", row=COMPLETE)["reward"] == 0.5


@pytest.mark.parametrize(
    ("turns", "reward", "field", "value"),
    [
        ([book()], 0.0, "facts_not_asked", ["guests"]),
        ([book(guests=4)], 0.0, "wrong_arguments", ["guests"]),
        ([["How many people?", book()]], 0.0, "facts_not_asked", ["guests"]),
        ([book(guests=4), "How many people?", book()], 0.0, "wrong_arguments", ["guests"]),
        (["How many people, and at what time?", book()], 0.5, "known_facts_asked", ["time"]),
        (["Which restaurant, what date, what time, how many people?", book()], 0.25, "num_questions", 1),
        (["How many people?", "How many people?", book()], 0.25, "known_facts_asked", ["guests"]),
        (["How many people?", "Is that right?", book()], 0.5, "wasted_questions", 1),
        (["Could you tell me more?", "How many people?", book()], 0.5, "wasted_questions", 1),
        (["One moment.", "How many people?", book()], 0.5, "wasted_questions", 1),
        (["How many people?", book(time="20:30")], 0.0, "wrong_arguments", ["time"]),
        (
            ["How many people?", call("order_taxi", pickup="a", destination="b", time="9", passengers=6)],
            0.0,
            None,
            None,
        ),
        (["How many people?"], 0.0, "wrong_arguments", ["restaurant", "guests", "date", "time"]),
        ([], 0.0, "wasted_questions", 4),
    ],
)
def test_guessing_asking_too_much_and_asking_twice_score_less(
    turns: list[Turn], reward: float, field: str | None, value: Any
) -> None:
    verified = played(*turns)

    assert verified["reward"] == reward
    assert field is None or verified[field] == value
    assert verified["explanation"]


def test_a_call_that_is_refused_does_no_errand() -> None:
    verified = played("How many people?", book(guests="many"), book(), book(guests=7), "Booked.")

    assert verified["reward"] == 1.0
    errors = [item["output"] for item in verified["response"]["output"] if "error" in str(item.get("output"))]
    assert "guests" in errors[0] and "cannot be undone" in errors[1]


def test_the_customer_goes_away_after_four_turns_without_a_question() -> None:
    verified = played()

    said = [item["content"] for item in verified["response"]["output"] if item.get("role") == "user"]
    assert said == ["Please go ahead."] * 4
    assert verified["response"]["metadata"]["ng_termination_reason"] == "user_done"


def test_what_looks_like_the_customers_answer_but_is_the_policys_own_tells_nothing() -> None:
    forged: list[Any] = ["How many people?", user_message("There will be six people."), book()]

    assert played(forged)["reward"] == 0.0


@pytest.mark.parametrize(
    ("kind", "expected", "given", "is_right"),
    [
        ("restaurant", "Luigi's", "luigi\u2019s", True),
        ("restaurant", "The Blue Door", "Blue  Door restaurant", True),
        ("restaurant", "Luigi's", "\uff2cuigi's\u200b", True),
        ("restaurant", "Luigi's", "Lu\u0456gi's", False),
        ("restaurant", "Luigi's", "", False),
        ("restaurant", "Olive and Thyme", "Olive & Thyme", True),
        ("time", "19:30", "7:30 pm", True),
        ("time", "19:30", "7.30 p.m.", True),
        ("time", "19:00", "7 PM", True),
        ("time", "09:00", "9:00:00", True),
        ("time", "19:30", "7:30", False),
        ("time", "19:30", "around 19:30", False),
        ("time", "19:30", "13:30 pm", False),
        ("time", "19:30", "\u0667:\u0663\u0660", False),
        ("time", "19:30", "9" * 100_000, False),
        ("phone", "047 815 1086", "+0478151086", True),
        ("phone", "047 815 1086", "047-815-1086", True),
        ("phone", "047 815 1086", "047 815 1087", False),
        ("account", "account 1234", "1234", True),
        ("account", "account 1234", "My account 1234", True),
        ("amount", 120.5, 120.5, True),
        ("amount", 120.5, 120, False),
        ("amount", 120.5, float("nan"), False),
        ("guests", 6, 10**400, False),
        ("inscription", "Well Done Jo", '"well done, Jo!"', True),
        ("inscription", "Well Done Jo", "oJ enoD lleW", False),
    ],
)
def test_values_count_in_any_usual_form(kind: str, expected: Any, given: Any, is_right: bool) -> None:
    assert is_same(kind, expected, given) is is_right


@pytest.mark.parametrize("difficulty", [0.0, 0.5, 1.0])
def test_the_reference_gets_the_top_reward_and_no_wrong_policy_does(difficulty: float) -> None:
    rows = generate_rows(FOLDER, 12, seed=5, difficulty=difficulty)
    wrong = [(row, name, script) for row in rows for name, script in wrong_answers(row).items()]

    assert rewards(ENVIRONMENT, [(row, solve(row)) for row in rows]) == [1.0] * len(rows)
    found = rewards(ENVIRONMENT, [(row, script) for row, _, script in wrong])
    for (_, name, _), reward in zip(wrong, found, strict=True):
        assert reward is not None and reward <= 0.5, name


def test_with_a_model_as_the_customer_the_same_policies_are_told_apart() -> None:
    rows = generate_rows(FOLDER, 12, seed=6)
    wrong = [(row, name, script) for row in rows for name, script in wrong_answers(row).items()]
    verified = play(WITH_MODEL, rows[0], solve(rows[0]))

    assert ("user_usage" in verified) and verified["num_questions"] == bool(rows[0]["missing"])
    assert rewards(WITH_MODEL, [(row, solve(row)) for row in rows]) == [1.0] * len(rows)
    found = rewards(WITH_MODEL, [(row, script) for row, _, script in wrong])
    for (_, name, _), reward in zip(wrong, found, strict=True):
        assert reward is not None and reward <= 0.5, name


def test_what_a_user_model_tells_unasked_counts_as_told() -> None:
    stand_ins = {"user_model": lambda params: "For six people, please."}
    turns = ["What else should I know?", book(), *["Booked."] * 10]

    verified = play(WITH_MODEL, TABLE, turns, stand_ins=stand_ins)

    assert (verified["reward"], verified["wasted_questions"]) == (1.0, 0)


def test_the_customers_instruction_holds_what_they_may_tell() -> None:
    seen: list[JsonObject] = []

    def customer(params: JsonObject) -> str:
        seen.append(params)
        return STAND_INS["user_model"](params)

    row = next(row for row in generate_rows(FOLDER, 20, seed=1) if row["missing"])
    play(WITH_MODEL, row, solve(row), stand_ins={"user_model": customer})

    assert all(reply in seen[0]["input"][0]["content"] for reply in row["replies"].values())


def test_the_example_rows_are_those_that_are_generated() -> None:
    assert generate_rows(FOLDER, 5) == EXAMPLES


@pytest.mark.parametrize("difficulty", [0.0, 1.0])
def test_a_request_says_everything_but_what_is_missing(difficulty: float) -> None:
    rows = generate_rows(FOLDER, 200, seed=2, difficulty=difficulty)
    counts = [len(row["missing"]) for row in rows]

    assert set(counts) == ({0, 1} if difficulty == 0.0 else {0, 1, 2})
    for row in rows:
        request = row["responses_create_params"]["input"][1]["content"]
        for argument, fact in row["facts"].items():
            said = fact["spoken"].lower() in request.lower()
            in_profile = argument in FROM_PROFILE and fact["value"] in row["profile"].values()
            assert (said or in_profile) is (argument not in row["missing"]), request
    assert len({row["responses_create_params"]["input"][1]["content"] for row in rows}) == 200


@pytest.mark.parametrize(
    "changed",
    [{"errand": "book_flight"}, {"facts": {}}, {"missing": ["colour"]}, {"replies": {}}, {"missing": "guests"}],
)
def test_a_row_that_does_not_hold_together_is_refused(changed: JsonObject) -> None:
    server = ErrandServer("it", ErrandServer.parse_config({}, "test"), None)  # type: ignore[arg-type]

    with pytest.raises(InputError):
        server.task_of({**TABLE, **changed})


@pytest.mark.parametrize(
    "output",
    [
        [{"type": "message", "role": "assistant", "content": None}],
        [{"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]}],
        [{"type": "function_call", "name": None, "arguments": None}],
        [{"role": "user", "content": [{"type": "input_image"}]}],
        [{"type": "hologram"}],
    ],
)
def test_odd_items_are_no_obstacle(output: list[JsonObject]) -> None:
    async def run() -> float:
        server = ErrandServer("it", ErrandServer.parse_config({}, "test"), None)  # type: ignore[arg-type]
        session = server.new_session(server.task_of(TABLE), "0-0")
        rollout = RolloutView({}, {"output": output})
        assert server.next_user_message(rollout, session) == "Please go ahead."
        session.state.has_scripted_user = False
        return server.verify(rollout, session).reward

    assert asyncio.run(run()) == 0.0


def test_every_errand_is_a_tool_with_its_facts_as_arguments() -> None:
    server = ErrandServer("it", ErrandServer.parse_config({}, "test"), None)  # type: ignore[arg-type]

    for name, errand in ERRANDS.items():
        assert server.tools[name].parameters["required"] == list(errand.facts) or set(
            server.tools[name].parameters["required"]
        ) == set(errand.facts)
        assert set(errand.facts.values()) <= KINDS.keys()
