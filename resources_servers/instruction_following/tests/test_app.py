"""The environment as a whole: rewards, answers that say nothing, generated rows and their solutions, foreign rows."""

import json
from itertools import combinations
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from polygym import JsonObject, RolloutView, Session, Verification, new_response, output_message
from polygym.kit import Environment, generate_rows, load_environment, play
from polygym.protocol.errors import InputError
from resources_servers.instruction_following.app import InstructionServer
from resources_servers.instruction_following.composing import choose_kinds, compose
from resources_servers.instruction_following.constraints import DRAWN
from resources_servers.instruction_following.constraints.base import is_compatible
from resources_servers.instruction_following.drafting import UnwritableError
from resources_servers.instruction_following.judging import judge, parse_constraints
from resources_servers.instruction_following.numbers import in_words, pattern_of
from resources_servers.instruction_following.reference import solve, wrong_answers
from resources_servers.instruction_following.subjects import draw_subject

FOLDER = Path(__file__).parent.parent
PROMPT = (
    "Write a short text about the mill Marlow for people who have never been there, and base it on these notes.\n\n"
    "Notes:\n- opened: 1874\n- run by: Ada Quill\n- its cat: Fig\n\nDo not use any commas in the whole text, please."
)
ROW: JsonObject = {
    "responses_create_params": {"input": [{"role": "user", "content": PROMPT}]},
    "instruction_id_list": ["punctuation:no_comma", "length_constraints:number_sentences"],
    "kwargs": [{}, {"num_sentences": 3, "relation": "at least"}],
    "must_mention": ["Marlow", "1874", "Quill"],
    "min_words": 15,
}
RIGHT = "Marlow is a mill. It was opened in 1874 and it is run by Ada Quill. You should go and see it."


@pytest.fixture(scope="module")
def environment() -> Environment:
    return load_environment(FOLDER)


@pytest.fixture(scope="module")
def generated(environment: Environment) -> list[JsonObject]:
    return [row for difficulty in (0.0, 0.5, 1.0) for row in generate_rows(environment, 25, 7, difficulty)]


def make(**fields: Any) -> InstructionServer:
    return InstructionServer("if", InstructionServer.parse_config(fields, "test"), None)  # type: ignore[arg-type]


def verify(text: str, row: JsonObject = ROW, server: InstructionServer | None = None, **fields: Any) -> Verification:
    """What the verifier says of an answer."""
    server = server or make()
    response = {**new_response({}, [output_message(text, message_id="m1")], model="m"), **fields}
    session: Session[Any, Any] = server.new_session(server.task_of(row), "0-0")
    return server.verify(RolloutView(row["responses_create_params"], response), session)


def test_an_answer_that_follows_everything_is_rewarded(environment: Environment) -> None:
    verified = play(environment, ROW, RIGHT)

    assert verified["reward"] == 1.0
    assert verified["follow_all_instructions"] is True
    assert verified["follow_instruction_list"] == [True, True]
    assert verified["reward_components"] == {"punctuation": 1.0, "length_constraints": 1.0}
    assert verified["follow/punctuation:no_comma"] == 1.0
    assert verified["explanation"] == "Every instruction is followed."


def test_one_broken_instruction_costs_everything_or_its_share() -> None:
    broken = RIGHT.replace("1874 and", "1874, and")
    row = {**ROW, "grading_mode": "fraction"}

    assert verify(broken).reward == 0.0
    assert verify(broken, row).reward == 0.5
    assert verify(broken, server=make(grading_mode="fraction")).reward == 0.5
    assert verify(broken, {**ROW, "grading_mode": "binary"}, make(grading_mode="fraction")).reward == 0.0
    assert verify(broken).fields["follow_instruction_list"] == [False, True]
    assert verify(broken).explanation == "Not followed: punctuation:no_comma."


