"""Reasoning inside an assistant's text, taken out and put back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polygym.protocol.chat.thinking import split_thinking, with_reasoning_apart, with_reasoning_inside
from polygym.protocol.json import JsonObject

plain = st.text().filter(lambda text: "think>" not in text)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("<think>hm</think>\n\nyes", ("hm", "\n\nyes")),
        ("<think>\nhm\n</think>yes", ("\nhm\n", "yes")),
        ("\n<think>hm</think>yes", ("hm", "yes")),
        ("<think></think>yes", ("", "yes")),
        ("yes <think>hm</think>", (None, "yes <think>hm</think>")),
        ("<think>one</think>a<think>two</think>b", ("one", "a<think>two</think>b")),
        ("yes", (None, "yes")),
        ("", (None, "")),
    ],
)
@pytest.mark.parametrize("is_answer", [False, True])
def test_reasoning_before_the_answer_is_taken_out_as_it_stands(
    text: str, parts: tuple[str | None, str], is_answer: bool
) -> None:
    assert split_thinking(text, is_answer=is_answer) == parts


@pytest.mark.parametrize(
    ("text", "in_history", "in_answer"),
    [
        ("hm</think>yes", (None, "hm</think>yes"), ("hm", "yes")),
        ("<think>hm", (None, "<think>hm"), ("hm", "")),
    ],
)
def test_a_missing_tag_is_understood_in_answers_only(
    text: str, in_history: tuple[str | None, str], in_answer: tuple[str | None, str]
) -> None:
    assert split_thinking(text) == in_history
    assert split_thinking(text, is_answer=True) == in_answer


@given(plain.filter(bool), plain)
def test_what_is_put_inside_comes_out_again(thought: str, said: str) -> None:
    message = {"role": "assistant", "content": said, "reasoning_content": thought}

    inside = with_reasoning_inside(message)

    assert inside == {"role": "assistant", "content": f"<think>{thought}</think>{said}"}
    assert with_reasoning_apart(inside) == message


@pytest.mark.parametrize(
    "message",
    [
        {"role": "assistant", "content": None, "tool_calls": []},
        {"role": "assistant", "content": "yes"},
        {"role": "assistant", "content": "<think>a</think>b", "reasoning": "hm"},
        {"role": "assistant", "content": [{"type": "text", "text": "<think>a</think>"}]},
    ],
)
def test_a_message_without_reasoning_in_its_text_stays_itself(message: JsonObject) -> None:
    assert with_reasoning_apart(message, is_answer=True) is message


def test_reasoning_goes_before_the_parts_of_a_content() -> None:
    parts = [{"type": "text", "text": "yes"}]

    inside = with_reasoning_inside(
        {"role": "assistant", "content": parts, "reasoning": "hm", "reasoning_content": "hm"}
    )

    assert inside == {"role": "assistant", "content": [{"type": "text", "text": "<think>hm</think>"}, *parts]}


def test_reasoning_is_put_into_an_empty_content() -> None:
    call = {"id": "a", "type": "function", "function": {"name": "add", "arguments": "{}"}}
    message = {"role": "assistant", "content": None, "reasoning": "hm", "tool_calls": [call]}

    assert with_reasoning_inside(message)["content"] == "<think>hm</think>"
