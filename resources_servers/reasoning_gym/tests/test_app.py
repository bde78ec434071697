"""The library's datasets, scored by its own scorers in processes of their own."""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("sympy", reason="the extra 'reasoning-gym' is not installed")

from polygym import JsonObject, RolloutFailure
from polygym.kit import Environment, Playground, generate_rows, load_environment
from polygym.protocol.errors import ConfigError
from resources_servers.reasoning_gym.answers import extract, may_be_right, readings
from resources_servers.reasoning_gym.app import ReasoningGymServer
from resources_servers.reasoning_gym.generate import FAMILIES, library
from resources_servers.reasoning_gym.workers import TooExpensiveError, Workers

FOLDER = Path(__file__).parent.parent
EXAMPLES = [json.loads(line) for line in (FOLDER / "data" / "example.jsonl").read_text(encoding="utf-8").splitlines()]
WITHOUT_ANSWERS = {"boxnet", "graph_color", "propositional_logic", "rubiks_cube", "rush_hour"}
"""Datasets that score by rules alone: their entries have no answer."""
NONSENSE = (
    "banana",
    "I do not know",
    "{}",
    "[[]]",
    "(",
    "\\boxed{}",
    "(" * 20_000,
    "[" * 20_000,
    "x" * 20_000,
    "," * 999,
)


@pytest.fixture(scope="module")
def env() -> Environment:
    return load_environment(FOLDER)


@pytest.fixture(scope="module")
def play(env: Environment) -> Iterator[Callable[[JsonObject, Any], JsonObject]]:
    """Plays rollouts in one environment that stays up."""
    with asyncio.Runner() as runner:
        playground = runner.run(Playground(env).__aenter__())
        yield lambda row, turns: runner.run(playground.play(row, turns))
        runner.run(playground.__aexit__(None, None, None))


def row(dataset: str, answer: str | None, **metadata: Any) -> JsonObject:
    entry = {"question": "?", "answer": answer, "metadata": {"source_dataset": dataset, **metadata}}
    return {"responses_create_params": {"input": "?"}, **entry}


GCD = row("gcd", "12")
COUNTDOWN = row("countdown", "6*4 + 3", numbers=[6, 4, 3], target=27)


@pytest.mark.slow
def test_every_dataset_of_the_library_scores_its_own_answers_and_no_nonsense() -> None:
    names = sorted(set(library().factory.DATASETS) - {"composite"})  # made of the others, and scored as they are

    async def main() -> tuple[set[str], set[str]]:
        workers = Workers(2, cpu_limit_s=10)

        async def score(name: str, entry: JsonObject, answers: list[str]) -> float:
            taken = [each for each in answers if may_be_right(name, each, entry)]
            request = {"do": "score", "dataset": name, "config": {}, "entry": entry, "answers": taken}
            return float((await workers.ask(request))["score"])

        async def check(name: str) -> tuple[str, bool, bool]:
            wanted = {"do": "entry", "dataset": name, "config": {}, "seed": 5, "index": 1}
            entry = (await workers.ask(wanted))["entry"]
            own = entry["answer"]
            is_known = isinstance(own, str) and await score(name, entry, [own]) == 1.0
            return name, is_known, await score(name, entry, [*NONSENSE, entry["question"]]) < 0.5

        try:
            checked = await asyncio.gather(*map(check, names))
        finally:
            await workers.close()
        return {name for name, known, _ in checked if not known}, {name for name, _, sound in checked if not sound}

    unknown, unsound = asyncio.run(main())

    assert len(names) > 100
    assert unknown == WITHOUT_ANSWERS
    assert unsound == set()


