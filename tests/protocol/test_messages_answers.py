import anthropic.types
import openai.types.responses
import pytest
from hypothesis import given, settings

from polygym.protocol.json import JsonObject
from polygym.protocol.messages import check_message, message_to_response, response_to_message
from polygym.protocol.responses import incomplete_response, new_response
from tests.protocol.messages import answered_items, anthropic_answers

MESSAGE: JsonObject = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [{"type": "text", "text": "hi"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 3, "output_tokens": 2},
}


def test_cached_tokens_are_part_of_the_input_of_a_response() -> None:
    usage = {
        "input_tokens": 3,
        "cache_creation_input_tokens": 10,
        "cache_read_input_tokens": 100,
        "output_tokens": 20,
        "output_tokens_details": {"thinking_tokens": 5},
        "service_tier": "standard",
    }

    converted = message_to_response({**MESSAGE, "usage": usage}, {})

    assert converted["usage"] == {
        "input_tokens": 113,
        "input_tokens_details": {"cache_write_tokens": 10, "cached_tokens": 100},
        "output_tokens": 20,
        "output_tokens_details": {"reasoning_tokens": 5},
        "total_tokens": 133,
        "service_tier": "standard",
    }
    assert response_to_message(converted)["usage"] == usage


def test_what_only_the_messages_api_says_of_an_answer_is_kept() -> None:
    message = {**MESSAGE, "stop_reason": "stop_sequence", "stop_sequence": "###", "container": {"id": "c"}}

    response = message_to_response(message, {"temperature": 0.5})

    assert response["messages_fields"] == {
        "stop_reason": "stop_sequence",
        "stop_sequence": "###",
        "container": {"id": "c"},
    }
    assert (response["id"], response["temperature"], response["status"]) == ("resp_1", 0.5, "completed")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, "end_turn"),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, "max_tokens"),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, "refusal"),
        ({"status": "incomplete"}, "max_tokens"),
        (incomplete_response({}, "context_exceeded", model="m"), "model_context_window_exceeded"),
        ({"stop_reason": "###"}, "stop_sequence"),
        ({"stop_reason": 128009}, "end_turn"),
    ],
)
def test_the_stop_reason_tells_how_the_response_ended(fields: JsonObject, reason: str) -> None:
    message = response_to_message({**new_response({}, [], model="m"), **fields})

    assert message["stop_reason"] == reason
    assert message["stop_sequence"] == ("###" if reason == "stop_sequence" else None)


def test_a_response_that_counted_nothing_is_a_message_with_zeros() -> None:
    usage = response_to_message(new_response({}, [], model="m"))["usage"]

    assert (usage["input_tokens"], usage["output_tokens"]) == (0, 0)


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        ([], "expected a JSON object"),
        ({"type": "error", "error": {"message": "no"}}, "holds an error"),
        ({**MESSAGE, "role": "user"}, "the role here is 'user'"),
        ({**MESSAGE, "content": "hi"}, "'content' must be a list"),
        ({**MESSAGE, "content": [{"text": "hi"}]}, r"content\[0\] is not a block"),
        ({**MESSAGE, "usage": 5}, "'usage'"),
        ({**MESSAGE, "content": [{"type": "text"}]}, "text must be a string"),
        ({**MESSAGE, "content": [{"type": "tool_use", "id": 1, "name": "f", "input": {}}]}, "the id of a tool_use"),
        ({**MESSAGE, "stop_reason": 5}, "stop_reason"),
        ({**MESSAGE, "usage": {"input_tokens": "many"}}, "input_tokens must be a whole number"),
    ],
)
def test_what_is_no_message_is_refused(message: JsonObject, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        message_to_response(message, {})


def test_a_message_is_one() -> None:
    assert check_message(MESSAGE) is None


@pytest.mark.parametrize(
    ("response", "problem"),
    [
        ({"output": "hi"}, "'output' must be a list"),
        ({"output": [], "status": "failed"}, "not finished"),
        ({"output": [{"type": "message", "role": "user", "content": "hi"}]}, "messages of the assistant"),
        ({"output": [{"type": "function_call", "call_id": "c"}]}, "name must be a string"),
    ],
)
def test_what_is_no_answer_is_refused(response: JsonObject, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        response_to_message(response)


@settings(max_examples=30)
@given(answered_items())
def test_a_message_is_what_the_official_client_takes_for_one(output: list[JsonObject]) -> None:
    known = [item for item in output if item["type"] != "web_search_call"]

    message = response_to_message(new_response({}, known, model="m"))

    anthropic.types.Message.model_validate(message)


@settings(max_examples=30)
@given(anthropic_answers())
def test_a_response_is_what_the_official_client_takes_for_one(message: JsonObject) -> None:
    response = message_to_response(message, {})
    response["output"] = [item for item in response["output"] if item["type"] != "messages_block"]

    openai.types.responses.Response.model_validate(response)
