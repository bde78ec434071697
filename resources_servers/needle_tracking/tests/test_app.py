"""Facts in long texts: how answers are read, and records whose end is what their rows say."""

import json
import re
from pathlib import Path
from random import Random
from typing import Any

import pytest

from polygym import JsonObject
from polygym.kit import Environment, generate_rows, load_environment, play
from polygym.protocol.errors import InputError
from resources_servers.needle_tracking.app import NeedleServer
from resources_servers.needle_tracking.questions import ask
from resources_servers.needle_tracking.themes import THEMES
from resources_servers.needle_tracking.world import World

FOLDER = Path(__file__).parent.parent
NUMBER: JsonObject = {
    "responses_create_params": {"input": "How many?"},
    "answer_type": "number",
    "expected_answer": "1204",
    "names": ["K-114", "K-120", "Marlow North"],
}
NAME: JsonObject = {
    "responses_create_params": {"input": "Who?"},
    "answer_type": "name",
    "expected_answer": "Ada Brandt",
    "candidates": ["Ada Brandt", "Ida Brand", "Jonas Holm", "Mira Holm", "Tilda Lund"],
}


@pytest.fixture(scope="module")
def needles() -> Environment:
    return load_environment(FOLDER)


@pytest.mark.parametrize(
    ("answer", "reward"),
    [
        ("1204", 1.0),
        ("1,204", 1.0),
        ("1204.0", 1.0),
        ("\uff11\uff12\uff10\uff14", 1.0),
        ("Answer: 1204 crates", 1.0),
        ("**Answer:** 1204", 1.0),
        ("\\boxed{1{,}204}", 1.0),
        ("Depot K-114 has 1204 crates.", 1.0),
        ("First 900 were there.\n\nAnswer: 900 + 304 = 1204", 1.0),
        ("Answer: 900. Wait, there was a correction.\nAnswer: 1204", 1.0),
        ("", 0.0),
        ("K-114", 0.0),
        ("114", 0.0),
        ("1205", 0.0),
        ("12,04", 0.0),
        ("1 204 900", 0.0),
        ("1204 or 1205", 0.0),
        ("1200-1210", 0.0),
        ("about 1200 to 1210", 0.0),
        ("at least 1204", 0.0),
        ("not 1204", 0.0),
        ("Answer: 1203\nAnswer: 1204", 0.0),
        (", ".join(map(str, range(2000))), 0.0),
        ("1204" * 100_000, 0.0),
    ],
)
def test_numbers_are_read(needles: Environment, answer: str, reward: float) -> None:
    assert play(needles, NUMBER, answer)["reward"] == reward


@pytest.mark.parametrize(
    ("answer", "reward"),
    [
        ("Ada Brandt", 1.0),
        ("ada  brandt.", 1.0),
        ("Brandt, Ada", 1.0),
        ("Mrs Brandt", 1.0),
        ("Answer: **Ada Brandt**", 1.0),
        ("\\boxed{\\text{Ada Brandt}}", 1.0),
        ("It was Jonas Holm for long.\n\nThe answer is Ada Brandt.", 1.0),
        ("Answer: Ada Brandt, not Ida Brand", 1.0),
        ("", 0.0),
        ("Ada", 0.0),
        ("Ida Brand", 0.0),
        ("Ada Brandts", 0.0),
        ("Brand", 0.0),
        ("Holm", 0.0),
        ("Ada Brandt or Ida Brand", 0.0),
        ("Ada Brandt, Ida Brand, Jonas Holm", 0.0),
        ("not Ada Brandt", 0.0),
        ("\u0410da Br\u0430ndt", 0.0),
        ("Answer: unknown", 0.0),
        ("Ada Brandt " * 10_000 + "Ida Brand", 0.0),
    ],
)
def test_names_are_read(needles: Environment, answer: str, reward: float) -> None:
    assert play(needles, NAME, answer)["reward"] == reward


@pytest.mark.parametrize(
    "broken",
    [
        {**NUMBER, "expected_answer": "many"},
        {**NAME, "expected_answer": "Nobody"},
        {**NAME, "candidates": []},
        {**NUMBER, "answer_type": "list"},
    ],
)
def test_rows_without_a_possible_answer_are_refused(broken: JsonObject) -> None:
    server = NeedleServer("needles", NeedleServer.parse_config({}, "test"), None)  # type: ignore[arg-type]

    with pytest.raises(InputError):
        server.task_of(broken)


def small_world(**states: tuple[int, str]) -> World:
    """A world of depots in which each has that number and person, and no other has them."""
    world = World(THEMES[0], Random(1), families=1, siblings=len(states), tricks=1.0)
    for thing, (name, (number, person)) in zip(world.things, states.items(), strict=True):
        thing.name = name
        thing.take(number, "first")
        thing.give_to(person)
    return world


