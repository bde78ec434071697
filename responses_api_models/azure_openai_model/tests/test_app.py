"""The Azure model server against loopback endpoints: where calls go, with which credentials, in which dialect."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from omegaconf import OmegaConf

from polygym import JsonObject, RolloutContext, configure
from polygym.protocol.errors import ConfigError
from responses_api_models.azure_openai_model.app import AzureOpenAIModel

CONFIG = Path(__file__).parent.parent / "configs" / "azure_openai_model.yaml"
SAID: JsonObject = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "hi"}]}
RESPONSE: JsonObject = {"id": "resp_1", "object": "response", "output": [SAID]}
COMPLETION: JsonObject = {
    "id": "c1",
    "model": "gpt-x",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hi"}}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1},
}
Call = Callable[[AzureOpenAIModel], Awaitable[JsonObject]]


def make(**fields: Any) -> AzureOpenAIModel:
    fields = {"azure_endpoint": "http://host", "azure_deployment": "my gpt", **fields}
    return AzureOpenAIModel("policy_model", AzureOpenAIModel.parse_config(fields, "test"), None)  # type: ignore[arg-type]


def exchange(
    answer: JsonObject, call: Call, *, status: int = 200, path: str = "", **fields: Any
) -> tuple[JsonObject, list[tuple[web.Request, JsonObject]]]:
    """What `call` gets from a server whose resource answers so, and the requests that the resource got."""
    requests: list[tuple[web.Request, JsonObject]] = []

    async def handle(request: web.Request) -> web.Response:
        requests.append((request, await request.json() if request.can_read_body else {}))
        return web.json_response(answer, status=status)

    async def run() -> JsonObject:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handle)
        async with TestServer(app) as endpoint:
            server = make(azure_endpoint=str(endpoint.make_url(path or "/")), **fields)
            await server.start()
            try:
                return await call(server)
            finally:
                await server.stop()

    return asyncio.run(run()), requests


def responses(server: AzureOpenAIModel) -> Awaitable[JsonObject]:
    return server.responses({"input": "hi", "max_output_tokens": 9, "temperature": None}, RolloutContext("0-0"))


def chat(server: AzureOpenAIModel) -> Awaitable[JsonObject]:
    params = {"messages": [{"role": "user", "content": "hi"}], "stream": True}
    return server.chat_completions(params, RolloutContext("0-0"))


@pytest.mark.parametrize("path", ["", "/openai", "/openai/v1/", "/openai/responses?api-version=2025-04-01-preview"])
def test_without_a_dated_version_both_dialects_go_to_the_v1_api_under_the_deployments_name(path: str) -> None:
    answer, [(request, body)] = exchange(RESPONSE, responses, path=path)
    _, [(chat_request, _)] = exchange(COMPLETION, chat, path=path)

    assert answer == RESPONSE
    assert request.path_qs == "/openai/v1/responses"
    assert body == {"input": "hi", "max_output_tokens": 9, "model": "my gpt"}
    assert chat_request.path_qs == "/openai/v1/chat/completions"


def test_the_preview_of_the_v1_api_is_asked_for_in_the_query() -> None:
    _, [(request, _)] = exchange(RESPONSE, responses, azure_api_version="preview")

    assert request.path_qs == "/openai/v1/responses?api-version=preview"


def test_with_a_dated_version_calls_go_to_the_deployment_as_chat_completions() -> None:
    response, [(request, body)] = exchange(COMPLETION, responses, azure_api_version="2024-10-21")
    completion, [(chat_request, _)] = exchange(COMPLETION, chat, azure_api_version="2024-10-21")

    path = "/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21"
    assert (request.raw_path, chat_request.raw_path) == (path, path)
    assert body["messages"] == [{"role": "user", "content": "hi"}]
    assert body["max_completion_tokens"] == 9
    assert response["output"][0]["content"][0]["text"] == "hi"
    assert response["usage"]["input_tokens"] == 3
    assert completion == COMPLETION


@pytest.mark.parametrize(
    ("fields", "headers"),
    [
        ({"azure_api_key": "secret-key"}, {"api-key": "secret-key", "Authorization": None}),
        ({"azure_ad_token": "secret-token"}, {"api-key": None, "Authorization": "Bearer secret-token"}),
    ],
)
def test_the_credential_goes_out_in_its_header(fields: JsonObject, headers: dict[str, str | None]) -> None:
    _, [(request, _)] = exchange(RESPONSE, responses, **fields)

    assert {name: request.headers.get(name) for name in headers} == headers


@pytest.mark.parametrize("version", [None, "2024-10-21"])
def test_a_prompt_that_the_content_filter_refuses_is_an_incomplete_response(version: str | None) -> None:
    refusal = {"error": {"code": "content_filter", "message": "triggering Azure OpenAI's content management policy"}}

    response, requests = exchange(refusal, responses, status=400, azure_api_version=version)
    completion, _ = exchange(refusal, chat, status=400, azure_api_version=version)

    assert len(requests) == 1
    assert (response["status"], response["incomplete_details"]) == ("incomplete", {"reason": "content_filter"})
    assert "content management policy" in response["metadata"]["ng_termination_message"]
    assert completion["choices"][0]["finish_reason"] == "content_filter"


def test_a_filtered_answer_is_incomplete() -> None:
    filtered = {"id": "c", "choices": [{"index": 0, "finish_reason": "content_filter", "message": {"content": ""}}]}

    response, _ = exchange(filtered, responses, azure_api_version="2024-10-21")

    assert (response["status"], response["incomplete_details"]) == ("incomplete", {"reason": "content_filter"})


def test_two_credentials_are_refused() -> None:
    with pytest.raises(ConfigError, match="either azure_api_key or azure_ad_token"):
        make(azure_api_key="a", azure_ad_token="b")


def test_the_shipped_configuration_takes_endpoint_and_key_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://name.openai.azure.com")
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "k")
    for name in ("AZURE_OPENAI_AD_TOKEN", "OPENAI_API_VERSION"):
        monkeypatch.delenv(name, raising=False)
    merged = OmegaConf.merge(OmegaConf.load(CONFIG), OmegaConf.create({"policy_model_name": "gpt"}))
    container: Any = OmegaConf.to_container(merged, resolve=True)

    config = AzureOpenAIModel.parse_config(container["policy_model"]["responses_api_models"]["azure_openai_model"], "x")

    assert (config.azure_endpoint, config.azure_api_key) == ("https://name.openai.azure.com", "k")
    assert (config.azure_deployment, config.is_dated) == ("gpt", False)
    assert AzureOpenAIModel.unknown_fields(config) == []


def test_the_address_is_the_policys_or_the_environments_and_without_either_both_are_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("AZURE_OPENAI_ENDPOINT", raising=False)
    settings = {"policy_model_name": "gpt"}

    given = configure(model_type="azure_openai_model", settings={**settings, "policy_base_url": "https://name.example"})
    [instance] = given.instances.values()
    [missing] = configure(model_type="azure_openai_model", settings=settings).instances.values()

    assert AzureOpenAIModel.parse_config(instance.fields, "x").azure_endpoint == "https://name.example"
    with pytest.raises(ConfigError, match=r"Set AZURE_OPENAI_ENDPOINT, or give --model-url"):
        AzureOpenAIModel.parse_config(missing.fields, "x")
