"""What becomes of errors, of prompts that are too long, and of answers that are none."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web
from hypothesis import given, settings

from polygym import FailureClass, JsonObject, RolloutContext, RolloutFailure, check_response
from polygym.channels.endpoint import Endpoint
from polygym.channels.endpoint_model import check_completion
from polygym.protocol.messages import check_message
from responses_api_models.anthropic_model.tests.endpoints import (
    MESSAGE,
    Call,
    Handler,
    connected,
    exchange,
    make,
    messages,
    responses,
)
from tests.protocol.conversations import spoiled
from tests.protocol.messages import anthropic_answers


def refuse(status: int, kind: str, message: str, **headers: str) -> Handler:
    async def handle(request: web.Request) -> web.Response:
        body = {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}
        return web.json_response(body, status=status, headers=headers)

    return handle


@pytest.mark.parametrize("call", [responses({"input": "hi"}), messages({"messages": []})])
@pytest.mark.parametrize(
    ("status", "kind", "failure_class", "retry_after_s"),
    [
        (400, "invalid_request_error", FailureClass.MODEL_REJECTED, None),
        (401, "authentication_error", FailureClass.MODEL_REJECTED, None),
        (403, "permission_error", FailureClass.MODEL_REJECTED, None),
        (404, "not_found_error", FailureClass.MODEL_REJECTED, None),
        (429, "rate_limit_error", FailureClass.MODEL_RATE_LIMITED, 90.0),
        (500, "api_error", FailureClass.MODEL_UNAVAILABLE, None),
        (529, "overloaded_error", FailureClass.MODEL_UNAVAILABLE, None),
        (200, "overloaded_error", FailureClass.MODEL_UNAVAILABLE, None),
    ],
)
def test_an_error_of_the_endpoint_is_classified(
    call: Call, status: int, kind: str, failure_class: FailureClass, retry_after_s: float | None
) -> None:
    headers = {} if retry_after_s is None else {"retry-after": "90"}

    async def run() -> None:
        async with connected(refuse(status, kind, "in its own words", **headers)) as server:
            await call(server)

    with pytest.raises(RolloutFailure) as caught:
        asyncio.run(run())
    assert caught.value.failure_class is failure_class
    assert "in its own words" in caught.value.message
    assert caught.value.retry_after_s == retry_after_s


def test_an_overloaded_endpoint_is_asked_again() -> None:
    answers = [
        refuse(529, "overloaded_error", "Overloaded"),
        refuse(429, "rate_limit_error", "Slow", **{"retry-after": "0"}),
    ]

    async def handle(request: web.Request) -> web.StreamResponse:
        return await answers.pop(0)(request) if answers else web.json_response(MESSAGE)

    async def run() -> JsonObject:
        async with connected(handle, max_attempts=3) as server:
            return await server.responses({"input": "hi"}, RolloutContext("0-0"))

    assert asyncio.run(run())["status"] == "completed"


@pytest.mark.parametrize(
    "said",
    [
        "prompt is too long: 210000 tokens > 200000 maximum",
        "input length and `max_tokens` exceed context limit: 1 + 2 > 2",
    ],
)
def test_a_prompt_that_is_too_long_is_an_incomplete_answer_in_either_dialect(said: str) -> None:
    async def run() -> tuple[JsonObject, JsonObject]:
        async with connected(refuse(400, "invalid_request_error", said)) as server:
            return (
                await server.responses({"input": "hi"}, RolloutContext("0-0")),
                await server.messages({"messages": []}, RolloutContext("0-0")),
            )

    response, message = asyncio.run(run())

    assert (response["status"], response["output"]) == ("incomplete", [])
    assert response["metadata"]["ng_termination_reason"] == "context_exceeded"
    assert (message["stop_reason"], message["content"]) == ("model_context_window_exceeded", [])


@pytest.mark.parametrize("call", [responses({"input": "hi"}), messages({"messages": []})])
@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"content": "hi"},
        {"content": ["hi"]},
        {"content": [{"text": "hi"}]},
        {**MESSAGE, "role": "user"},
        {**MESSAGE, "usage": [1]},
        {"type": "error"},
        {"choices": []},
    ],
)
def test_an_answer_of_another_shape_is_a_bad_response(call: Call, answer: JsonObject) -> None:
    with pytest.raises(RolloutFailure) as caught:
        exchange(answer, call)

    assert caught.value.failure_class is FailureClass.MODEL_BAD_RESPONSE


class Canned(Endpoint):
    """An endpoint that has answered already."""

    def __init__(self, answer: JsonObject) -> None:
        super().__init__("http://host/v1", headers={"x-api-key": "sk-hidden-key"})
        self._answer = answer

    async def post(self, path: str, body: JsonObject, context: RolloutContext) -> JsonObject:
        return self._answer


@settings(max_examples=100)
@given(spoiled(anthropic_answers()).filter(lambda answer: isinstance(answer, dict)))
def test_whatever_an_endpoint_answers_is_an_answer_in_each_dialect_or_a_named_failure(answer: JsonObject) -> None:
    server = make()
    server.endpoint = Canned(answer)
    chat = {"messages": [{"role": "user", "content": "hi"}]}

    async def problem(call: Awaitable[JsonObject], check: Callable[[JsonObject], str | None]) -> str | None:
        try:
            return check(await call)
        except RolloutFailure as failure:
            return None if failure.failure_class is FailureClass.MODEL_BAD_RESPONSE else failure.message

    async def run() -> list[str | None]:
        return [
            await problem(server.responses({"input": "hi"}, RolloutContext("0-0")), check_response),
            await problem(server.messages({"messages": []}, RolloutContext("0-0")), check_message),
            await problem(server.chat_completions(chat, RolloutContext("0-0")), check_completion),
        ]

    assert asyncio.run(run()) == [None, None, None]


def test_a_key_that_the_endpoint_repeats_is_not_shown() -> None:
    server = make()
    server.endpoint = Canned({"type": "error", "message": "x", "error": {"was": "sk-hidden-key" + 9000 * "x"}})

    for call in (responses({"input": "hi"}), messages({"messages": []})):
        with pytest.raises(RolloutFailure) as caught:
            asyncio.run(call(server))  # type: ignore[arg-type]
        assert "sk-hidden-key" not in caught.value.message and len(caught.value.message) < 2000


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "'input' is missing"),
        ({"input": [{"type": "web_search_call"}]}, "no block for an item of type 'web_search_call'"),
        ({"input": "hi", "previous_response_id": "resp_1"}, "previous_response_id"),
        ({"input": "hi", "tools": [{"type": "custom", "name": "run"}]}, "free text"),
        ({"input": "hi", "tool_choice": "required"}, "there are none"),
    ],
)
def test_what_the_messages_api_cannot_express_is_refused_before_a_call(params: JsonObject, message: str) -> None:
    with pytest.raises(RolloutFailure, match=message) as caught:
        exchange(MESSAGE, responses(params))

    assert caught.value.failure_class is FailureClass.MODEL_REJECTED


@pytest.mark.parametrize("answer", [{}, {"input_tokens": "9"}, {"input_tokens": None}, {"input_tokens": True}, MESSAGE])
def test_a_count_of_tokens_that_is_none_is_not_passed_on(answer: JsonObject) -> None:
    with pytest.raises(RolloutFailure, match="/messages/count_tokens cannot be used: 'input_tokens' must be") as caught:
        exchange(answer, lambda server: server.count_message_tokens({"messages": []}, RolloutContext("0-0")))

    assert caught.value.failure_class is FailureClass.MODEL_BAD_RESPONSE