def test_what_the_sentences_say_is_what_happens() -> None:
    world = small_world(one=(100, "Ada"), other=(300, "Ida"))
    one, other = world.things

    assert "100" not in world.set_number(one) and one.number not in (100, 300)
    before = one.number
    assert world.take_back(one) and (one.number, one.is_straight) == (100, False) and before != 100
    told = world.change_number(one)
    step = int(re.findall(r"\d+", told)[0])
    assert abs(one.number - 100) == step
    world.copy(one)
    assert one.number == other.number == 300
    moved = int(re.findall(r"\d+", world.move(one))[0])
    assert (one.number, other.number) == (300 - moved, 300 + moved)
    world.swap(one)
    assert (one.person, other.person, one.people) == ("Ida", "Ada", ["Ada", "Ida"])
    state = (one.number, one.person, other.number, other.person)
    for _ in range(20):
        world.pretend(one)
    assert (one.number, one.person, other.number, other.person) == state


def test_only_a_plain_statement_is_taken_back() -> None:
    world = small_world(one=(100, "Ada"), other=(300, "Ida"))
    one = world.things[0]
    for happens in (world.correct, world.copy, world.pretend, world.change_person, world.move):
        happens(one)
        world.take_back(one)
        assert one.last == "set", happens


def test_every_question_is_answered_from_the_state() -> None:
    world = small_world(a=(100, "Ada"), b=(300, "Ida"), c=(200, "Eda"))
    target = world.things[1]
    target.take(400, "set")
    target.give_to("Uda")
    asked: dict[str, Any] = {}
    for seed in range(200):
        question = ask(world, target, Random(seed), 1.0)
        asked.setdefault(question.kind, question)

    answers = {kind: question.answer for kind, question in asked.items()}
    assert answers["number"] == "400" and answers["person"] == "Uda"
    assert answers["previous_number"] == "300" and answers["previous_person"] == "Ida"
    assert answers["people_count"] == "2"
    assert answers["most"] == ("b" if "most" in asked["most"].text else "a")
    named = re.findall(r"\b[abc]\b", asked["total"].text.partition("together")[0])
    assert int(answers["total"]) == sum(thing.number for thing in world.things if thing.name in named)
    limit = int(re.search(r"more than (\d+)", asked["above"].text)[1])  # type: ignore[index]
    assert int(answers["above"]) == sum(thing.number > limit for thing in world.things)


def test_the_facts_of_an_easy_record_can_be_followed_by_reading_it(needles: Environment) -> None:
    """Reads records of plain statements sentence by sentence, as a careful person would."""
    followed = 0
    for row in generate_rows(needles, 40, seed=8, difficulty=0.0):
        if row["question_kind"] != "number":
            continue
        text, _, question = row["responses_create_params"]["input"][-1]["content"].rpartition("\n\n")
        (name,) = [name for name in row["names"] if re.search(rf"{name}\b", question)]
        number = 0
        for sentence in re.split(r"(?<=[.!])\s+", text):
            told = re.search(r"(?<![-\d])(\d+)(?![-\d:])", sentence)
            if not re.search(rf"{re.escape(name)}(?![\w-])", sentence) or told is None:
                continue
            if re.search(r"lost|went down|scrapped|written off", sentence):
                number -= int(told[1])
            elif re.search(r"more|Another|went up|added", sentence):
                number += int(told[1])
            else:
                number = int(told[1])
        assert str(number) == row["expected_answer"], text
        followed += 1

    assert followed > 10


def test_texts_have_the_length_that_difficulty_says_and_do_not_repeat_themselves(needles: Environment) -> None:
    for difficulty, tokens in ((0.0, 400), (0.5, 8944), (1.0, 200_000)):
        (row,) = generate_rows(needles, 1, seed=6, difficulty=difficulty)
        text = row["responses_create_params"]["input"][-1]["content"]
        sentences = text.split(". ")

        assert row["tokens"] == pytest.approx(tokens, rel=0.05)
        assert len(text) / 4.5 == pytest.approx(tokens, rel=0.15)
        assert len(set(sentences)) > 0.7 * len(sentences)


def test_the_reference_solves_what_is_generated_and_wrong_policies_do_not(needles: Environment) -> None:
    for difficulty, count in ((0.0, 3), (0.5, 2), (1.0, 1)):
        for row in generate_rows(needles, count, seed=2, difficulty=difficulty):
            assert play(needles, row, needles.solve(row))["reward"] == 1.0
            for name, script in needles.wrong_answers(row).items():
                assert play(needles, row, script)["reward"] == 0.0, (name, row["expected_answer"])


def test_rows_are_what_the_seed_says(needles: Environment) -> None:
    written = [json.loads(line) for line in (FOLDER / "data" / "example.jsonl").read_text().splitlines()]

    assert generate_rows(needles, 5) == written


@pytest.mark.parametrize(
    ("answer", "reward"),
    [
        ("Answer: 668\nor 5", 0.0),
        ("Answer: 668\n\nBut it may also be 6.", 0.0),
        ("Answer: 668\n\nAnswer: unknown", 0.0),
        ("The answer is not \\boxed{668}.", 0.0),
        ("Answer: 668 (it was 12 before)", 1.0),
        ("Answer: 668\n\nLet me know if you need more.", 1.0),
    ],
)
def test_what_is_taken_back_does_not_count_and_a_remark_does_no_harm(answer: str, reward: float) -> None:
    row = {"responses_create_params": {"input": "?"}, "answer_type": "number", "expected_answer": "668"}
    assert play(Path(__file__).parent.parent, row, [answer])["reward"] == reward
