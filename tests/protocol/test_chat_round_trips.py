"""A conversation comes back from the other API as it went."""

from contextlib import suppress
from copy import deepcopy
from typing import Any

from hypothesis import given

from polygym.protocol.chat import (
    chat_completion_to_response,
    chat_params_to_responses,
    response_to_chat_completion,
    responses_params_to_chat,
)
from polygym.protocol.json import JsonObject
from tests.protocol.conversations import (
    chat_params,
    completions,
    junk,
    response_params,
    response_turns,
    spoiled,
)


def without_ids(items: list[JsonObject]) -> list[JsonObject]:
    """Items without what Chat Completions cannot carry."""
    return [{name: value for name, value in item.items() if name not in ("id", "status")} for item in items]


@given(chat_params())
def test_a_chat_request_survives_the_responses_api(params: JsonObject) -> None:
    assert responses_params_to_chat(chat_params_to_responses(params)) == params


@given(response_params())
def test_a_responses_request_survives_chat_completions_up_to_item_ids(params: JsonObject) -> None:
    back = chat_params_to_responses(responses_params_to_chat(params))

    assert {**back, "input": without_ids(back["input"])} == params


@given(response_turns())
def test_the_output_of_a_model_call_survives_chat_completions_up_to_item_ids(output: list[JsonObject]) -> None:
    response = {"id": "resp_1", "created_at": 5, "model": "m", "output": output, "status": "completed"}

    back = chat_completion_to_response(response_to_chat_completion(response), {})

    assert "".join(texts_of(back["output"])) == "".join(texts_of(output))
    assert without_parts(back["output"]) == without_parts(output)


@given(completions())
def test_the_message_of_a_completion_survives_the_responses_api(completion: JsonObject) -> None:
    back = response_to_chat_completion(chat_completion_to_response(completion, {}))

    assert message_with_text(back) == message_with_text(completion)
    assert back["usage"]["prompt_tokens_details"]["cached_tokens"] == 1
    assert back["system_fingerprint"] == "fp_1"


def message_with_text(completion: JsonObject) -> JsonObject:
    """The message, several parts of its content joined as a ChatCompletion has them."""
    message = completion["choices"][0]["message"]
    content = message["content"]
    return {**message, "content": "".join(part["text"] for part in content) if isinstance(content, list) else content}


def texts_of(output: list[JsonObject]) -> list[str]:
    """The texts of the messages."""
    return [part["text"] for item in output for part in item.get("content", ()) if part["type"] == "output_text"]


def without_parts(output: list[JsonObject]) -> list[JsonObject]:
    """Items without ids and without the borders of their texts, which one string cannot keep."""
    return [{name: value for name, value in item.items() if name != "content"} for item in without_ids(output)]


@given(chat_params())
def test_converting_a_request_changes_nothing_in_it(params: JsonObject) -> None:
    before = deepcopy(params)

    converted = chat_params_to_responses(params)
    between = deepcopy(converted)
    responses_params_to_chat(converted)

    assert (params, converted) == (before, between)


@given(spoiled(chat_params()) | junk)
def test_a_malformed_chat_request_is_refused_with_a_value_error_or_carried(params: Any) -> None:
    with suppress(ValueError):
        responses_params_to_chat(chat_params_to_responses(params))


@given(spoiled(response_params()) | junk)
def test_a_malformed_responses_request_is_refused_with_a_value_error_or_carried(params: Any) -> None:
    with suppress(ValueError):
        chat_params_to_responses(responses_params_to_chat(params))


@given(spoiled(completions()) | junk)
def test_a_malformed_completion_is_refused_with_a_value_error_or_carried(completion: Any) -> None:
    with suppress(ValueError):
        response_to_chat_completion(
            chat_completion_to_response(completion, {"include": ["message.output_text.logprobs"]})
        )


@given(spoiled(completions().map(lambda completion: chat_completion_to_response(completion, {}))) | junk)
def test_a_malformed_response_is_refused_with_a_value_error_or_carried(response: Any) -> None:
    with suppress(ValueError):
        chat_completion_to_response(response_to_chat_completion(response), response)