@pytest.mark.parametrize(
    "text",
    [
        "<answer>12</answer>",
        "Is it 6? <answer>6</answer> No:\n<ANSWER>\n12\n</ANSWER>",
        "Stopped at the tag: <answer>12",
        "so \\boxed{12}.",
        "12",
        " 12\n",
        "<answer>\uff11\uff12</answer>",
        "<answer>1\u200b2</answer>",
        "<answer>\u202e12\u202c</answer>",
    ],
)
def test_an_answer_is_found_in_many_forms(play: Any, text: str) -> None:
    verified = play(GCD, text)

    assert (verified["reward"], verified["task_name"], verified["score"]) == (1.0, "gcd", 1.0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<answer></answer>",
        "<answer>12</answer> or <answer>13</answer>",
        "13",
        "<answer>1l2</answer>",
        "\\boxed{12} \\boxed{",
        "<answer>" * 200_000,
        "</answer>" * 100_000 + "12",
        "12 " * 400_000,
        "\\boxed{" * 100_000,
    ],
)
def test_what_is_not_the_answer_gets_less(play: Any, text: str) -> None:
    assert play(GCD, text)["reward"] < 0.5


def test_only_tags_count_when_they_are_asked_for() -> None:
    assert extract("it is \\boxed{12}", "tagged") is None
    assert extract("it is <answer> 12 </answer>", "tagged") == "12"
    assert extract("\\boxed{\\frac{1}{2}}", "lenient") == "\\frac{1}{2}"
    assert readings("12") == ["12"] and readings("\u0661\uff12") == ["\u0661\uff12", "\u06612"]


@pytest.mark.parametrize(
    ("task", "answer", "is_right"),
    [
        (COUNTDOWN, "(6 * 4) + 3", True),
        (COUNTDOWN, "6*4+3+0", False),
        (COUNTDOWN, "27", False),
        (row("puzzle24", "6*4*1*1", numbers=[6, 4, 1, 1]), "1*1*4*6", True),
        (row("puzzle24", "(7-3)*(5+1)", numbers=[7, 3, 5, 1]), "6*4*1*1", False),
        (row("coin_flip", "0.375"), "3/8", True),
        (row("coin_flip", "0.375"), "0", False),
        (row("coin_flip", "0.375"), "0.3", False),
        (row("coin_flip", "0.375"), "1e9999/1e9999", False),
        (row("coin_flip", "0.375"), "3/0", False),
        (row("game_of_life_halting", "False"), "false.", True),
        (row("game_of_life_halting", "False"), "True", False),
        (row("game_of_life_halting", "True"), "it might", False),
        (row("complex_arithmetic", "1 + 2i", result=[1.0, 2.0]), "1+2i", True),
        (row("complex_arithmetic", "1 + 2i", result=[1.0, 2.0]), "nan", False),
        (row("simple_integration", "x**2 + C", integrand="2*x", variable="x"), "C + x**2 + 7", True),
        (row("simple_integration", "x**2 + C", integrand="2*x", variable="x"), "Integral(2*x, x)", False),
        (row("simple_integration", "x**2 + C", integrand="2*x", variable="x"), "integrate(2*x)", False),
        (row("polynomial_multiplication", "x**2 - 1"), "x*x - 1", True),
        (row("polynomial_multiplication", "x**2 - 1"), "expand((x-1)*(x+1))", False),
    ],
)
def test_lax_scorers_are_held_to_their_tasks(play: Any, task: JsonObject, answer: str, is_right: bool) -> None:
    reward = play(task, f"<answer>{answer}</answer>")["reward"]

    assert reward == 1.0 if is_right else reward < 0.5


@pytest.mark.parametrize(
    "task",
    [
        row("string_insertion", "AB"),
        row("spiral_matrix", "1 2"),
        row("binary_matrix", "0 1"),
        row("n_queens", "Q", valid_answers=["Q"]),
        COUNTDOWN,
        row("puzzle24", "6*4*1*1", numbers=[6, 4, 1, 1]),
        row("polynomial_multiplication", "x"),
        row("simple_integration", "x + C", integrand="1", variable="x"),
        row("intermediate_integration", "x + C", integrand="1", variable="x"),
    ],
    ids=lambda task: task["metadata"]["source_dataset"],
)
def test_answers_are_never_run_as_programs(play: Any, task: JsonObject, tmp_path: Path) -> None:
    target = tmp_path / "touched"
    for program in (f"open({str(target)!r}, 'w')", f"__import__('pathlib').Path({str(target)!r}).touch()", "exit()"):
        assert play(task, f"<answer>{program}</answer>")["reward"] < 0.5

    assert not target.exists()
    assert play(task, f"<answer>{task['answer']}</answer>")["reward"] == 1.0


