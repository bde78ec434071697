"""Exact ids of earlier turns: when they are known, and how they go before what a template makes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polygym.protocol.chat.earlier_turns import EarlierTurns, is_text, splice
from polygym.protocol.json import JsonObject

END = 2
USER = {"role": "user", "content": "hi"}
CALL = {"id": "a", "type": "function", "function": {"name": "add", "arguments": "{}"}}
ANSWER = {
    "role": "assistant",
    "content": "yes",
    "tool_calls": [CALL],
    "prompt_token_ids": [1, 9, END, 1],
    "generation_token_ids": [5, END],
    "generation_log_probs": [-0.1, -0.2],
}
OUTPUT = {"role": "tool", "tool_call_id": "a", "content": "3"}
IDS = [1, 9, END, 1, 5, END]


def known(answer: JsonObject = ANSWER, **options: Any) -> EarlierTurns:
    """Turns of which one is remembered."""
    turns = EarlierTurns(**options)
    turns.remember({"messages": [USER]}, answer)
    return turns


def exact_ids(turns: EarlierTurns, messages: list[JsonObject]) -> list[int] | None:
    """Of a request with nothing but messages."""
    return turns.exact_ids({"messages": messages})


@pytest.mark.parametrize(
    "answer",
    [
        ANSWER,
        {**ANSWER, "reasoning": "hm"},
        {**ANSWER, "content": "<think>hm</think>yes"},
        {**ANSWER, "content": [{"type": "text", "text": "yes"}]},
    ],
)
def test_the_ids_of_the_last_answer_are_known_whatever_form_it_comes_back_in(answer: JsonObject) -> None:
    assert exact_ids(known(), [USER, answer, OUTPUT]) == IDS


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [USER],
        [{"role": "user", "content": "ho"}, ANSWER, OUTPUT],
        [USER, USER, ANSWER, OUTPUT],
        [USER, {**ANSWER, "content": "no"}, OUTPUT],
        [USER, {**ANSWER, "tool_calls": []}, OUTPUT],
        [USER, {**ANSWER, "generation_token_ids": [6, END]}, OUTPUT],
        [USER, {**ANSWER, "generation_token_ids": None}, OUTPUT],
        [USER, {**ANSWER, "generation_token_ids": []}, OUTPUT],
        [USER, {**ANSWER, "prompt_token_ids": ["1"]}, OUTPUT],
        [USER, {**ANSWER, "prompt_token_ids": None}, OUTPUT],
    ],
)
def test_they_are_not_where_anything_has_changed(messages: list[JsonObject]) -> None:
    assert exact_ids(known(), messages) is None


TOOLS = [{"type": "function", "function": {"name": "add"}}]
ONLY = {"type": "function", "function": {"name": "add"}}


@pytest.mark.parametrize(
    ("before", "now", "is_same"),
    [
        ({"tools": TOOLS}, {"tools": TOOLS}, True),
        ({"tools": []}, {"tools": None}, True),
        ({"tools": TOOLS, "tool_choice": "required"}, {"tools": TOOLS, "temperature": 0}, True),
        ({"tools": TOOLS}, {}, False),
        ({"tools": TOOLS}, {"tools": TOOLS * 2}, False),
        ({"tools": TOOLS}, {"tools": TOOLS, "tool_choice": "none"}, False),
        ({"tools": TOOLS}, {"tools": TOOLS, "tool_choice": ONLY}, False),
        ({}, {"chat_template_kwargs": {"thinks": True}}, False),
        ({}, {"reasoning_effort": "high"}, False),
        ({}, {"add_generation_prompt": False}, False),
    ],
)
def test_they_are_not_where_another_part_of_the_prompt_has_changed(
    before: JsonObject, now: JsonObject, is_same: bool
) -> None:
    turns = EarlierTurns()
    turns.remember({**before, "messages": [USER]}, ANSWER)

    assert turns.exact_ids({**now, "messages": [USER, ANSWER, OUTPUT]}) == (IDS if is_same else None)


@pytest.mark.parametrize("generated", [[], [END, 5, END]])
def test_an_answer_without_one_end_is_not_remembered(generated: list[int]) -> None:
    answer = {**ANSWER, "generation_token_ids": generated}

    assert exact_ids(known(answer), [USER, answer, OUTPUT]) is None


def test_the_oldest_answer_is_forgotten() -> None:
    turns = known(capacity=1)
    other = {**ANSWER, "generation_token_ids": [6, END]}
    turns.remember({"messages": [USER]}, other)

    assert exact_ids(turns, [USER, ANSWER]) is None
    assert exact_ids(turns, [USER, other]) == [1, 9, END, 1, 6, END]


def test_what_says_how_a_message_was_made_is_no_change_to_it() -> None:
    turns = EarlierTurns(of_tokens={*ANSWER} - {"role", "content", "tool_calls"} | {"version"})
    later = {**ANSWER, "generation_token_ids": [6, END], "content": "no"}
    turns.remember({"messages": [USER, {**ANSWER, "version": 1}, OUTPUT]}, later)

    assert exact_ids(turns, [USER, {**ANSWER, "version": 2}, OUTPUT, later]) == [1, 9, END, 1, 6, END]
    assert turns.without_tokens([{**ANSWER, "version": 1}]) == [
        {"role": "assistant", "content": "yes", "tool_calls": [CALL]}
    ]


turn = st.lists(st.integers(3, 9), max_size=4).map(lambda ids: [*ids, END])


@given(
    st.lists(turn, min_size=1, max_size=4),
    st.lists(turn, max_size=3),
    st.lists(st.integers(3, 9), max_size=3),
    st.data(),
)
def test_what_follows_the_last_answer_is_kept_and_what_is_before_it_replaced(
    exact: list[list[int]], later: list[list[int]], prompt: list[int], data: st.DataObject
) -> None:
    rendered_again = [data.draw(turn) for _ in exact]
    new = [number for ids in [*later, prompt] for number in ids]
    flat = [number for ids in exact for number in ids]

    assert splice([number for ids in rendered_again for number in ids] + new, flat) == flat + new


@pytest.mark.parametrize("template", [[], [1, 9, END, 1], [1, 9, 1, 5]])
def test_a_template_that_does_not_end_answers_so_is_left_alone(template: list[int]) -> None:
    assert splice(template, IDS) is None


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("hi", True),
        (None, True),
        ([{"type": "text", "text": "hi"}], True),
        ([{"type": "text", "text": "hi"}, {"type": "image_url"}], False),
        (["hi"], False),
    ],
)
def test_only_texts_have_ids(content: Any, expected: bool) -> None:
    assert is_text([USER, {"role": "user", "content": content}]) is expected
