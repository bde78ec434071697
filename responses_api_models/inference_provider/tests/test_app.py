"""Hosted providers: their quirks against a loopback endpoint, and the configurations that are shipped."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from omegaconf import OmegaConf

from polygym import FailureClass, JsonObject, RolloutContext, RolloutFailure
from polygym.protocol.errors import ConfigError
from responses_api_models.inference_provider.app import InferenceProvider, InferenceProviderConfig

CONFIGS = Path(__file__).parent.parent / "configs"
PROVIDERS = sorted(path.stem for path in CONFIGS.glob("*.yaml") if path.stem != "inference_provider")
SAID: JsonObject = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "hi"}]}
RESPONSE: JsonObject = {"id": "resp_1", "object": "response", "output": [SAID]}
COMPLETION: JsonObject = {
    "id": "c1",
    "model": "tiny",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hi"}}],
}
THOUGHT: JsonObject = {
    "type": "reasoning",
    "id": "r",
    "summary": [],
    "content": [{"type": "reasoning_text", "text": "hm"}],
}
TURNS: list[JsonObject] = [
    {"role": "user", "content": "hi"},
    THOUGHT,
    {"type": "function_call", "call_id": "c", "name": "look", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "c", "output": "x"},
]


def make(**fields: Any) -> InferenceProvider:
    fields = {"base_url": "http://host/v1", "model": "tiny", **fields}
    return InferenceProvider("policy_model", InferenceProvider.parse_config(fields, "test"), None)  # type: ignore[arg-type]


Call = Callable[[InferenceProvider], Awaitable[JsonObject]]


def exchange(answer: JsonObject, call: Call, **fields: Any) -> tuple[JsonObject, web.Request, JsonObject]:
    """What `call` gets from a server whose provider answers so; the request that the provider got, and its body."""
    requests: list[tuple[web.Request, JsonObject]] = []

    async def handle(request: web.Request) -> web.Response:
        requests.append((request, await request.json()))
        return web.json_response(answer)

    async def run() -> JsonObject:
        app = web.Application()
        app.router.add_post("/{path:.*}", handle)
        async with TestServer(app) as endpoint:
            server = make(**{**fields, "base_url": str(endpoint.make_url("/api/v1"))})
            await server.start()
            try:
                return await call(server)
            finally:
                await server.stop()

    result = asyncio.run(run())
    [(request, body)] = requests
    return result, request, body


def responses(params: JsonObject) -> Call:
    return lambda server: server.responses(params, RolloutContext("0-0"))


def chat(params: JsonObject) -> Call:
    return lambda server: server.chat_completions(params, RolloutContext("0-0"))


def test_responses_go_out_as_chat_completions_and_come_back_as_responses() -> None:
    response, request, body = exchange(COMPLETION, responses({"input": "hi", "max_output_tokens": 5}), api_key="sk-1")

    assert (request.path, request.headers["Authorization"]) == ("/api/v1/chat/completions", "Bearer sk-1")
    assert body == {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 5, "model": "tiny"}
    assert response["output"][0]["content"][0]["text"] == "hi"


def test_a_provider_with_the_responses_api_gets_them_as_they_are() -> None:
    response, request, body = exchange(RESPONSE, responses({"input": "hi"}), dialect="responses")

    assert (request.path, body, response) == ("/api/v1/responses", {"input": "hi", "model": "tiny"}, RESPONSE)


def test_chat_completions_pass_under_the_configured_model() -> None:
    completion, request, body = exchange(COMPLETION, chat({"messages": [], "stream": True, "top_p": None}))

    assert (request.path, body, completion) == (
        "/api/v1/chat/completions",
        {"messages": [], "model": "tiny"},
        COMPLETION,
    )


@pytest.mark.parametrize(
    ("fields", "sent"),
    [
        ([], {}),
        (["reasoning"], {"reasoning": "hm"}),
        (["reasoning_content"], {"reasoning_content": "hm"}),
    ],
)
def test_earlier_reasoning_goes_out_under_the_providers_names(fields: list[str], sent: JsonObject) -> None:
    _, _, body = exchange(COMPLETION, responses({"input": TURNS}), reasoning_fields=fields)

    turn = body["messages"][1]
    assert {key: value for key, value in turn.items() if "reasoning" in key} == sent


def test_parameters_are_renamed_and_the_refused_ones_are_dropped_and_named_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    quirks = {
        "renamed_params": {"seed": "random_seed"},
        "dropped_params": ["logprobs"],
        "dropped_message_fields": ["name"],
    }
    message = {"role": "user", "content": "hi", "name": "ann"}
    params = {"messages": [message, message], "seed": 3, "logprobs": True, "top_k": 4}

    _, _, body = exchange(COMPLETION, chat(params), **quirks)

    plain = {"role": "user", "content": "hi"}
    assert body == {"messages": [plain, plain], "random_seed": 3, "top_k": 4, "model": "tiny"}
    assert params["messages"] == [message, message]
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(said) == 2
    assert "the parameter 'logprobs' is not sent" in said[0] and "the field 'name' of a message" in said[1]


def test_what_cannot_be_said_in_chat_completions_is_rejected() -> None:
    with pytest.raises(RolloutFailure) as caught:
        exchange(COMPLETION, responses({"input": "hi", "previous_response_id": "resp_1"}))

    assert caught.value.failure_class is FailureClass.MODEL_REJECTED


@pytest.mark.parametrize(
    "answer", [{"choices": []}, {"choices": [{"message": "hi"}]}, {"choices": [{"finish_reason": "error"}]}, RESPONSE]
)
def test_an_answer_of_another_shape_is_a_bad_response(answer: JsonObject) -> None:
    with pytest.raises(RolloutFailure) as caught:
        exchange(answer, responses({"input": "hi"}))

    assert caught.value.failure_class is FailureClass.MODEL_BAD_RESPONSE


def shipped(name: str, monkeypatch: pytest.MonkeyPatch, key: str | None) -> InferenceProviderConfig:
    """A shipped configuration as it resolves."""
    loaded = OmegaConf.load(CONFIGS / f"{name}.yaml")
    raw: Any = OmegaConf.to_container(loaded)
    variable = raw["policy_model"]["responses_api_models"]["inference_provider"]["api_key_variable"]
    if key is None:
        monkeypatch.delenv(variable, raising=False)
    else:
        monkeypatch.setenv(variable, key)
    merged = OmegaConf.merge(loaded, OmegaConf.create({"policy_model_name": "tiny"}))
    container: Any = OmegaConf.to_container(merged, resolve=True)
    config = InferenceProvider.parse_config(
        container["policy_model"]["responses_api_models"]["inference_provider"], "x"
    )
    assert isinstance(config, InferenceProviderConfig)
    return config


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_shipped_provider_has_an_address_and_takes_its_key_from_its_variable(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = shipped(name, monkeypatch, "a-key")

    assert isinstance(config.base_url, str) and config.base_url.startswith("https://")
    assert config.api_key == "a-key"
    assert InferenceProvider.unknown_fields(config) == []


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_shipped_provider_without_a_key_says_which_variable_to_set(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = shipped(name, monkeypatch, None)

    with pytest.raises(ConfigError, match=f"Set {config.api_key_variable}"):
        asyncio.run(InferenceProvider("policy_model", config, None).start())  # type: ignore[arg-type]
