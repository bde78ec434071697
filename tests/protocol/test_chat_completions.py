"""Text completions in place of chat completions."""

from typing import Any

import pytest

from polygym.protocol.chat.completions import (
    chat_params_to_completion,
    completion_to_chat,
    plain_text,
    raw_prompt,
)
from polygym.protocol.json import JsonObject

USER = {"role": "user", "content": "Once upon"}


def test_sampling_parameters_stay_and_those_of_the_prompt_go() -> None:
    params = {
        "messages": [USER],
        "tools": [{}],
        "tool_choice": "auto",
        "chat_template_kwargs": {"a": 1},
        "temperature": 0.5,
        "top_k": 3,
        "stop": ["\n"],
        "seed": 1,
        "max_tokens": 7,
        "model": "m",
    }

    assert chat_params_to_completion(params, "Once") == {
        "prompt": "Once",
        "temperature": 0.5,
        "top_k": 3,
        "stop": ["\n"],
        "seed": 1,
        "max_tokens": 7,
        "model": "m",
    }


@pytest.mark.parametrize(
    ("params", "fields"),
    [
        ({}, {"max_tokens": None}),
        ({"max_completion_tokens": 5}, {"max_tokens": 5}),
        ({"logprobs": True}, {"max_tokens": None, "logprobs": 0}),
        ({"logprobs": True, "top_logprobs": 2}, {"max_tokens": None, "logprobs": 2}),
        ({"logprobs": False, "top_logprobs": 2}, {"max_tokens": None}),
    ],
)
def test_parameters_that_have_another_form_are_translated(params: JsonObject, fields: JsonObject) -> None:
    assert chat_params_to_completion(params, [1, 2]) == {"prompt": [1, 2], **fields}


def test_a_tool_cannot_be_enforced() -> None:
    with pytest.raises(ValueError, match="'tool_choice' 'required' cannot be enforced"):
        chat_params_to_completion({"tool_choice": "required"}, "Once")


def test_the_text_becomes_a_message_and_the_rest_stays() -> None:
    choice = {"index": 0, "text": " a time", "finish_reason": "length", "stop_reason": None}
    completion = {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "m", "choices": [choice]}

    assert completion_to_chat(completion) == {
        "id": "cmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": " a time"},
                "finish_reason": "length",
                "stop_reason": None,
            }
        ],
    }


@pytest.mark.parametrize("choices", [None, [], [{}], [{"text": 5}], [{"text": "a"}, {"text": "b"}], ["a"]])
def test_what_is_no_text_completion_is_refused(choices: Any) -> None:
    with pytest.raises(ValueError, match=r"choices|string"):
        completion_to_chat({"choices": choices})


@pytest.mark.parametrize(
    ("messages", "prompt"),
    [
        ([USER], "Once upon"),
        ([{"role": "system", "content": "A tale."}, USER], "A tale.\n\nOnce upon"),
        (
            [{"role": "user", "content": [{"type": "text", "text": "Once"}, {"type": "text", "text": " upon"}]}],
            "Once upon",
        ),
    ],
)
def test_a_raw_prompt_is_what_the_user_says(messages: list[JsonObject], prompt: str) -> None:
    assert raw_prompt({"messages": messages}) == prompt


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"messages": [USER, USER]}, r"these are \['user', 'user'\]"),
        ({"messages": []}, r"these are \[\]"),
        ({"messages": [USER, {"role": "assistant", "content": "a time"}]}, "one message of the user"),
        ({"messages": [USER], "tools": [{}]}, "'tools' need a chat template.*: render_chat_template"),
        ({"messages": None}, "messages must be a list"),
        ({"messages": [{"role": "user", "content": None}]}, "content must be a list"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            "cannot hold content parts of type 'image_url'",
        ),
        ({"messages": [{"role": "user", "content": [{"text": "a"}]}]}, "cannot hold content parts of type None"),
    ],
)
def test_what_is_more_than_a_text_is_no_raw_prompt(params: JsonObject, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        raw_prompt(params)


def test_a_text_part_needs_a_text() -> None:
    with pytest.raises(ValueError, match="text must be a string"):
        plain_text([{"type": "text"}])
