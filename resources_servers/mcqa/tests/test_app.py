"""Multiple-choice questions: how answers are read, strictly and leniently, and what no trick gets past."""

import json
from pathlib import Path
from typing import Any

import pytest

from polygym import JsonObject, RolloutView, new_response, output_message
from polygym.kit import Environment, generate_rows, load_environment, play
from polygym.protocol.errors import InputError
from resources_servers.mcqa.app import McqaConfig, McqaServer
from resources_servers.mcqa.grading import read_by_mode
from resources_servers.mcqa.options import Options

FOLDER = Path(__file__).parent.parent
CITIES = {"A": "Lyon", "B": "Nice", "C": "Paris", "D": "Marseille"}


@pytest.fixture(scope="module")
def mcqa() -> Environment:
    return load_environment(FOLDER)


def row(mode: str = "lenient", **fields: Any) -> JsonObject:
    return {
        "responses_create_params": {"input": "What is the capital of France?"},
        "options": [{letter: text} for letter, text in CITIES.items()],
        "expected_answer": "C",
        "grading_mode": mode,
        **fields,
    }


@pytest.mark.parametrize(
    "answer",
    [
        "C",
        "(C)",
        "c",
        "**C**",
        "Answer: C",
        "**Answer:** C",
        "Answer:\nC",
        "Answer: c)",
        "Answer - C",
        "Answer: option c",
        "The answer is C.",
        "The final answer is (C) Paris.",
        "Answer: C because A is smaller",
        "Answer: C. Paris is the capital; Lyon is smaller.",
        "Answer: C (not B)",
        "It's not A, it's C.",
        "I think it is C.",
        "So the correct option is C: Paris",
        "\\boxed{C}",
        "$\\boxed{\\textbf{(C)}}$",
        "\\boxed{C) Paris}",
        "\\boxed{Paris}",
        "Paris",
        "paris.",
        "The capital is Paris.",
        '{"answer": "C"}',
        '```json\n{"answer": "C"}\n```',
        '{"reasoning": "A or B?", "answer": "Paris"}',
        '{"reasoning": {"a": 1}, "Final Answer": "c"}',
        "First A. Wait, actually the answer is C",
        "\\boxed{A} Hmm, that is wrong. \\boxed{C}",
        "A good answer needs thought.\n\nAnswer: C",
        "A) Lyon is on the Rhone.\nB) Nice is by the sea.\n\nSo the answer is C.",
        "\uff23",
        "Answer: C\u200b",
    ],
)
def test_a_clear_right_answer_scores_in_any_form(mcqa: Environment, answer: str) -> None:
    verified = play(mcqa, row(), answer)

    assert (verified["reward"], verified["extracted_answer"]) == (1.0, "C"), verified["explanation"]


@pytest.mark.parametrize(
    "answer",
    [
        "",
        " \n ",
        "B",
        "A or C",
        "A/C",
        "A, B, C, D",
        "A B C D",
        "ABCD",
        "Both A and C",
        "Paris or Lyon",
        "Answer: C or maybe D",
        "Answer: A or Answer: C",
        "Answer: A\nAnswer: B\nAnswer: C",
        "\\boxed{A}\\boxed{B}\\boxed{C}",
        "\\boxed{A) B) C)}",
        "\\boxed{A: Paris}",
        "A) Lyon\nB) Nice\nC) Paris",
        '{"answer": ["A", "C"]}',
        '{"answer": "A", "answer": "C"}',
        '{"answer": "A"}\nAnswer: C',
        "not C",
        "Answer: not C",
        "C is wrong",
        "It is not Paris.",
        "Answer: C. No wait, actually it's B.",
        "Vitamin C helps",
        "A good answer",
        "Answer: C\u0336",
        "Answer: \u0421",
        "\u0421",
        "What is the capital of France?",
    ],
)
def test_no_answer_and_several_answers_score_nothing(mcqa: Environment, answer: str) -> None:
    assert play(mcqa, row(), answer)["reward"] == 0.0


def test_a_letter_that_is_a_word_is_not_an_answer(mcqa: Environment) -> None:
    for letter in "AI":
        asked = row(options={"A": "one thing", "I": "another", "C": "a third"}, expected_answer=letter)
        for answer in ("A good answer", "I think so", "Answer: A good one", "Answer: I do not know", "a", "i guess"):
            reward = play(mcqa, asked, answer)["reward"]
            assert reward == float(answer == "a" and letter == "A"), answer


