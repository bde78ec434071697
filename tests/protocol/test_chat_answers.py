"""ChatCompletions and Responses, case by case; what is given out is what the official client's models accept."""

import time
from typing import Any

import pytest
from hypothesis import given
from openai.types.chat import ChatCompletion
from openai.types.responses import Response

from polygym.protocol.chat import chat_completion_to_response, response_to_chat_completion
from polygym.protocol.json import JsonObject
from tests.protocol.conversations import completions, response_turns

TOKENS = {"prompt_token_ids": [1, 2], "generation_token_ids": [3], "generation_log_probs": [-0.5]}
CALL = {"id": "call_1", "type": "function", "function": {"name": "add", "arguments": "{}"}}
LOGPROB = {"token": "ok", "bytes": [111, 107], "logprob": -0.1, "top_logprobs": []}


def completion(finish_reason: str | None = "stop", **message: Any) -> JsonObject:
    """A ChatCompletion with one choice."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1700000000,
        "model": "m",
        "choices": [{"index": 0, "finish_reason": finish_reason, "message": {"role": "assistant", **message}}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    }


def response(*output: JsonObject, **fields: Any) -> JsonObject:
    """A Response."""
    return {"id": "resp_1", "created_at": 1700000000.0, "model": "m", "output": list(output), **fields}


def output_message(*parts: JsonObject) -> JsonObject:
    """An assistant's message."""
    return {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": list(parts)}


def output_text(text: str, **fields: Any) -> JsonObject:
    """A text part."""
    return {"type": "output_text", "text": text, "annotations": [], **fields}


def function_call(**fields: Any) -> JsonObject:
    """A function call item."""
    return {"type": "function_call", "call_id": "call_1", "name": "add", "arguments": "{}", **fields}


@given(completions())
def test_a_response_is_what_the_official_client_expects(given_completion: JsonObject) -> None:
    Response.model_validate(chat_completion_to_response(given_completion, {"tools": None, "tool_choice": None}))


@given(response_turns())
def test_a_completion_is_what_the_official_client_expects(output: list[JsonObject]) -> None:
    ChatCompletion.model_validate(response_to_chat_completion(response(*output)))


def test_reasoning_text_and_calls_become_items_in_this_order() -> None:
    answer = completion("tool_calls", reasoning_content="hm", content="ok", tool_calls=[CALL])

    reasoning, message, call = chat_completion_to_response(answer, {})["output"]

    assert reasoning["summary"] == [{"type": "summary_text", "text": "hm"}]
    assert reasoning["id"].startswith("rs_")
    assert "status" not in reasoning
    assert (message["content"], message["status"]) == ([output_text("ok")], "completed")
    assert call == {"id": call["id"], **function_call(status="completed")}


def test_a_response_says_what_was_asked_and_when_it_was_made() -> None:
    params = {"tools": [{"type": "web_search"}], "temperature": 0.5, "metadata": {"a": "b"}, "tool_choice": "required"}

    answer = chat_completion_to_response(completion(content="ok"), params)

    assert {name: answer[name] for name in params} == params
    assert (answer["created_at"], answer["model"], answer["status"]) == (1700000000, "m", "completed")


def test_two_conversions_share_no_ids() -> None:
    first, second = (chat_completion_to_response(completion(content="ok"), {}) for _ in range(2))

    assert first["id"] != second["id"]
    assert first["output"][0]["id"] != second["output"][0]["id"]


@pytest.mark.parametrize("message", [{"content": "ok"}, {"tool_calls": [CALL]}, {"reasoning": "hm"}, {"content": None}])
def test_token_fields_are_on_the_last_item(message: JsonObject) -> None:
    output = chat_completion_to_response(completion(**message, **TOKENS), {})["output"]

    assert {name: output[-1][name] for name in TOKENS} == TOKENS
    assert not any(name in item for item in output[:-1] for name in TOKENS)


def test_fields_of_a_provider_survive() -> None:
    answer = completion(content="ok", provider_note="x") | {"prompt_token_ids": [1], "service_tier": "default"}
    answer["choices"][0] |= {"token_ids": [2], "stop_reason": 7, "matched_stop": None}

    converted = chat_completion_to_response(answer, {})

    assert converted["output"][-1]["provider_note"] == "x"
    assert (converted["prompt_token_ids"], converted["token_ids"], converted["stop_reason"]) == ([1], [2], 7)
    assert "matched_stop" not in converted
    assert response_to_chat_completion(converted)["service_tier"] == "default"


@pytest.mark.parametrize(
    ("finish_reason", "status", "details"),
    [
        ("stop", "completed", None),
        ("tool_calls", "completed", None),
        (None, "completed", None),
        ("length", "incomplete", {"reason": "max_output_tokens"}),
        ("content_filter", "incomplete", {"reason": "content_filter"}),
    ],
)
def test_the_finish_reason_becomes_the_status(finish_reason: str | None, status: str, details: Any) -> None:
    answer = chat_completion_to_response(completion(finish_reason, content="ok"), {})

    assert (answer["status"], answer["incomplete_details"]) == (status, details)
    assert answer["output"][-1]["status"] == status


@pytest.mark.parametrize(
    ("fields", "output", "finish_reason"),
    [
        ({"status": "completed"}, output_message(output_text("ok")), "stop"),
        ({}, function_call(), "tool_calls"),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, function_call(), "length"),
        (
            {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}},
            function_call(),
            "content_filter",
        ),
        ({"status": "incomplete", "incomplete_details": None}, function_call(), "length"),
    ],
)
def test_the_status_becomes_the_finish_reason(fields: JsonObject, output: JsonObject, finish_reason: str) -> None:
    (choice,) = response_to_chat_completion(response(output, **fields))["choices"]

    assert choice["finish_reason"] == finish_reason


