"""A conversation comes back from the Messages API, and a Messages conversation from the Responses API, as it went."""

from contextlib import suppress
from copy import deepcopy
from typing import Any

from hypothesis import given, settings

from polygym.protocol.json import JsonObject
from polygym.protocol.messages import (
    message_to_response,
    messages_params_to_responses,
    response_to_message,
    responses_params_to_messages,
    without_messages_fields,
    without_responses_fields,
)
from tests.protocol.conversations import junk, spoiled
from tests.protocol.messages import (
    answered_items,
    anthropic_answers,
    anthropic_params,
    plain_responses_params,
)

few = settings(max_examples=40)
"""The conversations are long: what a rare one shows, many short runs show as well."""


@few
@given(anthropic_params())
def test_a_messages_request_survives_the_responses_api(params: JsonObject) -> None:
    assert responses_params_to_messages(messages_params_to_responses(params)) == params


@few
@given(plain_responses_params())
def test_a_responses_request_survives_the_messages_api(params: JsonObject) -> None:
    assert messages_params_to_responses(responses_params_to_messages(params)) == params


@few
@given(anthropic_answers())
def test_an_answer_survives_the_responses_api(message: JsonObject) -> None:
    back = response_to_message(message_to_response(message, {}))

    for block in back["content"]:
        block.pop("responses_fields", None)  # the ids that the items got
    assert back == nonempty(message)


def nonempty(message: JsonObject) -> JsonObject:
    """What an answer holds without nulls, and with the field that is null unless a stop sequence was met."""
    return {"stop_sequence": None, **{name: value for name, value in message.items() if value is not None}}


@few
@given(anthropic_answers())
def test_what_an_anthropic_endpoint_said_goes_back_to_it_unchanged(message: JsonObject) -> None:
    output = message_to_response(message, {})["output"]

    sent = without_responses_fields(
        responses_params_to_messages({"input": [{"role": "user", "content": "a"}, *output]})
    )

    assert sent["messages"][1:] == ([{"role": "assistant", "content": message["content"]}] if output else [])


@few
@given(answered_items())
def test_what_a_policy_said_comes_back_to_it_unchanged_from_a_harness_of_the_messages_api(
    output: list[JsonObject],
) -> None:
    response = {"id": "resp_1", "model": "m", "output": output, "status": "completed"}

    content = response_to_message(response)["content"]
    sent = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": content}], "max_tokens": 5}

    assert messages_params_to_responses(sent)["input"][1:] == [without_completed(item) for item in output]


def without_completed(item: JsonObject) -> JsonObject:
    return {name: value for name, value in item.items() if (name, value) != ("status", "completed")}


@few
@given(answered_items())
def test_an_answer_of_a_policy_survives_the_messages_api(output: list[JsonObject]) -> None:
    response = {"id": "resp_1", "model": "m", "output": output, "status": "completed", "system_fingerprint": "f"}

    back = message_to_response(response_to_message(response), {})

    assert back["output"] == output
    assert (back["id"], back["status"], back["system_fingerprint"]) == ("resp_1", "completed", "f")


@few
@given(anthropic_params())
def test_converting_a_request_changes_nothing_in_it(params: JsonObject) -> None:
    before = deepcopy(params)

    converted = messages_params_to_responses(params)
    between = deepcopy(converted)
    back = responses_params_to_messages(converted)
    after = deepcopy(back)
    without_responses_fields(back)
    with suppress(ValueError):
        without_messages_fields(converted)

    assert (params, converted, back) == (before, between, after)


def names_in(value: Any) -> set[str]:
    """The names of all fields, at any depth."""
    if isinstance(value, dict):
        return set(value).union(*(names_in(inner) for inner in value.values()))
    return set().union(*(names_in(inner) for inner in value)) if isinstance(value, list) else set()


@few
@given(anthropic_params())
def test_a_policy_that_is_not_anthropics_gets_no_field_that_is(params: JsonObject) -> None:
    with suppress(ValueError):
        assert "messages_fields" not in names_in(without_messages_fields(messages_params_to_responses(params)))


@few
@given(plain_responses_params())
def test_an_anthropic_endpoint_gets_no_field_that_is_not_its_own(params: JsonObject) -> None:
    sent = names_in(without_responses_fields(responses_params_to_messages(params)))

    assert sent.isdisjoint({"responses_fields", "prompt_token_ids", "generation_log_probs", "store"})


@few
@given(spoiled(anthropic_params()) | junk)
def test_a_malformed_messages_request_is_refused_with_a_value_error_or_carried(params: Any) -> None:
    with suppress(ValueError):
        converted = messages_params_to_responses(params)
        responses_params_to_messages(converted)
        without_messages_fields(converted)


@few
@given(spoiled(plain_responses_params()) | junk)
def test_a_malformed_responses_request_is_refused_with_a_value_error_or_carried(params: Any) -> None:
    with suppress(ValueError):
        messages_params_to_responses(without_responses_fields(responses_params_to_messages(params)))


@few
@given(spoiled(anthropic_answers()) | junk)
def test_a_malformed_message_is_refused_with_a_value_error_or_carried(message: Any) -> None:
    with suppress(ValueError):
        response_to_message(message_to_response(message, {}))


@few
@given(spoiled(anthropic_answers().map(lambda message: message_to_response(message, {}))) | junk)
def test_a_malformed_response_is_refused_with_a_value_error_or_carried(response: Any) -> None:
    with suppress(ValueError):
        message_to_response(response_to_message(response), {})