def test_options_may_be_letters_signs_or_parts_of_each_other(mcqa: Environment) -> None:
    elements = row(options={"A": "N", "B": "C", "C": "O"}, answer_format="option_text")
    assert play(mcqa, elements, "O")["reward"] == 1.0
    assert play(mcqa, {**elements, "answer_format": "letter"}, "C")["reward"] == 1.0

    rust = row(options={"A": "iron", "B": "oxide", "C": "iron oxide", "D": "<"})
    assert play(mcqa, rust, "Rust is iron oxide.")["reward"] == 1.0
    assert play(mcqa, rust, "It is iron.")["extracted_answer"] == "A"
    assert play(mcqa, rust, "<")["extracted_answer"] == "D"

    numbers = row(options={"A": "12", "B": "2", "C": "-12", "D": "120"})
    assert play(mcqa, numbers, "Answer: -12")["reward"] == 1.0
    assert play(mcqa, numbers, "So 2 * -6 = -12")["reward"] == 1.0
    assert play(mcqa, numbers, "12")["extracted_answer"] == "A"
    assert play(mcqa, numbers, "12.5")["extracted_answer"] is None


@pytest.mark.parametrize(
    ("answer", "extracted"),
    [
        ("\\boxed{C}", "C"),
        ("\\boxed{ [C] }", "C"),
        ("\\boxed{\\text{C}}", "C"),
        ("\\boxed{\\text{C: Paris}}", "C"),
        ("\\boxed{C: a city on the Seine}", "C"),
        ("\\boxed{A}. Let me reconsider. \\boxed{C}", "C"),
        ("\\boxed{C}\n\nBecause A is Lyon.", "C"),
        ("C", None),
        ("Answer: C", None),
        ("\\boxed{c}", None),
        ("\\boxed{\uff23}", None),
        ("\\boxed{\u0421}", None),
        ("\\boxed{Paris}", None),
        ("\\boxed{C, D}", None),
        ("\\boxed{C - D}", None),
        ("\\boxed{CD}", None),
        ("\\boxed{C: Lyon}", None),
        ("\\boxed{C} or \\boxed{D}", None),
        ("\\boxed{C}\nAnswer: D", None),
        ("\\boxed{C}. Wait, actually it's B.", None),
        ("\\boxed{C", None),
        ("\\boxed{}", None),
    ],
)
def test_the_strict_box_takes_one_capital_letter(mcqa: Environment, answer: str, extracted: str | None) -> None:
    assert play(mcqa, row("strict_single_letter_boxed"), answer)["extracted_answer"] == extracted


def test_the_lenient_modes_take_the_options_text_in_their_own_place_only(mcqa: Environment) -> None:
    assert play(mcqa, row("lenient_boxed"), "\\boxed{paris}")["reward"] == 1.0
    assert play(mcqa, row("lenient_boxed"), "Answer: C")["reward"] == 0.0
    for mode in ("lenient_answer_colon", "lenient_answer_colon_md"):
        assert play(mcqa, row(mode), "**Answer:** Paris")["reward"] == 1.0
        assert play(mcqa, row(mode), "\\boxed{C}")["reward"] == 0.0


@pytest.mark.parametrize(
    ("answer_format", "right", "refused"),
    [
        ("boxed", "So \\boxed{C}", "C"),
        ("answer_line", "Hm.\nAnswer: C", "Answer: C, I think"),
        ("parenthesized", "Hm.\n(C)", "The answer is (C)"),
        ("json", '{"answer": "C"}', 'Here you are: {"answer": "C"}'),
        ("option_text", "Hm.\nParis", "C) Paris"),
        ("letter", "C", "C."),
    ],
)
def test_strict_grading_takes_the_form_that_was_asked_for(
    mcqa: Environment, answer_format: str, right: str, refused: str
) -> None:
    asked = row("strict", answer_format=answer_format)

    assert play(mcqa, asked, right)["reward"] == 1.0
    assert play(mcqa, asked, refused)["reward"] == 0.0
    assert play(mcqa, asked, right.replace("C", "\u0421").replace("Paris", "P\u0430ris"))["reward"] == 0.0