@pytest.mark.parametrize(
    ("usage", "cached", "reasoning"),
    [
        ({"prompt_tokens_details": {"cached_tokens": 2}, "completion_tokens_details": {"reasoning_tokens": 1}}, 2, 1),
        ({"prompt_tokens_details": None}, 0, 0),
        ({"prompt_tokens_details": {"cached_tokens": 2}, "cached_tokens": 1}, 2, 0),
        ({"prompt_tokens_details": {"cached_tokens": None}, "prompt_cache_hit_tokens": 2}, 2, 0),
        ({"cached_tokens": 2, "reasoning_tokens": 1}, 2, 1),
    ],
)
def test_cached_and_reasoning_tokens_are_found(usage: JsonObject, cached: int, reasoning: int) -> None:
    counts = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 6, **usage}

    converted = chat_completion_to_response(completion(content="ok") | {"usage": counts}, {})["usage"]

    assert (converted["input_tokens"], converted["output_tokens"], converted["total_tokens"]) == (3, 2, 6)
    assert converted["input_tokens_details"]["cached_tokens"] == cached
    assert converted["output_tokens_details"]["reasoning_tokens"] == reasoning


def test_usage_comes_back_with_what_a_provider_adds() -> None:
    usage = {
        "input_tokens": 3,
        "input_tokens_details": {"cached_tokens": 1},
        "output_tokens": 2,
        "output_tokens_details": {"reasoning_tokens": 1},
        "total_tokens": 5,
        "cost": 0.25,
    }

    assert response_to_chat_completion(response(output_message(), usage=usage))["usage"] == {
        "prompt_tokens": 3,
        "prompt_tokens_details": {"cached_tokens": 1},
        "completion_tokens": 2,
        "completion_tokens_details": {"reasoning_tokens": 1},
        "total_tokens": 5,
        "cost": 0.25,
    }


@pytest.mark.parametrize("usage", [None, {}, {"total_tokens": None}])
def test_usage_that_was_not_counted_is_none(usage: Any) -> None:
    assert chat_completion_to_response(completion(content="ok") | {"usage": usage}, {})["usage"] is None


