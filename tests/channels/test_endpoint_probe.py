"""Whether an endpoint is there, asked before the first call."""

import asyncio
from typing import Any

import pytest
from aiohttp import web

from polygym.channels.endpoint import Endpoint
from polygym.protocol.failures import FailureClass, RolloutFailure
from tests.channels.endpoint_calls import answering
from tests.channels.loopback import Handler, http_endpoint, raw_endpoint, unused_url


def probe(handler: Handler, **options: Any) -> None:
    """Probe an endpoint served by `handler`."""

    async def run() -> None:
        async with http_endpoint(handler) as url:
            endpoint = Endpoint(url + "/v1", **options)
            try:
                await endpoint.probe("/models")
            finally:
                await endpoint.close()

    asyncio.run(run())


@pytest.mark.parametrize("status", [200, 204, 301, 400, 404, 405, 429, 500, 501, 503])
def test_a_probe_takes_any_answer_for_a_sign_of_life(status: int) -> None:
    handler, requests = answering(web.Response(status=status))

    probe(handler, api_key="sk-1")

    (request,) = requests
    assert (request.method, request.path, request.headers["Authorization"]) == ("GET", "/v1/models", "Bearer sk-1")


@pytest.mark.parametrize("status", [401, 403])
def test_a_probe_tells_that_the_key_is_refused(status: int) -> None:
    handler, requests = answering(status)

    with pytest.raises(RolloutFailure, match=f"/v1/models answered {status}.*Check the API key") as caught:
        probe(handler)

    assert (caught.value.failure_class, len(requests)) == (FailureClass.MODEL_REJECTED, 1)


def test_a_probe_tells_that_nobody_is_there_and_asks_once() -> None:
    async def run() -> None:
        endpoint = Endpoint(await unused_url())
        try:
            await endpoint.probe("/models")
        finally:
            await endpoint.close()

    with pytest.raises(RolloutFailure, match="cannot be reached") as caught:
        asyncio.run(run())

    assert caught.value.failure_class is FailureClass.MODEL_UNAVAILABLE


def test_a_server_that_hangs_up_on_a_probe_may_still_answer_calls() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def run() -> None:
        async with raw_endpoint(talk) as url:
            endpoint = Endpoint(url)
            await endpoint.probe("/models")
            await endpoint.close()

    asyncio.run(run())
