"""Calls to model endpoints over real loopback connections: what goes out, and what is never shown."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from aiohttp import web

from polygym.channels.endpoint import Endpoint, parse_base_url
from polygym.protocol.calls import RolloutContext
from polygym.protocol.failures import RolloutFailure
from polygym.protocol.json import JsonObject
from tests.channels.endpoint_calls import CONTEXT, GOOD, answering, call, failure_from, post_to
from tests.channels.loopback import http_endpoint


def test_the_body_goes_out_as_json_and_the_answer_comes_back_with_every_field() -> None:
    seen: list[tuple[str, str, str, JsonObject]] = []

    async def handle(request: web.Request) -> web.Response:
        seen.append((request.method, request.path, request.content_type, await request.json()))
        return web.json_response({"output": [{"type": "new_kind", "made_up": [1, None]}], "own_field": "ü"})

    answer = post_to(handler=handle, body={"model": "m", "input": "hé", "unknown": {"a": None}})

    assert seen == [
        ("POST", "/v1/responses", "application/json", {"model": "m", "input": "hé", "unknown": {"a": None}})
    ]
    assert answer == {"output": [{"type": "new_kind", "made_up": [1, None]}], "own_field": "ü"}


def test_a_trailing_slash_and_a_query_in_the_base_url_are_kept_in_their_place() -> None:
    handler, requests = answering(GOOD)

    post_to(handler, path="/openai/v1/?api-version=2")

    assert requests[0].path_qs == "/openai/v1/responses?api-version=2"


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({"api_key": "sk-1"}, "Bearer sk-1"),
        ({"api_key": " sk-1\n"}, "Bearer sk-1"),
        ({"api_key": None}, None),
        ({"api_key": ""}, None),
        ({"api_key": "sk-1", "headers": {"authorization": "Token t"}}, "Token t"),
    ],
)
def test_the_key_goes_out_as_a_bearer_token(options: Mapping[str, Any], sent: str | None) -> None:
    handler, requests = answering(GOOD)

    post_to(handler, **options)

    assert requests[0].headers.getall("Authorization", []) == ([sent] if sent else [])


def test_own_headers_go_out_with_every_call() -> None:
    handler, requests = answering(503, GOOD)

    post_to(handler, headers={"X-Tenant": "blue"})

    assert [request.headers["X-Tenant"] for request in requests] == ["blue", "blue"]


def test_a_body_of_several_megabytes_is_sent_without_a_warning() -> None:
    async def handle(request: web.Request) -> web.Response:
        return web.json_response({"length": len(await request.read())})

    assert post_to(handle, body={"input": "x" * 3_000_000})["length"] > 3_000_000


def test_no_limit_holds_back_concurrent_calls() -> None:
    async def run() -> int:
        arrived, all_here = 0, asyncio.Event()

        async def handle(request: web.Request) -> web.Response:
            nonlocal arrived
            arrived += 1
            if arrived == 300:
                all_here.set()
            await all_here.wait()
            return web.json_response(GOOD)

        async with http_endpoint(handle) as url:
            endpoint = Endpoint(url)
            calls = (endpoint.post("/responses", {}, RolloutContext(f"{index}-0")) for index in range(300))
            answers = await asyncio.gather(*calls)
            await endpoint.close()
        return len(answers)

    assert asyncio.run(run()) == 300


def test_an_endpoint_can_be_used_again_after_it_was_closed() -> None:
    async def run() -> JsonObject:
        handler, _ = answering(GOOD)
        async with http_endpoint(handler) as url:
            endpoint = Endpoint(url)
            await endpoint.post("/responses", {}, CONTEXT)
            await endpoint.close()
            answer = await endpoint.post("/responses", {}, CONTEXT)
            await endpoint.close()
            return answer

    assert asyncio.run(run()) == GOOD


@pytest.mark.parametrize("key", ["sk-very-secret-key", "sk-very-secret-key\n"])
def test_secrets_appear_in_no_message_and_in_no_log(key: str, caplog: pytest.LogCaptureFixture) -> None:
    async def handle(request: web.Request) -> web.Response:
        text = f"bad key {request.headers['Authorization']}, tenant {request.headers['X-Tenant']}"
        return web.json_response({"error": {"message": text}}, status=401)

    failure = failure_from(handle, api_key=key, headers={"X-Tenant": "blue-horizon"}, path="/v1?token=quite-secret")

    for text in (failure.message, caplog.text):
        assert "bad key Bearer ***, tenant ***" in text
        assert "quite-secret" not in text


def test_user_and_password_of_the_url_authenticate_but_are_not_shown() -> None:
    async def run() -> None:
        handler, requests = answering(404)
        async with http_endpoint(handler) as url:
            try:
                await call(url.replace("http://", "http://ann:hunter22@"))
            finally:
                assert requests[0].headers["Authorization"] == "Basic YW5uOmh1bnRlcjIy"

    with pytest.raises(RolloutFailure) as caught:
        asyncio.run(run())

    assert "hunter22" not in caught.value.message


@pytest.mark.parametrize(
    "text", ["localhost:8000/v1", "127.0.0.1:8000", "ftp://host/v1", "/v1", "", "http://", "http:///v1"]
)
def test_a_base_url_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="https://host:port/v1"):
        parse_base_url(text)


def test_an_endpoint_needs_a_base_url() -> None:
    with pytest.raises(ValueError, match="no base URL"):
        Endpoint([])


def test_a_key_beside_a_user_in_the_url_is_refused() -> None:
    with pytest.raises(ValueError, match="not both"):
        Endpoint("http://ann:pw@host/v1", api_key="sk-1")