def test_log_probabilities_are_on_the_text_when_they_are_asked_for() -> None:
    answer = completion(content="ok")
    answer["choices"][0]["logprobs"] = {"content": [LOGPROB]}

    asked = chat_completion_to_response(answer, {"include": ["message.output_text.logprobs"]})
    not_asked = chat_completion_to_response(answer, {})

    assert asked["output"][0]["content"][0]["logprobs"] == [LOGPROB]
    assert "logprobs" not in not_asked["output"][0]["content"][0]
    assert response_to_chat_completion(asked)["choices"][0]["logprobs"] == {"content": [LOGPROB], "refusal": None}


def test_an_answer_of_several_messages_is_one_message() -> None:
    answer = response(
        {"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
        output_message(output_text("one, ")),
        function_call(),
        output_message(output_text("two"), {"type": "refusal", "refusal": "not three"}),
    )

    message = response_to_chat_completion(answer, reasoning_fields=("reasoning",))["choices"][0]["message"]

    assert message == {
        "role": "assistant",
        "content": "one, two",
        "reasoning": "hm",
        "refusal": "not three",
        "tool_calls": [CALL],
    }


def test_a_completion_has_the_id_and_the_time_of_its_response() -> None:
    converted = response_to_chat_completion(response(output_message(output_text("ok"))))

    assert (converted["id"], converted["created"], converted["model"]) == ("chatcmpl-1", 1700000000, "m")


@pytest.mark.parametrize("created", [None, "today", 1e300, float("nan")])
def test_an_answer_without_a_time_is_from_now(created: Any) -> None:
    before = int(time.time())

    answer = chat_completion_to_response(completion(content="ok") | {"created": created}, {})

    assert before <= answer["created_at"] <= time.time()


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ([], "the completion must be an object, got list"),
        ({"error": {"message": "overloaded"}}, "holds an error: .*overloaded"),
        ({"object": "error", "message": "no such model"}, "needs 'choices'.* this says: no such model"),
        (completion() | {"choices": []}, "needs 'choices'"),
        (completion() | {"choices": [{}, {}]}, "the completion has 2 choices"),
        (completion() | {"choices": ["x"]}, r"choices\[0\] must be an object, got str"),
        (completion() | {"choices": [{"error": "lost"}]}, "the choice holds an error: lost"),
        (completion() | {"choices": [{"finish_reason": "stop"}]}, r"choices\[0\].message: .* got nothing"),
        (completion("abort", content="o"), "gave up on the answer: finish_reason is 'abort'"),
        (completion(content=5), r"choices\[0\].message: content must be a string or a list of parts, got int"),
        (completion(tool_calls=[{**CALL, "id": None}]), r"tool_calls\[0\].id must be a string, got nothing"),
        (completion(reasoning_content=["hm"]), "reasoning_content must be a string, got list"),
        (completion(content="ok") | {"usage": {"prompt_tokens": "3"}}, "usage.prompt_tokens must be a whole number"),
        (completion(content="ok") | {"usage": {"prompt_tokens": True}}, "usage.prompt_tokens must be a whole number"),
        (completion(content="ok") | {"model": 5}, "model must be a string, got int"),
    ],
)
def test_what_is_no_completion_is_refused(answer: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        chat_completion_to_response(answer, {})


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (None, "expected a JSON object, got NoneType"),
        (response() | {"error": {"code": "server_error"}}, "holds an error"),
        (response(status="in_progress"), "not finished: its status is 'in_progress'"),
        (response({"type": "web_search_call"}), r"output\[0\]: .* no place for .* 'web_search_call'"),
        (response({**output_message(), "role": "user"}), r"output\[0\]: .* the role here is 'user'"),
        (response(function_call(name=None)), r"output\[0\]: name must be a string, got nothing"),
        (response(output_message({"type": "output_audio"})), "holds text only, this part is of type 'output_audio'"),
        (response(id=5), "id must be a string, got int"),
    ],
)
def test_a_response_that_is_no_finished_answer_is_refused(answer: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        response_to_chat_completion(answer)
