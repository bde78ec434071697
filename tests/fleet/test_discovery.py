import asyncio
from typing import Any

import pytest
from aiohttp import web

from polygym.fleet.discovery import connect, server_instances
from polygym.protocol.calls import RolloutContext
from polygym.protocol.errors import ConfigError
from polygym.protocol.failures import RolloutFailure
from tests.channels.loopback import http_endpoint, unused_url


def entry(**fields: Any) -> dict[str, Any]:
    return {"process_name": "agent", "server_type": "responses_api_agents", "host": "127.0.0.1", "port": 1, **fields}


def test_nobody_there_is_said_with_what_to_do() -> None:
    async def main() -> None:
        port = int((await unused_url()).rpartition(":")[2])
        with pytest.raises(
            ConfigError, match=rf"no fleet answers at 127\.0\.0\.1:{port}\. Start one with 'gym env start'"
        ):
            await server_instances("127.0.0.1", port)

    asyncio.run(main())


@pytest.mark.parametrize("body", ["<html>", '{"detail": "Not Found"}', "[1]", '[{"name": "x"}]', '"text"'])
def test_something_that_is_no_head_server_is_said_to_be_none(body: str) -> None:
    async def anything(request: web.Request) -> web.StreamResponse:
        return web.Response(text=body)

    async def main() -> None:
        async with http_endpoint(anything) as url:
            with pytest.raises(ConfigError, match="is no head server"):
                await server_instances("127.0.0.1", int(url.rpartition(":")[2]))

    asyncio.run(main())


@pytest.mark.parametrize(
    ("listed", "reached"),
    [
        (entry(), "http://127.0.0.1:1"),
        (entry(host="0.0.0.0"), "http://node7:1"),
        (entry(host="node8", url="http://node8:1"), "http://node8:1"),
        (entry(host=None, port=None, url="https://far/gym"), "https://far/gym"),
    ],
)
def test_a_server_is_reached_where_its_head_says(listed: dict[str, Any], reached: str) -> None:
    async def main() -> None:
        wiring = connect([listed, entry(process_name="other", server_type="environment_servers")], "node7")
        assert list(wiring.agents) == ["agent"]
        with pytest.raises(RolloutFailure, match=f"no answer from {reached}/run"):
            await wiring.agents["agent"].run({}, RolloutContext("0-0"))
        await wiring.close()

    asyncio.run(main())


def test_a_server_without_an_address_is_left_out() -> None:
    assert connect([entry(host=None, port=None)], "node7").agents == {}