@pytest.mark.parametrize(
    "text",
    [
        RIGHT.replace("1874", "the year eighteen seventy-four"),
        RIGHT.replace("1874", "1,874").replace(",", "\u2019"),
        RIGHT.replace("Quill", "QUILL\u200b"),
        RIGHT.replace(" ", "\u00a0"),
        RIGHT.replace("1874", "\uff11\uff18\uff17\uff14"),
        RIGHT.replace("Marlow", "**Marlow**"),
        RIGHT.replace("1874", "__1874__"),
        RIGHT.replace("by Ada Quill", "under Quill's eyes"),
        RIGHT.replace(". ", ".\r\n\r\n"),
        f"\ufeff{RIGHT}",
    ],
)
def test_a_right_answer_in_an_unusual_form_is_rewarded(text: str) -> None:
    assert verify(text).reward == 1.0, verify(text).explanation


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        ("\u200b\u2060 \n", "empty"),
        ("Marlow 1874 Quill. Yes. So.", "it has 5 words"),
        (PROMPT.replace(",", ""), "repeats the prompt"),
        (f"{PROMPT.replace(',', '').upper()} {RIGHT}", "repeats the prompt"),
        ("Marlow 1874 Quill. " * 20, "over and over"),
        (" ".join(f"xq{n}vz Marlow{'' if n else ' 1874 Quill'} zzk{n}." for n in range(12)), "no known language"),
        (RIGHT.replace("1874", "1875"), "does not mention 1874"),
        (RIGHT.replace("1874", "18740"), "does not mention 1874"),
        (RIGHT.replace("Quill", "Quilly"), "does not mention Quill"),
        (RIGHT.replace("Marlow", "M\u0430rlow"), "does not mention Marlow"),
        (RIGHT + " and more" * 20_000, "longer than"),
        (RIGHT + " \ufdfa" * 9_000, "longer than"),
    ],
)
def test_an_answer_that_says_nothing_meets_no_instruction(text: str, why: str) -> None:
    row = {**ROW, "grading_mode": "fraction"}
    verified = verify(text, row)

    assert verified.reward == 0.0
    assert verified.fields["follow_instruction_list"] == [False, False]
    assert verified.fields["has_substance"] is False
    assert why in str(verified.explanation)


def test_an_answer_that_was_cut_off_is_not_rewarded() -> None:
    assert verify(RIGHT, incomplete_details={"reason": "max_output_tokens"}).reward == 0.0


def test_only_the_last_message_is_judged(environment: Environment) -> None:
    items = [output_message(text, message_id=f"m{n}") for n, text in enumerate(("Well, let me see.", RIGHT))]

    assert play(environment, ROW, [items])["reward"] == 1.0


def test_what_is_wrapped_is_judged_by_its_content() -> None:
    row = {
        **ROW,
        "instruction_id_list": ["detectable_format:json_format", "startend:start_checker", "keywords:existence"],
        "kwargs": [{}, {"start_phrase": "Marlow is"}, {"keywords": ["see"]}],
    }
    fenced = {**row, "instruction_id_list": ["detectable_format:code_block", *row["instruction_id_list"][1:]]}
    quoted = {**row, "instruction_id_list": ["startend:quotation", *row["instruction_id_list"][1:]]}

    assert verify(json.dumps([RIGHT.replace(" ", "\n", 2)]), row).reward == 1.0
    assert verify(f"```text\n{RIGHT}\n```", fenced).reward == 1.0
    assert verify(f"\u201c{RIGHT}\u201d", quoted).reward == 1.0


def test_facts_are_found_behind_a_convention() -> None:
    conventions = {
        "convention:numbers_backwards": ({"numbers": [1874]}, RIGHT.replace("1874", "4781")),
        "convention:reversed_word_order": ({"name": "Ada Quill"}, " ".join(reversed(RIGHT.split()))),
        "convention:inverted_capitals": ({}, " ".join(word[0].lower() + word[1:].upper() for word in RIGHT.split())),
        "detectable_format:square_brackets": ({}, " ".join(f"[{word.rstrip('.')}]" for word in RIGHT.split())),
        "convention:no_digits": ({}, RIGHT.replace("1874", "eighteen hundred and seventy-four")),
    }
    for name, (arguments, text) in conventions.items():
        row = {**ROW, "instruction_id_list": [name], "kwargs": [arguments]}
        assert verify(text, row).reward == 1.0, verify(text, row).explanation
        assert verify(RIGHT, row).reward == 0.0, name


