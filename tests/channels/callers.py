"""Callers of our servers' HTTP endpoints, for tests."""

import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http.cookies import Morsel
from typing import Any

import aiohttp

from polygym.channels.embedded import EmbeddedAgent, EmbeddedModel, EmbeddedResources
from polygym.channels.pool import JsonBody
from polygym.channels.routing import Served
from polygym.fleet.serving import edge_of_channel, serve


@asynccontextmanager
async def at_url(served: Served) -> AsyncIterator[str]:
    """The URL of endpoints that are served as a fleet serves them."""
    bound = socket.create_server(("127.0.0.1", 0))
    async with await serve(served, bound):
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


class Caller:
    """A client that keeps its cookies, or not."""

    def __init__(self, url: str, session: aiohttp.ClientSession, keeps_cookies: bool) -> None:
        self.url = url
        self.session = session
        self.keeps_cookies = keeps_cookies
        self.cookies: dict[str, str] = {}
        self.morsel: Morsel[str] | None = None
        """The cookie of the last answer."""

    async def send(self, method: str, path: str, body: Any = None, data: bytes | None = None) -> tuple[int, bytes, str]:
        headers = (
            {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())} if self.cookies else {}
        )
        payload = data if data is not None else None if body is None else json.dumps(body).encode()
        sent = None if payload is None else JsonBody(payload)
        async with self.session.request(method, self.url + path, data=sent, headers=headers) as response:
            self.morsel = next(iter(response.cookies.values()), None)
            self.headers = response.headers
            if self.keeps_cookies:
                self.cookies.update({name: morsel.value for name, morsel in response.cookies.items()})
            return response.status, await response.read(), response.content_type

    async def post(self, path: str, body: Any = None) -> tuple[int, Any]:
        status, raw, _ = await self.send("POST", path, body)
        return status, json.loads(raw)


@asynccontextmanager
async def served(channel: EmbeddedResources | EmbeddedModel | EmbeddedAgent) -> AsyncIterator[Callable[..., Caller]]:
    """A maker of callers of the server."""
    async with (
        at_url(edge_of_channel(channel)) as url,
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
    ):

        def caller(keeps_cookies: bool = True) -> Caller:
            return Caller(url, session, keeps_cookies)

        yield caller
    if isinstance(channel, EmbeddedResources):
        await channel.close()
