"""Create params of Chat Completions and the Responses API, case by case; the conversation is in test_chat_messages."""

from typing import Any

import pytest

from polygym.protocol.chat import chat_params_to_responses, responses_params_to_chat
from polygym.protocol.json import JsonObject

USER = {"role": "user", "content": "hi"}


def to_responses(**params: Any) -> JsonObject:
    """What becomes of chat params beside the messages."""
    converted = chat_params_to_responses({"messages": [USER], **params})
    del converted["input"]
    return converted


def to_chat(**params: Any) -> JsonObject:
    """What becomes of Responses params beside the input."""
    converted = responses_params_to_chat({"input": "hi", **params})
    del converted["messages"]
    return converted


def test_a_plain_string_is_one_user_message() -> None:
    assert responses_params_to_chat({"input": "hi"}) == {"messages": [USER]}


def test_a_chat_tool_that_says_nothing_about_strict_is_not_strict() -> None:
    nested = {"type": "function", "function": {"name": "add", "parameters": {}}}
    flat = {"type": "function", "name": "add", "parameters": {}, "strict": False}

    assert to_responses(tools=[nested]) == {"tools": [flat]}
    assert to_chat(tools=[flat]) == {"tools": [nested]}


def test_the_limit_of_output_tokens_has_the_name_the_endpoint_wants() -> None:
    params = {"input": "hi", "max_output_tokens": 9}

    assert responses_params_to_chat(params)["max_tokens"] == 9
    assert responses_params_to_chat(params, max_tokens_field="max_completion_tokens")["max_completion_tokens"] == 9
    assert to_responses(max_tokens=9, max_completion_tokens=9) == {"max_output_tokens": 9}


def test_a_json_schema_is_flat_in_the_responses_api() -> None:
    schema = {"name": "answer", "schema": {"type": "object"}, "strict": True}
    text = {"format": {"type": "json_schema", **schema}, "verbosity": "low"}
    chat = {"response_format": {"type": "json_schema", "json_schema": schema}, "verbosity": "low"}

    assert to_responses(**chat) == {"text": text}
    assert to_chat(text=text) == chat
    assert to_chat(text={**text, "of_a_later_year": 1}) == {**chat, "text": {"of_a_later_year": 1}}


def test_reasoning_effort_is_a_field_of_reasoning() -> None:
    assert to_responses(reasoning_effort="high") == {"reasoning": {"effort": "high"}}
    assert to_chat(reasoning={"effort": "high", "summary": "auto"}) == {
        "reasoning_effort": "high",
        "reasoning": {"summary": "auto"},
    }


def test_log_probabilities_are_asked_for_in_either_way() -> None:
    assert to_responses(logprobs=True, top_logprobs=2) == {
        "include": ["message.output_text.logprobs"],
        "top_logprobs": 2,
    }
    assert to_chat(include=["message.output_text.logprobs", "x"]) == {"logprobs": True, "include": ["x"]}
    assert to_chat(top_logprobs=2) == {"top_logprobs": 2, "logprobs": True}
    assert to_responses(logprobs=True, include=["message.output_text.logprobs", "x"]) == {
        "include": ["message.output_text.logprobs", "x"]
    }
    assert to_responses(logprobs=False) == {}


def test_parameters_that_one_api_lacks_keep_their_names() -> None:
    chat = {"seed": 1, "stop": ["x"], "logit_bias": {"5": 1}, "chat_template_kwargs": {"enable_thinking": False}}
    responses = {"truncation": "auto", "max_tool_calls": 3}

    assert to_responses(**chat) == chat
    assert to_chat(**responses) == responses


def test_null_parameters_count_as_absent() -> None:
    assert to_responses(tools=None, response_format=None, n=None, seed=None) == {}
    assert to_chat(tools=None, text=None, reasoning=None, previous_response_id=None, max_output_tokens=None) == {}


def test_without_tools_nothing_is_said_about_their_choice() -> None:
    assert to_chat(tools=[], tool_choice="auto", parallel_tool_calls=True) == {}


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "'messages' is missing"),
        ({"messages": "hi"}, "messages must be a list, got str"),
        ({"messages": [USER, 5]}, r"messages\[1\]: a message must be an object, got int"),
        ({"messages": [{"content": "x"}]}, r"messages\[0\]: 'role' must be .* this is None"),
        ({"messages": [{"role": ["user"], "content": "x"}]}, r"'role' must be"),
        ({"messages": [{"role": "user"}]}, "content must be a string or a list of parts, got NoneType"),
        ({"messages": [{"role": "user", "content": [{"text": "a"}]}]}, r"content\[0\] must be an object with a 'type'"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "tool_call_id must be a string, got nothing"),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"id": "a"}]}]},
            r"tool_calls\[0\].function must be an obj",
        ),
        ({"messages": [{"role": "assistant", "tool_calls": {"id": "a"}}]}, "tool_calls must be a list, got dict"),
        ({"messages": [{"role": "assistant", "function_call": {"name": "f"}}]}, "use 'tool_calls'"),
        ({"messages": [USER], "input": "hi"}, "'input' belongs to the Responses API"),
        ({"messages": [USER], "n": 2}, "'n' must be 1, this is 2"),
        ({"messages": [USER], "functions": []}, "use 'tools'"),
        ({"messages": [USER], "tools": [{"type": "function"}]}, r"tools\[0\].function must be an object, got nothing"),
        ({"messages": [USER], "max_tokens": 1, "max_completion_tokens": 2}, "'max_output_tokens' is asked for twice"),
        ({"messages": [USER], "response_format": "json"}, "response_format must be an object, got str"),
    ],
)
def test_a_chat_request_that_cannot_be_converted_says_where_and_why(params: JsonObject, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        chat_params_to_responses(params)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "'input' is missing"),
        ({"input": 5}, "'input' must be a string or a list of items, got int"),
        ({"input": [USER, "x"]}, r"input\[1\]: an item must be an object, got str"),
        ({"input": [{"content": "x"}]}, r"input\[0\]: an item needs a 'type'"),
        ({"input": [{"type": "web_search_call", "id": "ws_1"}]}, r"input\[0\]: .* no message .* 'web_search_call'"),
        ({"input": [{"role": "narrator", "content": "x"}]}, "'role' must be .* this is 'narrator'"),
        (
            {"input": [{"type": "function_call", "name": "add", "arguments": ""}]},
            "call_id must be a string, got nothing",
        ),
        ({"input": [{"type": "reasoning", "summary": "hm"}]}, "reasoning must be a list, got str"),
        ({"input": "hi", "messages": []}, "'messages' belongs to Chat Completions"),
        ({"input": "hi", "previous_response_id": "resp_1"}, "'previous_response_id' refers to what a Responses server"),
        ({"input": "hi", "background": True}, "'background' refers to"),
        ({"input": "hi", "tool_choice": "required"}, "'required' asks for a tool, and there are none"),
        ({"input": "hi", "instructions": ["x"]}, "instructions must be a string, got list"),
        ({"input": "hi", "tools": [{"type": "function"}]}, r"tools\[0\].name must be a string, got nothing"),
        ({"input": "hi", "include": "x"}, "include must be a list, got str"),
    ],
)
def test_a_responses_request_that_cannot_be_converted_says_where_and_why(params: JsonObject, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        responses_params_to_chat(params)
