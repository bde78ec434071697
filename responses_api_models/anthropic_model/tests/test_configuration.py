"""The fields of the Anthropic model server, and its configuration as it resolves."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from omegaconf import OmegaConf

from polygym import JsonObject, RolloutContext
from polygym.protocol.errors import ConfigError
from responses_api_models.anthropic_model.app import AnthropicModel
from responses_api_models.anthropic_model.tests.endpoints import MESSAGE, make

CONFIG = Path(__file__).parent.parent / "configs" / "anthropic_model.yaml"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"anthropic_base_url": "localhost:8000"}, "anthropic_base_url: .*must look like"),
        ({"anthropic_base_url": []}, "anthropic_base_url: .*empty"),
        ({"anthropic_model": ""}, "anthropic_model"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"thinking": "much"}, "thinking"),
    ],
)
def test_a_wrong_field_is_named(fields: JsonObject, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make(**fields)


def resolved(settings: JsonObject) -> JsonObject:
    """The fields of the shipped configuration beside these top-level keys."""
    merged = OmegaConf.merge(OmegaConf.load(CONFIG), OmegaConf.create({"policy_model_name": "tiny", **settings}))
    container: Any = OmegaConf.to_container(merged, resolve=True)
    fields: JsonObject = container["policy_model"]["responses_api_models"]["anthropic_model"]
    return fields


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "POLICY_DROP_REASONING_ITEMS"):
        monkeypatch.delenv(name, raising=False)


def test_the_shipped_configuration_needs_a_model_name_only() -> None:
    config = AnthropicModel.parse_config(resolved({}), "test")

    assert config.anthropic_base_url == "https://api.anthropic.com"
    assert (config.anthropic_api_key, config.anthropic_model) == (None, "tiny")
    assert AnthropicModel.unknown_fields(config) == []


def test_policy_settings_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://environment:1")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "123")

    config = AnthropicModel.parse_config(resolved({}), "test")
    own = AnthropicModel.parse_config(resolved({"policy_base_url": "http://one", "policy_api_key": "sk-1"}), "test")

    assert (config.anthropic_base_url, config.anthropic_api_key) == ("http://environment:1", "123")
    assert (own.anthropic_base_url, own.anthropic_api_key) == ("http://one", "sk-1")


@pytest.mark.parametrize(
    ("given", "path"),
    [("", "/v1/messages"), ("/v1", "/v1/messages"), ("/gateway/", "/gateway/v1/messages"), ("/v2?x=1", "/v2/messages")],
)
def test_the_version_is_put_into_a_base_url_that_has_none(given: str, path: str) -> None:
    paths: list[str] = []

    async def handle(request: web.Request) -> web.Response:
        paths.append(request.path_qs)
        return web.json_response(MESSAGE)

    async def run() -> None:
        app = web.Application()
        app.router.add_post("/{path:.*}", handle)
        async with TestServer(app) as endpoint:
            server = make(anthropic_base_url=str(endpoint.make_url("")).rstrip("/") + given)
            await server.start()
            await server.messages({"messages": []}, RolloutContext("0-0"))
            await server.stop()

    asyncio.run(run())

    assert paths == [f"{path}?x=1" if "?" in given else path]
