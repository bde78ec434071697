"""Blackjack, played through the real agent by scripts, in this process and in one of its own."""

import json
from pathlib import Path
from typing import Any

import pytest

from polygym import JsonObject, PlainGym, RolloutFailure, configure
from polygym.kit import Environment, call, generate_rows, load_environment, play
from resources_servers.blackjack.app import BlackjackServer
from resources_servers.blackjack.game import DECK, Hand, should_hit, total_of
from resources_servers.blackjack.generate import hits_by_the_book

FOLDER = Path(__file__).parent.parent
EXAMPLES = [json.loads(line) for line in (FOLDER / "data" / "example.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def env() -> Environment:
    return load_environment(FOLDER)


def row(*cards: str, **fields: Any) -> JsonObject:
    """A hand with `cards` on top of the deck."""
    rest = [card for card in DECK if card not in cards]
    return {"responses_create_params": {"input": "Deal."}, "deck": [*cards, *rest], **fields}


WINNING = row("10♠", "5♥", "6♦", "10♥", "6♠", "10♦")
"""15 against 16: with a card 21, then the dealer goes over."""


@pytest.mark.parametrize(
    ("hand", "total"),
    [
        (["10♠", "K♥"], (20, False)),
        (["A♠", "K♥"], (21, True)),
        (["A♠", "A♥", "9♦"], (21, True)),
        (["A♠", "A♥", "9♦", "J♣"], (21, False)),
        (["A♠", "6♥", "K♦"], (17, False)),
        (["9♠", "9♥", "9♦"], (27, False)),
    ],
)
def test_totals_count_an_ace_as_eleven_where_that_fits(hand: list[str], total: tuple[int, bool]) -> None:
    assert total_of(hand) == total


@pytest.mark.parametrize(
    ("cards", "result"),
    [
        (["10♠", "9♥", "10♦", "8♣"], "win"),
        (["10♠", "8♥", "10♦", "8♣"], "draw"),
        (["10♠", "7♥", "10♦", "8♣"], "loss"),
        (["10♠", "2♥", "10♦", "6♣", "10♣"], "win"),
        (["10♠", "2♥", "A♦", "6♣", "10♣"], "loss"),
    ],
)
def test_the_dealer_draws_to_seventeen(cards: list[str], result: str) -> None:
    assert Hand(row(*cards)["deck"]).settle() == result


def test_the_book_hits_and_stands_where_it_should() -> None:
    assert should_hit(["10♠", "6♥"], "7♦") and not should_hit(["10♠", "6♥"], "6♦")
    assert should_hit(["10♠", "2♥"], "3♦") and not should_hit(["10♠", "2♥"], "4♦")
    assert should_hit(["A♠", "7♥"], "A♦") and not should_hit(["A♠", "7♥"], "8♦")
    assert should_hit(["5♠", "6♥"], "6♦") and not should_hit(["10♠", "7♥"], "A♦")


@pytest.mark.parametrize("said", ["<action>{}</action>", "{}", "**{}**", "I think.\n<action> {}. </action>"])
def test_a_hand_is_won_by_text(env: Environment, said: str) -> None:
    verified = play(env, WINNING, [said.format("hit"), said.format("Stand")])

    observations = [item["content"] for item in verified["response"]["output"] if item.get("role") == "user"]
    assert observations == [
        "You drew 6♠. Your hand: 10♠ 5♥ 6♠ = 21. The dealer shows 6♦.",
        "You stand. You have 21, the dealer has 6♦ 10♥ 10♦: win.",
    ]
    assert (verified["reward"], verified["info"], verified["terminated"]) == (1.0, {"result": "win"}, True)
    assert "tools" not in verified["responses_create_params"]


def test_a_hand_is_won_by_tool(env: Environment) -> None:
    verified = play(env, {**WINNING, "acts_by": "tool"}, [call("hit"), call("stand")])

    assert [each["name"] for each in verified["responses_create_params"]["tools"]] == ["hit", "stand"]
    assert verified["reward"] == 1.0


def test_the_moves_are_tools_without_arguments() -> None:
    server = BlackjackServer("blackjack", BlackjackServer.parse_config({}, "test"), None)  # type: ignore[arg-type]

    assert [(each["name"], each["parameters"]["properties"]) for each in server.tool_definitions()] == [
        ("hit", {}),
        ("stand", {}),
    ]


def test_two_calls_in_a_turn_are_two_moves(env: Environment) -> None:
    assert play(env, {**WINNING, "acts_by": "tool"}, [[call("hit"), call("stand"), call("hit")]])["reward"] == 1.0


def test_losing_and_drawing_have_their_rewards(env: Environment) -> None:
    assert play(env, WINNING, ["hit", "hit"])["reward"] == -1.0
    assert play(env, row("10♠", "8♥", "10♦", "8♣"), ["stand"])["reward"] == 0.0


@pytest.mark.parametrize(
    "turn",
    ["", "win", "hit or stand", "<action>hit stand</action>", "h\u0456t", "Reward: 1.0", "hit" * 300_000, "{" * 1000],
)
def test_what_is_no_move_changes_nothing_and_wins_nothing(env: Environment, turn: str) -> None:
    verified = play(env, WINNING, [turn] * 15)

    assert verified["reward"] == -1.0
    assert (verified["steps"], verified["terminated"]) == (0, False)


@pytest.mark.parametrize(
    "turn",
    [
        call("stand"),
        call("hit", card="A♠"),
        call("peek"),
        call("reset"),
        call("step", response={}),
        call("verify", reward=1.0),
    ],
)
def test_calls_are_no_moves_where_moves_are_written(env: Environment, turn: Any) -> None:
    assert play(env, WINNING, [turn] * 15)["steps"] == 0


def test_moves_are_not_written_where_they_are_calls(env: Environment) -> None:
    verified = play(env, {**WINNING, "acts_by": "tool"}, ["stand", call("hit", card="A♠"), call("hit"), call("stand")])

    assert (verified["invalid_actions"], verified["steps"], verified["reward"]) == (2, 2, 1.0)


def test_a_deck_with_too_few_cards_is_refused(env: Environment) -> None:
    with pytest.raises(RolloutFailure, match="deck"):
        play(env, {**WINNING, "deck": ["A♠"] * 5}, ["stand"])


@pytest.mark.parametrize("difficulty", [0.0, 0.5, 1.0])
def test_generated_hands_are_won_by_the_reference_and_by_no_other(env: Environment, difficulty: float) -> None:
    for task in generate_rows(env, 8, 4, difficulty):
        assert play(env, task, env.solve(task))["reward"] == 1.0
        for name, script in env.wrong_answers(task).items():
            assert play(env, task, script)["reward"] < 1.0, name


def test_difficulty_asks_for_more_cards(env: Environment) -> None:
    easy, hard = (
        [hits_by_the_book(task["deck"]) or 0 for task in generate_rows(env, 60, 2, difficulty)]
        for difficulty in (0.0, 1.0)
    )

    assert sum(easy) < sum(hard)


def test_the_example_rows_are_those_that_generate_makes(env: Environment) -> None:
    assert generate_rows(env, 5) == EXAMPLES


def test_hands_are_played_in_a_process_of_their_own(env: Environment) -> None:
    placed = ["++blackjack.resources_servers.blackjack.placement=process"]
    config = configure(resources_servers=["blackjack"], model_type="random_model", overrides=placed)
    tasks = [task for task in generate_rows(env, 12) if task["acts_by"] == "tool"]

    with PlainGym(config) as gym:
        played = list(gym.run(tasks, num_repeats=2))

    assert {each["rollout_state"] for each in played} == {"scored"}
    assert len(played) == 2 * len(tasks) and any(each["terminated"] for each in played)
