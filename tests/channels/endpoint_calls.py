"""Calls to an endpoint on loopback, and the answers or failures that they end in."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from aiohttp import web

from polygym.channels.endpoint import Endpoint
from polygym.protocol.calls import RolloutContext
from polygym.protocol.failures import RolloutFailure, Stage
from polygym.protocol.json import JsonObject
from tests.channels.loopback import Handler, Talk, http_endpoint, raw_endpoint

CONTEXT = RolloutContext("0-0")
GOOD = {"output": [], "error": None}


async def call(url: str | Sequence[str], body: JsonObject | None = None, **options: Any) -> JsonObject:
    """One POST to `/responses` below `url`, with short waits between attempts."""
    endpoint = Endpoint(url, **{"backoff_s": 0.001, **options})
    try:
        return await endpoint.post("/responses", body or {"model": "m"}, CONTEXT)
    finally:
        await endpoint.close()


def answering(*answers: web.Response | int | JsonObject) -> tuple[Handler, list[web.Request]]:
    """A handler that gives these answers in turn, the last one for ever, and the requests that it gets."""
    requests: list[web.Request] = []

    async def handle(request: web.Request) -> web.Response:
        requests.append(request)
        answer = answers[min(len(requests), len(answers)) - 1]
        if isinstance(answer, int):
            return web.json_response({"error": {"message": f"status {answer} it is"}}, status=answer)
        if isinstance(answer, dict):
            return web.json_response(answer)
        return web.Response(body=answer.body, status=answer.status, headers=answer.headers)

    return handle, requests


def post_to(handler: Handler, *, path: str = "/v1", **options: Any) -> JsonObject:
    """The answer of an endpoint served by `handler`."""

    async def run() -> JsonObject:
        async with http_endpoint(handler) as url:
            return await call(url + path, **options)

    return asyncio.run(run())


def failure_from(handler: Handler, **options: Any) -> RolloutFailure:
    """The failure of a call to an endpoint served by `handler`."""
    with pytest.raises(RolloutFailure) as caught:
        post_to(handler, **options)
    assert caught.value.stage is Stage.MODEL
    return caught.value


def failure_from_bytes(talk: Talk, **options: Any) -> RolloutFailure:
    """The failure of a call to a server that writes bytes of its own."""

    async def run() -> None:
        async with raw_endpoint(talk) as url:
            await call(url + "/v1", **options)

    with pytest.raises(RolloutFailure) as caught:
        asyncio.run(run())
    return caught.value
