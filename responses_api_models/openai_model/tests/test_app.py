"""The OpenAI model server against loopback endpoints, and its configuration as it resolves."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from omegaconf import OmegaConf

from polygym import FailureClass, JsonObject, RolloutContext, RolloutFailure
from polygym.protocol.errors import ConfigError
from responses_api_models.openai_model.app import OpenAIModel

CONFIG = Path(__file__).parent.parent / "configs" / "openai_model.yaml"
ANSWER: JsonObject = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "hi"}]}
RESPONSE: JsonObject = {"id": "resp_1", "object": "response", "output": [ANSWER]}
COMPLETION: JsonObject = {"id": "c1", "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}}]}


def make(**fields: Any) -> OpenAIModel:
    """A model server with these fields."""
    fields = {"openai_base_url": "http://host/v1", "openai_model": "tiny", **fields}
    return OpenAIModel("policy_model", OpenAIModel.parse_config(fields, "test"), None)  # type: ignore[arg-type]


Call = Callable[[OpenAIModel], Awaitable[JsonObject]]


def exchange(answer: JsonObject, call: Call, **fields: Any) -> tuple[JsonObject, list[tuple[web.Request, JsonObject]]]:
    """What `call` gets from a server whose endpoint answers `answer`, and the requests that the endpoint got."""
    requests: list[tuple[web.Request, JsonObject]] = []

    async def handle(request: web.Request) -> web.Response:
        requests.append((request, await request.json()))
        return web.json_response(answer)

    async def run() -> JsonObject:
        app = web.Application()
        app.router.add_post("/{path:.*}", handle)
        async with TestServer(app) as endpoint:
            server = make(openai_base_url=str(endpoint.make_url("/v1")), **fields)
            await server.start()
            try:
                return await call(server)
            finally:
                await server.stop()

    return asyncio.run(run()), requests


def responses(params: JsonObject) -> Call:
    return lambda server: server.responses(params, RolloutContext("0-0"))


def chat_completions(params: JsonObject) -> Call:
    return lambda server: server.chat_completions(params, RolloutContext("0-0"))


def test_responses_go_to_the_endpoint_under_the_configured_model() -> None:
    params = {"model": "other", "input": "hi", "temperature": 0.5, "made_up": {"deep": None}}

    answer, [(request, body)] = exchange(RESPONSE, responses(params))

    assert answer == RESPONSE
    assert request.path == "/v1/responses"
    assert body == {"model": "tiny", "input": "hi", "temperature": 0.5, "made_up": {"deep": None}}
    assert params["model"] == "other"


def test_chat_completions_go_to_the_endpoint_under_the_configured_model() -> None:
    params = {"model": "other", "messages": [{"role": "user", "content": "hi"}], "made_up": 1}

    answer, [(request, body)] = exchange(COMPLETION, chat_completions(params))

    assert answer == COMPLETION
    assert request.path == "/v1/chat/completions"
    assert body == {**params, "model": "tiny"}


@pytest.mark.parametrize(
    ("call", "answer"),
    [(responses, RESPONSE), (chat_completions, COMPLETION)],
)
def test_nulls_and_streaming_stay_here(call: Callable[[JsonObject], Call], answer: JsonObject) -> None:
    params = {"temperature": None, "tools": [], "stream": True, "stream_options": {"include_usage": True}, "top_p": 0}

    _, [(_, body)] = exchange(answer, call(params))

    assert body == {"tools": [], "top_p": 0, "model": "tiny"}


@pytest.mark.parametrize("params", [{}, {"stream": True}])
def test_an_endpoint_that_streams_unless_told_otherwise_can_be_told(params: JsonObject) -> None:
    _, [(_, body)] = exchange(RESPONSE, responses(params), extra_body={"stream": False})

    assert body == {"stream": False, "model": "tiny"}


def test_extra_parameters_give_way_to_those_of_the_request() -> None:
    extra = {"top_k": 5, "temperature": 0.1, "model": "other"}

    _, [(_, body)] = exchange(RESPONSE, responses({"temperature": 1.0}), extra_body=extra)

    assert body == {"top_k": 5, "temperature": 1.0, "model": "tiny"}


def test_reasoning_items_are_dropped_only_when_asked_for() -> None:
    reasoning = {"type": "reasoning", "id": "r1", "summary": []}
    message = {"role": "user", "content": "hi"}
    params = {"input": [message, reasoning]}

    _, [(_, kept)] = exchange(RESPONSE, responses(params))
    _, [(_, dropped)] = exchange(RESPONSE, responses(params), drop_input_reasoning_items=True)

    assert kept["input"] == [message, reasoning]
    assert dropped["input"] == [message]
    assert params == {"input": [message, reasoning]}


def test_key_and_headers_go_out() -> None:
    fields = {"openai_api_key": "sk-1", "openai_default_headers": {"X-Tenant": "blue"}}

    _, [(request, _)] = exchange(RESPONSE, responses({}), **fields)

    assert request.headers["Authorization"] == "Bearer sk-1"
    assert request.headers["X-Tenant"] == "blue"


@pytest.mark.parametrize("key", [None, ""])
def test_without_a_key_no_authorization_goes_out(key: str | None) -> None:
    _, [(request, _)] = exchange(RESPONSE, responses({}), openai_api_key=key)

    assert "Authorization" not in request.headers


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        (responses, {"object": "response"}),
        (responses, {"output": "hello"}),
        (responses, {"output": ["hello"]}),
        (responses, {"output": [], "status": "failed", "error": {"message": "crashed"}}),
        (responses, COMPLETION),
        (chat_completions, {"choices": []}),
        (chat_completions, {"choices": [{"text": "hi"}]}),
        (chat_completions, RESPONSE),
    ],
)
def test_an_answer_of_another_shape_is_a_bad_response(call: Callable[[JsonObject], Call], answer: JsonObject) -> None:
    with pytest.raises(RolloutFailure) as caught:
        exchange(answer, call({}))

    assert caught.value.failure_class is FailureClass.MODEL_BAD_RESPONSE


def test_no_more_calls_are_under_way_than_allowed() -> None:
    async def run() -> int:
        under_way = most = 0

        async def handle(request: web.Request) -> web.Response:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0.01)
            under_way -= 1
            return web.json_response(RESPONSE)

        app = web.Application()
        app.router.add_post("/responses", handle)
        async with TestServer(app) as endpoint:
            server = make(openai_base_url=str(endpoint.make_url("/")), max_concurrent_requests=3)
            await server.start()
            await asyncio.gather(*(server.responses({}, RolloutContext(f"{index}-0")) for index in range(12)))
            await server.stop()
        return most

    assert asyncio.run(run()) == 3


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"openai_base_url": "localhost:8000/v1"}, "openai_base_url: .*must look like https://host:port/v1"),
        ({"openai_base_url": ["http://host/v1", "host"]}, "openai_base_url: .*'host' is no base URL"),
        ({"openai_base_url": "ftp://me:pw@host"}, r"openai_base_url: 'ftp://me:\*{4}@host' is no base URL"),
        ({"openai_base_url": []}, "openai_base_url: .*empty"),
        ({"openai_model": ""}, "openai_model"),
        ({"max_attempts": 0}, "max_attempts"),
        ({"timeout_s": 0}, "timeout_s"),
    ],
)
def test_a_wrong_field_is_named(fields: JsonObject, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make(**fields)


def resolved(settings: JsonObject) -> JsonObject:
    """The fields of the shipped configuration beside these top-level keys."""
    merged = OmegaConf.merge(OmegaConf.load(CONFIG), OmegaConf.create({"policy_model_name": "tiny", **settings}))
    container: Any = OmegaConf.to_container(merged, resolve=True)
    fields: JsonObject = container["policy_model"]["responses_api_models"]["openai_model"]
    return fields


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_BASE_URL", "OPENAI_API_KEY", "POLICY_DROP_REASONING_ITEMS"):
        monkeypatch.delenv(name, raising=False)


def test_the_shipped_configuration_needs_a_model_name_only() -> None:
    config = OpenAIModel.parse_config(resolved({}), "test")

    assert config.openai_base_url == "https://api.openai.com/v1"
    assert config.openai_api_key is None
    assert config.openai_model == "tiny"
    assert config.drop_input_reasoning_items is False


def test_the_environments_endpoint_and_key_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://environment:1/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "123")

    config = OpenAIModel.parse_config(resolved({}), "test")

    assert (config.openai_base_url, config.openai_api_key) == ("http://environment:1/v1", "123")


@pytest.mark.parametrize("urls", ["http://one/v1", ["http://one/v1", "http://two/v1"]])
def test_policy_settings_win_over_the_environment(urls: str | list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://environment:1/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "123")

    config = OpenAIModel.parse_config(resolved({"policy_base_url": urls, "policy_api_key": "sk-1"}), "test")

    assert (config.openai_base_url, config.openai_api_key) == (urls, "sk-1")


def test_the_shipped_configuration_has_no_field_without_effect() -> None:
    config = OpenAIModel.parse_config(resolved({}), "test")

    assert OpenAIModel.unknown_fields(config) == []


def test_a_probe_asks_the_endpoint_for_its_models_and_calls_none() -> None:
    asked: list[tuple[str, str]] = []

    async def handle(request: web.Request) -> web.Response:
        asked.append((request.method, request.path))
        return web.Response(status=404)

    async def run() -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handle)
        async with TestServer(app) as endpoint:
            server = make(openai_base_url=str(endpoint.make_url("/v1")))
            await server.start()
            await server.probe()
            await server.stop()

    asyncio.run(run())

    assert asked == [("GET", "/v1/models")]


def refused(body: JsonObject, call: Call) -> JsonObject:
    """What `call` gets from a server whose endpoint answers 400 with that body."""

    async def handle(request: web.Request) -> web.Response:
        return web.json_response(body, status=400)

    async def run() -> JsonObject:
        app = web.Application()
        app.router.add_post("/{path:.*}", handle)
        async with TestServer(app) as endpoint:
            server = make(openai_base_url=str(endpoint.make_url("/v1")))
            await server.start()
            try:
                return await call(server)
            finally:
                await server.stop()

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("error", "reason", "finish_reason", "told"),
    [
        ({"message": "maximum context length is 10 tokens"}, "max_output_tokens", "length", "context_exceeded"),
        ({"code": "content_filter", "message": "filtered"}, "content_filter", "content_filter", None),
    ],
)
def test_a_conversation_that_the_endpoint_refuses_is_an_incomplete_answer_in_both_dialects(
    error: JsonObject, reason: str, finish_reason: str, told: str | None
) -> None:
    response = refused({"error": error}, responses({"input": "hi", "metadata": {"mine": "kept"}}))
    completion = refused({"error": error}, chat_completions({"messages": []}))

    assert (response["status"], response["incomplete_details"], response["output"]) == (
        "incomplete",
        {"reason": reason},
        [],
    )
    assert response["metadata"].get("ng_termination_reason") == told
    assert response["metadata"]["mine"] == "kept" and error["message"] in response["metadata"]["ng_termination_message"]
    assert completion["choices"][0]["finish_reason"] == finish_reason
