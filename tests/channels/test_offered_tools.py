"""Tools that differ from task to task, over every channel."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from polygym.channels.embedded import EmbeddedResources
from polygym.channels.http import HttpResources, HttpServer
from polygym.protocol.calls import Resources, RolloutContext
from polygym.protocol.json import JsonObject
from tests.channels.callers import served
from tests.channels.loopback import http_endpoint
from tests.servers.notebook import answer, made
from tests.servers.shelf import LEND, Shelf


def task(number: int = 0, **params: Any) -> JsonObject:
    """A row whose catalogue holds one tool with the number in its name."""
    catalogue = [LEND | {"name": f"lend_{number}"}]
    return {"responses_create_params": {"input": "x", **params}, "methods": ["count"], "catalogue": catalogue}


@asynccontextmanager
async def channel(kind: str) -> AsyncIterator[Resources]:
    """The shelf, in this process or behind HTTP."""
    embedded = EmbeddedResources(made(Shelf, "shelf"))
    if kind == "embedded":
        yield embedded
        return
    async with served(embedded) as caller:
        connection = HttpServer("shelf", caller().url)
        yield HttpResources(connection)
        await connection.close()


@pytest.mark.parametrize("kind", ["embedded", "http"])
def test_the_offered_tools_are_in_the_session_and_in_the_verified_row(kind: str) -> None:
    async def main() -> None:
        sent = task()
        async with channel(kind) as resources, resources.open(sent, RolloutContext("0-0")) as session:
            names = [each["name"] for each in session.row["responses_create_params"]["tools"]]
            assert names == ["count", "lend_0"]
            assert session.seed["tools"] == session.row["responses_create_params"]["tools"]
            assert (await session.call_tool("lend_0", {"book": "Emma"})).output == '{"done":"lend_0","book":"Emma"}'
            refused = await session.call_tool("dust", {"shelf": 1})
            assert refused.is_error and "There is no tool 'dust'. Meant" not in refused.output
            assert (
                "days: Input should be a valid integer"
                in (await session.call_tool("lend_0", {"book": "Emma", "days": "two"})).output
            )
            verified = await session.verify(answer())
        assert verified["reward"] == 1.0
        assert verified["responses_create_params"] == {"input": "x", "tools": session.seed["tools"]}
        assert sent == task()

    asyncio.run(main())


@pytest.mark.parametrize("kind", ["embedded", "http"])
def test_a_row_that_offers_nothing_stays_so(kind: str) -> None:
    async def main() -> None:
        sent = task(tools=[])
        async with channel(kind) as resources, resources.open(sent, RolloutContext("0-0")) as session:
            assert session.seed == {}
            verified = await session.verify(answer())
        assert verified["responses_create_params"] == {"input": "x", "tools": []}

    asyncio.run(main())


@pytest.mark.parametrize("kind", ["embedded", "http"])
def test_concurrent_rollouts_have_tools_of_their_own(kind: str) -> None:
    async def one(resources: Resources, number: int) -> None:
        async with resources.open(task(number), RolloutContext(f"{number}-0")) as session:
            await asyncio.sleep(0)
            assert not (await session.call_tool(f"lend_{number}", {"book": "Emma"})).is_error
            assert (await session.call_tool(f"lend_{number + 1}", {"book": "Emma"})).is_error
            assert (await session.verify(answer()))["reward"] == 1.0

    async def main() -> None:
        async with channel(kind) as resources, asyncio.TaskGroup() as group:
            for number in range(100):
                group.create_task(one(resources, number))

    asyncio.run(main())


def test_agents_of_other_implementations_post_to_the_tools_of_their_session() -> None:
    async def main() -> None:
        async with served(EmbeddedResources(made(Shelf, "shelf"))) as caller:
            client, normalized = caller(), task(tools=[])
            assert await client.post("/seed_session", normalized) == (200, {})
            assert await client.post("/lend_0", {"book": "Emma"}) == (200, {"done": "lend_0", "book": "Emma"})
            status, refused = await client.post("/lend_1", {"book": "Emma"})
            assert (status, refused) == (400, {"error": "There is no tool 'lend_1'. Meant 'lend_0'?"})
            status, verified = await client.post("/verify", {**normalized, "response": answer()})
            assert (status, verified["reward"]) == (200, 1.0)

    asyncio.run(main())


def test_a_row_verified_without_a_session_was_offered_nothing() -> None:
    async def main() -> None:
        async with served(EmbeddedResources(made(Shelf, "shelf"))) as caller:
            status, verified = await caller().post("/verify", {**task(), "response": answer()})
            assert (status, verified["responses_create_params"]) == (200, {"input": "x"})

    asyncio.run(main())


def test_what_another_implementation_means_by_tools_is_left_alone() -> None:
    async def handler(request: Any) -> Any:
        from aiohttp import web

        return web.json_response({"tools": {"count": 3}})

    async def main() -> None:
        async with http_endpoint(handler) as url:
            connection = HttpServer("other", url)
            async with HttpResources(connection).open(task(), RolloutContext("0-0")) as session:
                assert session.row == task()
            await connection.close()

    asyncio.run(main())