@pytest.mark.parametrize(
    ("number", "ways"),
    [
        (7, ["seven"]),
        (40, ["forty"]),
        (99, ["ninety-nine"]),
        (105, ["one hundred and five", "one hundred five"]),
        (1200, ["twelve hundred", "one thousand two hundred"]),
        (1905, ["nineteen oh five", "nineteen hundred and five"]),
        (1984, ["nineteen eighty-four", "one thousand nine hundred and eighty-four"]),
        (2031, ["two thousand and thirty-one"]),
    ],
)
def test_numbers_are_known_by_their_words(number: int, ways: list[str]) -> None:
    assert set(ways) <= set(in_words(number))
    assert all(pattern_of(str(number)).search(f"in {way.replace('-', ' ')}.") for way in [str(number), *ways])
    assert not pattern_of(str(number)).search(f"{number}1 0{number} {number}.5")


def test_the_reference_is_rewarded_for_every_generated_row(generated: list[JsonObject]) -> None:
    for row in generated:
        (answer,) = solve(row)
        verified = verify(str(answer), row)
        assert verified.reward == 1.0, (verified.explanation, row["instruction_id_list"], answer)


def test_no_lazy_answer_is_rewarded_for_any_generated_row(generated: list[JsonObject]) -> None:
    server = make(grading_mode="fraction")
    for row in generated[::3]:
        for name, script in wrong_answers(row).items():
            text = str(next(script))
            assert verify(text, {**row, "grading_mode": None}, server).reward == 0.0, (name, text)


def test_rows_ask_for_more_when_they_are_to_be_harder() -> None:
    totals = [
        sum(len(choose_kinds(Random(number), difficulty)) for number in range(100)) for difficulty in (0.0, 0.5, 1.0)
    ]

    assert totals == sorted(set(totals))


def test_every_constraint_that_can_be_drawn_is_drawn() -> None:
    drawn = {kind.id for number in range(400) for kind in choose_kinds(Random(number), 0.8)}

    assert drawn == {kind.id for kind in DRAWN}
    assert len(drawn) > 50


def test_no_two_rows_ask_the_same(generated: list[JsonObject]) -> None:
    asked = [row["responses_create_params"]["input"][-1]["content"] for row in generated]

    assert len(set(asked)) == len(asked)


def test_the_example_rows_are_what_the_generator_makes(environment: Environment) -> None:
    lines = (FOLDER / "data" / "example.jsonl").read_text(encoding="utf-8").splitlines()

    assert [json.loads(line) for line in lines] == generate_rows(environment, 5, 0, 0.5)


@pytest.mark.parametrize("kind", DRAWN, ids=lambda kind: kind.id)
def test_whatever_goes_with_a_constraint_can_be_met_together_with_it(kind: Any) -> None:
    """Every pair that the matrix allows; of the many ways to draw one, few cannot be written."""
    for other in (other for one, other in combinations(DRAWN, 2) if one is kind):
        if is_compatible(kind, other):
            assert any(can_be_written([kind, other], draw) for draw in range(12)), other.id


def can_be_written(kinds: list[Any], draw: int) -> bool:
    rng = Random(f"{[kind.id for kind in kinds]} {draw}")
    try:
        compose(rng, draw_subject(rng), kinds, 0.6)
    except UnwritableError:
        return False
    return True


