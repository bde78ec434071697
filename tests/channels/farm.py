"""Several endpoints over loopback, each of which may be told to fail."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from polygym.channels.endpoint import Endpoint
from polygym.protocol.calls import RolloutContext
from polygym.protocol.json import JsonObject
from tests.channels.loopback import http_endpoint, unused_url

GOOD: JsonObject = {"output": [], "error": None}


class Farm:
    """A server whose first path segment is one of several endpoints; each may be told to fail."""

    def __init__(self) -> None:
        self.status: dict[str, int] = {}
        """Status of calls, by endpoint; 200 unless it is here."""
        self.health: dict[str, int] = {}
        """Status of `/health`, by endpoint; 404 unless it is here."""
        self.calls: list[tuple[str, str]] = []
        """Endpoint and rollout of each call."""
        self.looked_at: list[str] = []
        """Paths of all GETs."""
        self.gate: asyncio.Event | None = None
        """Calls wait for it."""

    async def handle(self, request: web.Request) -> web.Response:
        name = request.path.split("/")[1]
        if request.method == "GET":
            self.looked_at.append(request.path)
            status = self.health.get(name, 404) if request.path.endswith("/health") else self.status.get(name, 200)
            return web.Response(status=status)
        self.calls.append((name, (await request.json())["rollout"]))
        if self.gate is not None:
            await self.gate.wait()
        return web.json_response(GOOD, status=self.status.get(name, 200))

    def of(self, rollout: str) -> list[str]:
        """The endpoints that a rollout's calls went to, in order."""
        return [name for name, caller in self.calls if caller == rollout]


@asynccontextmanager
async def several(farm: Farm, *names: str, **options: object) -> AsyncIterator[Endpoint]:
    """An endpoint at these members of the farm; at the address of one that is called `nobody`, nobody listens."""
    async with http_endpoint(farm.handle) as url:
        urls = [f"{await unused_url() if name == 'nobody' else url}/{name}/v1" for name in names]
        endpoint = Endpoint(urls, **{"backoff_s": 0.001, "first_check_s": 0.01, **options})  # type: ignore[arg-type]
        try:
            yield endpoint
        finally:
            await endpoint.close()


async def call(endpoint: Endpoint, rollout: str) -> JsonObject:
    return await endpoint.post("/responses", {"rollout": rollout}, RolloutContext(rollout))


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something has happened elsewhere in this process."""
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0.001)


async def until_back(endpoint: Endpoint) -> None:
    """Wait until all members are up."""
    pool = endpoint.pool
    assert pool is not None
    await until(lambda: all(member.is_up for member in pool.members))
