"""Generated tasks: that the reference solves them, and no other policy."""

import json
from pathlib import Path

import pytest

pytest.importorskip("math_verify", reason="the extra 'math' is not installed")

from polygym.kit import Environment, generate_rows, load_environment
from resources_servers.math_equivalence.tests.playing import play_all

FOLDER = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def mathematics() -> Environment:
    return load_environment(FOLDER)


def test_the_reference_solves_what_is_generated_and_wrong_policies_do_not(mathematics: Environment) -> None:
    for difficulty in (0.0, 0.5, 1.0):
        rows = generate_rows(mathematics, 6, seed=5, difficulty=difficulty)
        solved = play_all(mathematics, [(each, mathematics.solve(each)) for each in rows])
        assert [each["expected_answer"] for each in solved if each["reward"] != 1.0] == []
        wrong = mathematics.wrong_answers(rows[0])
        rewards = [each["reward"] for each in play_all(mathematics, [(rows[0], script) for script in wrong.values()])]
        assert dict(zip(wrong, rewards, strict=True)) == dict.fromkeys(wrong, 0.0)


def test_difficulty_adds_topics_and_rows_are_what_the_seed_says(mathematics: Environment) -> None:
    easy, hard = (generate_rows(mathematics, 25, difficulty=difficulty) for difficulty in (0.0, 1.0))

    assert {each["topic"] for each in easy} == {"algebra", "numbers"}
    assert {each["topic"] for each in hard} >= {"calculus", "linear_algebra", "probability"}
    written = [json.loads(line) for line in (FOLDER / "data" / "example.jsonl").read_text().splitlines()]
    assert generate_rows(mathematics, 5) == written