@pytest.mark.parametrize(
    "answer", ["Answer: A\nAnswer: C", "(B)\n(C)", "Lyon\nParis", '{"answer": "A", "answer": "C"}']
)
def test_strict_grading_takes_no_list(mcqa: Environment, answer: str) -> None:
    for answer_format in ("answer_line", "parenthesized", "option_text", "json"):
        assert play(mcqa, row("strict", answer_format=answer_format), answer)["reward"] == 0.0


def test_a_rows_own_pattern_goes_before_its_mode(mcqa: Environment) -> None:
    asked = row("strict_single_letter_boxed", template_metadata={"output_regex": r"ANSWER IS\s*([A-Za-z]+)"})

    assert play(mcqa, asked, "First: ANSWER IS B. Then: answer is c")["reward"] == 1.0
    assert play(mcqa, asked, "ANSWER IS paris")["reward"] == 1.0
    assert play(mcqa, asked, "ANSWER IS D")["reward"] == 0.0
    assert play(mcqa, asked, "\\boxed{C}")["reward"] == 1.0
    broken = row("strict_single_letter_boxed", template_metadata={"output_regex": ["(", r"choose (\w)"]})
    assert play(mcqa, broken, "I choose C")["reward"] == 1.0


def test_the_configured_mode_goes_before_the_rows() -> None:
    rollout = RolloutView({}, new_response({}, [output_message("It is C.", message_id="m")], model="m"))
    rewards = []
    for mode in ("lenient", None):
        server = McqaServer("mcqa", McqaConfig(grading_mode=mode), None)  # type: ignore[arg-type]
        session = server.new_session(server.task_of(row("strict_single_letter_boxed")), "0-0")
        rewards.append(server.verify(rollout, session).reward)

    assert rewards == [1.0, 0.0]


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"options": []}, "letters must be single ones"),
        ({"options": [{"AB": "x"}]}, "letters must be single ones"),
        ({"options": ["x"]}, "must map letters to texts"),
        ({"expected_answer": "E"}, "none of the options"),
        ({"grading_mode": "kind"}, "grading_mode"),
    ],
)
def test_rows_that_cannot_be_graded_are_refused(fields: JsonObject, problem: str) -> None:
    server = McqaServer("mcqa", McqaConfig(), None)  # type: ignore[arg-type]

    with pytest.raises(InputError, match=problem):
        server.task_of({**row(), **fields})


@pytest.mark.parametrize(
    "answer", ["(C " * 300_000, "\\boxed{C} " * 100_000, '{"a":' * 200_000, "A) " * 300_000, "Answer: C " * 100_000]
)
def test_huge_answers_are_read_at_their_end(mcqa: Environment, answer: str) -> None:
    for mode in ("lenient", "strict_single_letter_boxed"):
        play(mcqa, row(mode), answer)


def test_the_reference_solves_what_is_generated_and_wrong_policies_do_not(mcqa: Environment) -> None:
    for difficulty in (0.0, 0.5, 1.0):
        for generated in generate_rows(mcqa, 4, seed=3, difficulty=difficulty):
            assert play(mcqa, generated, mcqa.solve(generated))["reward"] == 1.0
            for name, script in mcqa.wrong_answers(generated).items():
                assert play(mcqa, generated, script)["reward"] == 0.0, (name, generated)


def test_difficulty_adds_options_and_rows_are_what_the_seed_says(mcqa: Environment) -> None:
    easy, hard = (generate_rows(mcqa, 30, seed=1, difficulty=difficulty) for difficulty in (0.0, 1.0))

    assert max(len(each["options"]) for each in easy) == 3
    assert max(len(each["options"]) for each in hard) >= 9
    assert all(
        len({text for option in each["options"] for text in option.values()}) == len(each["options"]) for each in hard
    )
    written = [json.loads(line) for line in (FOLDER / "data" / "example.jsonl").read_text().splitlines()]
    assert generate_rows(mcqa, 5) == written


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        ("A\n\nExplanation: it has iron in it.", {"A"}),
        ("**A**\n\nHope this helps!", {"A"}),
        ("A\nB\n\nHope this helps!", {"A", "B"}),
    ],
)
def test_a_letter_on_a_line_of_its_own_may_be_explained_below(answer: str, named: set[str]) -> None:
    assert read_by_mode(answer, "lenient", None, Options({"A": "red", "B": "blue", "C": "green"})) == named
    assert not read_by_mode(answer, "strict", None, Options({"A": "red", "B": "blue", "C": "green"}))