def test_rows_of_other_datasets_are_taken() -> None:
    """Null arguments, none at all, fields below `verifier_metadata`; constraints of IFEval and Open-Instruct."""
    fields = {
        "instruction_id_list": ["detectable_format:title", "keywords:frequency", "punctuation:no_comma"],
        "kwargs": [None, {"keyword": "mill", "frequency": 1, "relation": "at least", "num_words": None}],
        "grading_mode": "fraction",
        "prompt": "Tell me about mills",
    }
    params = {"input": [{"role": "user", "content": "Tell me about mills"}], "tools": []}
    text = "<<Mills>>\nA mill, then."

    for row in (
        {"id": 1, "responses_create_params": params, **fields},
        {"id": 1, "responses_create_params": params, "verifier_metadata": fields},
    ):
        assert verify(text, row).fields["follow_instruction_list"] == [True, True, False]
        assert verify(text, row).reward == pytest.approx(2 / 3)
        assert verify("", row).reward == 0.0


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"instruction_id_list": ["punctuation:no_commas"]}, "Meant 'punctuation:no_comma'"),
        ({"instruction_id_list": []}, "instruction_id_list"),
        ({"kwargs": [{}, {"num_sentences": -1}]}, "num_sentences"),
        ({"grading_mode": "half"}, "grading_mode"),
    ],
)
def test_a_row_that_cannot_be_graded_is_refused(fields: JsonObject, message: str) -> None:
    row = {**ROW, **fields}
    row["kwargs"] = fields.get("kwargs", row["kwargs"][: len(row["instruction_id_list"])])

    with pytest.raises(InputError) as caught:
        make().task_of(row)

    assert message in str(caught.value)


def test_metrics_say_how_often_each_constraint_was_met() -> None:
    server = make()
    answers = (RIGHT, RIGHT.replace(".", ","), RIGHT)
    rows = [
        {**ROW, "_ng_task_index": 0, "_ng_rollout_index": number, **verify(text, server=server).to_json()}
        for number, text in enumerate(answers)
    ]
    found = server.aggregate_metrics(rows)

    assert found["agent_metrics"]["mean/follow/punctuation:no_comma"] == pytest.approx(2 / 3)
    assert found["key_metrics"]["mean/reward"] == pytest.approx(2 / 3)
    assert found["key_metrics"]["mean/instructions_followed"] == pytest.approx(2 / 3)


CASES = yaml.safe_load((FOLDER / "tests" / "texts.yaml").read_text(encoding="utf-8"))
ALL = parse_constraints([case["id"] for case in CASES], [case["kwargs"] for case in CASES])
PIECES = st.sampled_from(
    [
        *(
            "ab",
            "cd",
            " ",
            "\n",
            "\n\n",
            "* ",
            "1. ",
            "# ",
            "|",
            "---",
            "***",
            "```",
            "[",
            "]",
            "<<",
            ">>",
            '"',
            "P.S.",
        ),
        *(".", "?", ",", "\u200b", "\u0301", "\ud800", "\u202e", "1874", "{", "}", ":", "\xdf", "\u0130", "\ufdfa"),
        *("\u0627", "\u5b57", "\U0001f3f3\ufe0f\u200d\U0001f308", "\x00"),
    ]
)


@settings(max_examples=100, deadline=None)
@given(text=st.lists(PIECES, max_size=40).map("".join) | st.text(max_size=60))
def test_nothing_that_a_model_can_say_breaks_a_check(text: str) -> None:
    judged = judge(text, ALL, prompt="ab cd", must_mention=[], min_words=1)

    assert judged == judge(text, ALL, prompt="ab cd", must_mention=[], min_words=1)
    for constraint in ALL:
        judge(f"ab {text}", [constraint], prompt=PROMPT, must_mention=[["ab"]], min_words=1)


@pytest.mark.parametrize(
    "piece",
    [
        *("a", " ", "\n", "a ", "a. ", "* a\n", "1. a\n", "| a ", "|---", "[a] ", "<<a b>> ", "<<", "*a* ", "\u0301"),
        *("```\n", "yes no ", "ab cd ", "1/2/3 ", "1,", "P.S.\n", "ab cd 1\n", "{", '{"a":', "\u0323\u0301", "..."),
        *("\ufdfa", "'a"),
    ],
)
def test_huge_answers_are_judged_at_once(piece: str) -> None:
    """The test's own time limit is what a slow check would meet."""
    judge(piece * (49_000 // len(piece)), ALL, prompt=PROMPT, must_mention=[["1874"]], min_words=1)
    judge(piece * (1_000_000 // len(piece)), ALL, prompt=PROMPT, must_mention=[["1874"]], min_words=1)