@pytest.mark.slow
def test_an_answer_that_costs_too_much_ends_its_process_and_no_other() -> None:
    async def main() -> float:
        workers = Workers(1, cpu_limit_s=1)
        request = {"do": "score", "dataset": "countdown", "config": {}, "entry": COUNTDOWN}
        try:
            with pytest.raises(TooExpensiveError, match="processor time"):
                await workers.ask({**request, "answers": ["9**9**9**9"]})
            return float((await workers.ask({**request, "answers": ["6*4+3"]}))["score"])
        finally:
            await workers.close()

    assert asyncio.run(main()) == 1.0


@pytest.mark.parametrize("fields", [{"answer_format": "loose"}, {"workers": 0}, {"cpu_limit_s": 0}])
def test_a_configuration_without_sense_is_refused(fields: JsonObject) -> None:
    with pytest.raises(ConfigError, match=next(iter(fields))):
        ReasoningGymServer.parse_config(fields, "test")


def test_a_row_may_say_only_where_its_entry_is(play: Any) -> None:
    where = {"dataset": "chain_sum", "config": {"min_terms": 2, "max_terms": 2}, "seed": 3, "index": 4}
    entry = library().create_dataset("chain_sum", min_terms=2, max_terms=2, seed=3, size=5)[4]
    task = {"responses_create_params": {"input": entry["question"]}, **where}

    assert play(task, f"<answer>{entry['answer']}</answer>")["reward"] == 1.0
    assert play(task, "<answer>-1</answer>")["reward"] < 0.5


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({}, "needs an entry"),
        ({"dataset": "gcd", "seed": 1}, "needs an entry"),
        ({"question": "?", "answer": "1", "metadata": {}}, "needs 'dataset'"),
        ({"dataset": "gdc", "seed": 1, "index": 0}, "'gdc' not registered"),
        ({"dataset": "gcd", "seed": 1, "index": 0, "config": {"colour": "red"}}, "colour"),
        ({"dataset": "word_ladder", "answer": "A,B", "metadata": {}}, "cannot score the entry's own answer"),
    ],
)
def test_rows_that_cannot_be_scored_fail_and_say_why(play: Any, fields: JsonObject, problem: str) -> None:
    with pytest.raises(RolloutFailure, match=problem):
        play({"responses_create_params": {"input": "?"}, **fields}, "<answer>1</answer>")


@pytest.mark.parametrize("difficulty", [0.0, 0.5, 1.0])
def test_generated_rows_are_solved_by_the_reference_and_by_no_other(
    env: Environment, play: Any, difficulty: float
) -> None:
    for task in generate_rows(env, 12, 8, difficulty):
        assert play(task, env.solve(task))["reward"] == 1.0, task["dataset"]
        for name, script in env.wrong_answers(task).items():
            assert play(task, script)["reward"] < 1.0, (name, task["dataset"])


def test_difficulty_is_the_level_of_the_curriculum(env: Environment) -> None:
    easy, hard = ({task["dataset"]: task["config"] for task in generate_rows(env, 40, 1, each)} for each in (0.0, 1.0))

    assert set(easy) | set(hard) <= set(FAMILIES)
    assert all(easy[name] != hard[name] for name in easy.keys() & hard.keys())


def test_the_example_rows_are_those_that_generate_makes(env: Environment) -> None:
    assert generate_rows(env, 5) == EXAMPLES
