"""The model server against loopback endpoints: both dialects, what goes out, what comes back, what is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from omegaconf import OmegaConf

from polygym import FailureClass, JsonObject, RolloutFailure
from polygym.protocol.errors import ConfigError
from responses_api_models.vllm_model.app import VLLMModel
from responses_api_models.vllm_model.tests.servers import (
    COMPLETION,
    Call,
    chat_completions,
    exchange,
    exchange_all,
    make,
    responses,
)

CONFIGS = Path(__file__).parent.parent / "configs"
USER = {"role": "user", "content": "hi"}
CALL = {"id": "call_1", "type": "function", "function": {"name": "add", "arguments": "{}"}}


def completion(finish_reason: str = "stop", **message: Any) -> JsonObject:
    """A completion with that message."""
    choice = {"index": 0, "finish_reason": finish_reason, "message": {"role": "assistant", **message}}
    return {**COMPLETION, "choices": [choice]}


def sent(params: JsonObject, **fields: Any) -> JsonObject:
    """What the endpoint gets for a chat request."""
    _, [body] = exchange(COMPLETION, chat_completions(params), **fields)
    return body


def test_a_responses_call_becomes_a_chat_completion_and_comes_back_as_a_response() -> None:
    params = {
        "model": "other",
        "input": [
            {"type": "message", "role": "developer", "content": "be brief"},
            {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_image", "image_url": "u", "detail": "low"}],
            },
            {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}]},
            {"type": "function_call", "call_id": "a", "name": "add", "arguments": "{}"},
            {"type": "function_call", "call_id": "b", "name": "add", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "a", "output": [{"type": "input_text", "text": "1"}]},
            {"type": "function_call_output", "call_id": "b", "output": "2"},
        ],
        "tools": [{"type": "function", "name": "add", "parameters": {"type": "object"}, "strict": True}],
        "tool_choice": {"type": "function", "name": "add"},
        "text": {"format": {"type": "json_schema", "name": "answer", "schema": {"type": "object"}}},
        "max_output_tokens": 7,
        "seed": 3,
        "stop": ["x"],
    }

    answer, [(request, body)] = exchange_all(
        [completion("tool_calls", reasoning="so", content="wait", tool_calls=[CALL])], responses(params)
    )

    assert request.path == "/v1/chat/completions"
    assert body == {
        "model": "tiny",
        "messages": [
            {"role": "developer", "content": "be brief"},
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "u", "detail": "low"}}]},
            {
                "role": "assistant",
                "content": None,
                "reasoning_content": "hm",
                "reasoning": "hm",
                "tool_calls": [{**CALL, "id": "a"}, {**CALL, "id": "b"}],
            },
            {"role": "tool", "tool_call_id": "a", "content": [{"type": "text", "text": "1"}]},
            {"role": "tool", "tool_call_id": "b", "content": "2"},
        ],
        "tools": [{"type": "function", "function": {"name": "add", "parameters": {"type": "object"}, "strict": True}}],
        "tool_choice": {"type": "function", "function": {"name": "add"}},
        "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object"}}},
        "max_tokens": 7,
        "seed": 3,
        "stop": ["x"],
    }
    assert [item["type"] for item in answer["output"]] == ["reasoning", "message", "function_call"]
    assert answer["usage"]["total_tokens"] == 4
    assert params["model"] == "other"


def test_a_chat_completion_goes_through_as_it_is() -> None:
    params = {"model": "other", "messages": [USER], "made_up": {"deep": None}, "temperature": None, "stream": True}

    answer, [body] = exchange(COMPLETION, chat_completions(params))

    assert answer == COMPLETION
    assert body == {"messages": [USER], "made_up": {"deep": None}, "model": "tiny"}
    assert params["stream"] is True


def test_configured_parameters_give_way_to_those_of_the_row_and_these_to_the_requests() -> None:
    params = {
        "messages": [USER],
        "top_k": 1,
        "metadata": {"extra_body": '{"top_k": 2, "min_p": 0.2}', "task": "t"},
    }

    body = sent(params, extra_body={"top_k": 3, "min_p": 0.3, "seed": 5})

    assert (body["top_k"], body["min_p"], body["seed"]) == (1, 0.2, 5)
    assert body["metadata"] == {"task": "t"}


def test_variables_of_the_template_are_put_together_from_everywhere() -> None:
    params = {
        "messages": [USER],
        "chat_template_kwargs": {"a": 1},
        "metadata": {"chat_template_kwargs": '{"a": 2, "b": 2}'},
    }
    extra_body = {"chat_template_kwargs": {"a": 4, "b": 4, "c": 4, "d": 4}}

    body = sent(params, chat_template_kwargs={"a": 3, "b": 3, "c": 3}, extra_body=extra_body)

    assert body["chat_template_kwargs"] == {"a": 1, "b": 2, "c": 3, "d": 4}
    assert "metadata" not in body


def test_sampling_overrides_win_over_everything() -> None:
    params = {"messages": [USER], "temperature": 0.1}

    assert sent(params, sampling_overrides={"temperature": 1.0, "top_p": 1.0}, extra_body={"top_p": 0.5}) == {
        "messages": [USER],
        "temperature": 1.0,
        "top_p": 1.0,
        "model": "tiny",
    }


def test_developers_become_system_messages_only_when_asked_for() -> None:
    developer = {"role": "developer", "content": "be brief"}
    params = {"messages": [developer, USER]}

    assert sent(params)["messages"] == [developer, USER]
    assert sent(params, replace_developer_role_with_system=True)["messages"] == [
        {"role": "system", "content": "be brief"},
        USER,
    ]
    assert params == {"messages": [developer, USER]}


THOUGHT = {"role": "assistant", "content": "yes", "reasoning_content": "hm", "reasoning": "hm"}
INLINE = {"role": "assistant", "content": "<think>hm</think>yes"}


@pytest.mark.parametrize(
    ("fields", "message", "expected"),
    [
        ({}, THOUGHT, THOUGHT),
        ({}, INLINE, {"role": "assistant", "content": "yes", "reasoning_content": "hm"}),
        ({"uses_interleaved_reasoning": False}, THOUGHT, {"role": "assistant", "content": "yes"}),
        ({"uses_interleaved_reasoning": False}, INLINE, {"role": "assistant", "content": "yes"}),
        ({"preserve_reasoning_in_assistant_content": True}, THOUGHT, INLINE),
        ({"preserve_reasoning_in_assistant_content": True}, INLINE, INLINE),
        ({"uses_reasoning_parser": False}, INLINE, INLINE),
    ],
)
def test_earlier_reasoning_stands_where_the_endpoint_wants_it(
    fields: JsonObject, message: JsonObject, expected: JsonObject
) -> None:
    assert sent({"messages": [USER, message, USER]}, **fields)["messages"][1] == expected


@pytest.mark.parametrize(
    ("fields", "message", "kinds"),
    [
        ({}, {"content": "<think>hm</think>yes"}, ["reasoning", "message"]),
        ({}, {"content": "hm</think>yes"}, ["reasoning", "message"]),
        ({}, {"content": "yes", "reasoning": "hm"}, ["reasoning", "message"]),
        ({}, {"content": "yes", "reasoning_content": "hm"}, ["reasoning", "message"]),
        ({}, {"content": "<think>hm"}, ["reasoning"]),
        ({"uses_reasoning_parser": False}, {"content": "<think>hm</think>yes"}, ["message"]),
        ({"uses_reasoning_parser": False}, {"content": "yes", "reasoning": "hm"}, ["reasoning", "message"]),
    ],
)
def test_reasoning_in_any_spelling_is_an_item(fields: JsonObject, message: JsonObject, kinds: list[str]) -> None:
    answer, _ = exchange(completion(**message), responses({"input": "hi"}), **fields)

    assert [item["type"] for item in answer["output"]] == kinds
    if kinds[0] == "reasoning":
        assert answer["output"][0]["summary"][0]["text"] == "hm"


def test_key_and_headers_go_out() -> None:
    fields = {"api_key": "sk-1", "default_headers": {"X-Tenant": "blue"}}

    _, [(request, _)] = exchange_all([COMPLETION], responses({"input": "hi"}), **fields)

    assert request.headers["Authorization"] == "Bearer sk-1"
    assert request.headers["X-Tenant"] == "blue"


@pytest.mark.parametrize(
    ("finish_reason", "status", "reason"),
    [("length", "incomplete", "max_output_tokens"), ("content_filter", "incomplete", "content_filter")],
)
def test_an_answer_that_was_cut_off_is_incomplete(finish_reason: str, status: str, reason: str) -> None:
    answer, _ = exchange(completion(finish_reason, content="wel"), responses({"input": "hi"}))

    assert (answer["status"], answer["incomplete_details"]) == (status, {"reason": reason})


TOO_LONG = "This model's maximum context length is 10 tokens. However, your request has 20 input tokens."


def refusal() -> web.Response:
    """vLLM 0.11, of a prompt that is too long."""
    error = {"message": TOO_LONG, "type": "BadRequestError", "param": None, "code": 400}
    return web.json_response({"error": error}, status=400)


def test_a_conversation_that_is_too_long_is_an_incomplete_answer_with_a_reason() -> None:
    answer, _ = exchange_all([refusal()], responses({"input": "hi", "metadata": {"a": "b"}}))

    assert (answer["status"], answer["output"]) == ("incomplete", [])
    assert (answer["metadata"]["a"], answer["metadata"]["ng_termination_reason"]) == ("b", "context_exceeded")

    completed, _ = exchange_all([refusal()], chat_completions({"messages": [USER]}))

    assert completed["choices"][0]["finish_reason"] == "length"


@pytest.mark.parametrize(
    ("call", "params"),
    [
        (responses, {}),
        (responses, {"input": [{"type": "web_search_call"}]}),
        (responses, {"input": "hi", "previous_response_id": "resp_1"}),
        (chat_completions, {}),
        (chat_completions, {"messages": ["hi"]}),
        (chat_completions, {"messages": [USER], "metadata": {"extra_body": "{"}}),
        (chat_completions, {"messages": [USER], "metadata": {"extra_body": "[1]"}}),
        (chat_completions, {"messages": [USER], "metadata": "extra"}),
        (chat_completions, {"messages": [USER], "chat_template_kwargs": 5}),
        (chat_completions, {"messages": [USER], "metadata": {"audio_path": "a.wav", "audio_data": "x"}}),
    ],
)
def test_a_request_that_cannot_be_sent_is_rejected(call: Callable[[JsonObject], Call], params: JsonObject) -> None:
    with pytest.raises(RolloutFailure, match=r"^policy_model: ") as caught:
        exchange(COMPLETION, call(params))

    assert caught.value.failure_class is FailureClass.MODEL_REJECTED


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"choices": []},
        {"choices": "none"},
        {"choices": [None]},
        {"choices": [{"text": "hi"}]},
        {"choices": [{"message": "hi"}]},
        {"object": "error", "message": "no such model"},
        {"output": []},
    ],
)
@pytest.mark.parametrize("call", [responses({"input": "hi"}), chat_completions({"messages": [USER]})])
def test_an_answer_of_another_shape_is_a_bad_response(answer: JsonObject, call: Call) -> None:
    with pytest.raises(RolloutFailure, match="the endpoint's answer to /chat/completions cannot be used") as caught:
        exchange(answer, call)

    assert caught.value.failure_class is FailureClass.MODEL_BAD_RESPONSE


def test_an_answer_that_repeats_the_key_is_quoted_without_it() -> None:
    with pytest.raises(RolloutFailure, match=r"this says: no access with \*\*\*\.$"):
        exchange({"message": "no access with sk-very-secret"}, responses({"input": "hi"}), api_key="sk-very-secret")


@pytest.mark.parametrize(
    "answer",
    [
        completion(content=5),
        completion(tool_calls=[{"id": "a"}]),
        completion("abort", content="o"),
        {**COMPLETION, "choices": COMPLETION["choices"] * 2},
        {**COMPLETION, "usage": {"prompt_tokens": "3"}},
    ],
)
def test_a_completion_that_is_no_response_is_a_bad_response(answer: JsonObject) -> None:
    with pytest.raises(RolloutFailure) as caught:
        exchange(answer, responses({"input": "hi"}))

    assert caught.value.failure_class is FailureClass.MODEL_BAD_RESPONSE


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"base_url": "localhost:8000/v1"}, "base_url: .*must look like https://host:port/v1"),
        ({"base_url": []}, "base_url: .*empty"),
        ({"model": ""}, "model"),
        ({"max_attempts": 0}, "max_attempts"),
        ({"earlier_tokens": "guessed"}, "earlier_tokens"),
        ({"render_chat_template": True}, "needs use_completions_api"),
        ({"tool_format": "hermes", "use_completions_api": True}, "needs render_chat_template"),
        ({"earlier_tokens": "prompt", "return_token_id_information": True}, "needs render_chat_template"),
        ({"earlier_tokens": "input_ids"}, "needs return_token_id_information"),
        ({"earlier_tokens": "input_ids", "use_completions_api": True}, "is for chat completions"),
    ],
)
def test_a_wrong_field_is_named(fields: JsonObject, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make(**fields)


@pytest.mark.parametrize("name", ["vllm_model.yaml"])
def test_the_shipped_configuration_needs_a_url_and_a_name_and_has_no_field_without_effect(name: str) -> None:
    settings = OmegaConf.create({"policy_model_name": "tiny", "policy_base_url": ["http://one/v1", "http://two/v1"]})
    container: Any = OmegaConf.to_container(OmegaConf.merge(OmegaConf.load(CONFIGS / name), settings), resolve=True)
    fields: JsonObject = container["policy_model"]["responses_api_models"]["vllm_model"]

    config = VLLMModel.parse_config(fields, "test")

    assert (config.base_url, config.api_key, config.model) == (["http://one/v1", "http://two/v1"], None, "tiny")
    assert VLLMModel.unknown_fields(config) == []
    assert set(VLLMModel.config_class().model_fields) - set(fields) == set()
