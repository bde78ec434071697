"""LiteLLM against a loopback endpoint and with its own mock answers. Skipped where the library is not installed."""

import asyncio
import os
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
pytest.importorskip("litellm", reason="the extra 'litellm' is not installed")

from polygym import FailureClass, JsonObject, RolloutContext, RolloutFailure
from responses_api_models.litellm_model.app import LiteLLMModel

pytestmark = [pytest.mark.extra, pytest.mark.filterwarnings("ignore")]
PARAMS: JsonObject = {"input": "What is 2+2?", "max_output_tokens": 50, "metadata": {"a": "b"}, "temperature": None}
COMPLETION: JsonObject = {
    "id": "c1",
    "object": "chat.completion",
    "created": 1,
    "model": "tiny",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "4"}}],
    "usage": {"prompt_tokens": 7, "completion_tokens": 1, "total_tokens": 8},
}


def make(**fields: Any) -> LiteLLMModel:
    fields = {"model": "openai/tiny", "api_key": "sk-very-secret", **fields}
    return LiteLLMModel("policy_model", LiteLLMModel.parse_config(fields, "test"), None)  # type: ignore[arg-type]


def ask(server: LiteLLMModel, params: JsonObject = PARAMS) -> JsonObject:
    async def run() -> JsonObject:
        await server.start()
        return await server.responses(params, RolloutContext("0-0"))

    return asyncio.run(run())


def ask_endpoint(
    answers: list[tuple[int, JsonObject]], call: Callable[[LiteLLMModel], Any], **fields: Any
) -> tuple[Any, list[JsonObject]]:
    """What `call` gets from a server whose endpoint gives these answers, the last one for ever; the requests."""
    requests: list[JsonObject] = []

    async def handle(request: web.Request) -> web.Response:
        requests.append({"path": request.path, "key": request.headers.get("Authorization"), **(await request.json())})
        status, body = answers[min(len(requests), len(answers)) - 1]
        return web.json_response(body, status=status)

    async def run() -> Any:
        app = web.Application()
        app.router.add_post("/{path:.*}", handle)
        async with TestServer(app) as endpoint:
            server = make(base_url=str(endpoint.make_url("/v1")), **fields)
            await server.start()
            return await call(server)

    return asyncio.run(run()), requests


def responses(server: LiteLLMModel) -> Any:
    return server.responses(PARAMS, RolloutContext("0-0"))


def test_a_mock_answer_of_the_library_becomes_a_response() -> None:
    response = ask(make(litellm_params={"mock_response": "It is 4."}))

    assert response["output"][0]["content"][0]["text"] == "It is 4."
    assert response["usage"]["output_tokens"] > 0
    assert response["status"] == "completed"


def test_the_request_goes_out_as_a_chat_completion_and_the_answer_comes_back_with_its_usage() -> None:
    response, [request] = ask_endpoint([(200, COMPLETION)], responses)

    assert request["path"] == "/v1/chat/completions"
    assert request["key"] == "Bearer sk-very-secret"
    assert (request["model"], request["max_tokens"]) == ("tiny", 50)
    assert request["messages"] == [{"role": "user", "content": "What is 2+2?"}]
    assert "temperature" not in request
    assert response["output"][0]["content"][0]["text"] == "4"
    assert (response["usage"]["input_tokens"], response["usage"]["output_tokens"]) == (7, 1)


def test_a_request_with_tools_goes_out_with_them_and_nothing_of_the_library_s_own() -> None:
    called = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    message = {"role": "assistant", "content": None, "tool_calls": [called]}
    completion = {**COMPLETION, "choices": [{"index": 0, "finish_reason": "tool_calls", "message": message}]}
    tool = {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}, "strict": False}

    response, [request] = ask_endpoint(
        [(200, completion)], lambda server: server.responses({**PARAMS, "tools": [tool]}, RolloutContext("0-0"))
    )

    assert [(item["type"], item["name"]) for item in response["output"]] == [("function_call", "f")]
    assert [each["function"]["name"] for each in request["tools"]] == ["f"]
    assert not [name for name in request if name.startswith("_")]


def test_chat_completions_pass() -> None:
    params = {"messages": [{"role": "user", "content": "hi"}], "seed": 3, "stream": True}

    completion, [request] = ask_endpoint(
        [(200, COMPLETION)], lambda server: server.chat_completions(params, RolloutContext("0-0"))
    )

    assert (request["seed"], "stream" in request) == (3, False)
    assert completion["choices"][0]["message"]["content"] == "4"


def test_an_overloaded_endpoint_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("responses_api_models.litellm_model.app.BACKOFF_S", 0.001)
    overload = (503, {"error": {"message": "busy"}})

    response, requests = ask_endpoint([overload, overload, (200, COMPLETION)], responses)

    assert len(requests) == 3
    assert response["status"] == "completed"


@pytest.mark.parametrize(
    ("status", "failure_class", "attempts"),
    [
        (400, FailureClass.MODEL_REJECTED, 1),
        (401, FailureClass.MODEL_REJECTED, 1),
        (404, FailureClass.MODEL_REJECTED, 1),
        (429, FailureClass.MODEL_RATE_LIMITED, 2),
        (500, FailureClass.MODEL_UNAVAILABLE, 2),
    ],
)
def test_a_failing_endpoint_is_named(
    status: int, failure_class: FailureClass, attempts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("responses_api_models.litellm_model.app.BACKOFF_S", 0.001)

    with pytest.raises(RolloutFailure) as caught:
        ask_endpoint([(status, {"error": {"message": "no, sk-very-secret"}})], responses, max_attempts=2)

    assert caught.value.failure_class is failure_class
    assert ("Tried 2 times" in caught.value.message) is (attempts == 2)
    assert "sk-very-secret" not in caught.value.message


@pytest.mark.parametrize(
    ("message", "code", "reason"),
    [
        ("This model's maximum context length is 4096 tokens.", "context_length_exceeded", "max_output_tokens"),
        ("The response was filtered: content management policy", "content_filter", "content_filter"),
    ],
)
def test_a_conversation_that_is_refused_is_an_incomplete_response(message: str, code: str, reason: str) -> None:
    response, requests = ask_endpoint([(400, {"error": {"message": message, "code": code}})], responses)

    assert (response["status"], response["incomplete_details"]) == ("incomplete", {"reason": reason})
    assert response["output"] == []
    assert len(requests) == 1


def test_a_model_that_the_library_does_not_know_is_rejected() -> None:
    with pytest.raises(RolloutFailure) as caught:
        ask(make(model="nonsense"))

    assert caught.value.failure_class is FailureClass.MODEL_REJECTED
