"""Routing, expectations and cookies of our servers' endpoints, by the byte."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from polygym.channels.answers import json_response, read_object
from polygym.channels.cookies import cookies_of
from polygym.channels.routing import Endpoints
from tests.channels.callers import at_url

COOKIE = "Notes___notebook"


def endpoints() -> Endpoints:
    served = Endpoints(COOKIE)

    async def echo(request: web.BaseRequest) -> web.StreamResponse:
        return json_response({"body": await read_object(request), "cookies": cookies_of(request)})

    served.post("/echo", echo)
    return served


async def talk(request: bytes, *more: bytes) -> bytes:
    """What the endpoints send back; each further piece is sent when something has come back for the one before."""
    async with at_url(endpoints()) as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write(request)
        received = b""
        for piece in more:
            received += await reader.read(4096)
            writer.write(piece)
        received += await reader.read()
        writer.close()
        return received


def request(line: bytes, *headers: bytes) -> bytes:
    return b"\r\n".join((line + b" HTTP/1.1", b"Host: here", b"Connection: close", *headers, b"", b""))


def test_a_caller_that_waits_with_its_body_is_told_to_go_on() -> None:
    asked = request(b"POST /echo", b"Content-Length: 7", b"Expect: 100-continue")
    received = asyncio.run(talk(asked, b'{"a":1}'))
    assert received.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
    assert b'{"body":{"a":1},"cookies":{}}' in received


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (request(b"POST /echo", b"Content-Length: 0", b"Expect: a-miracle"), b"417"),
        (request(b"GET /echo"), b"405"),
        (request(b"POST /livez", b"Content-Length: 0"), b"405"),
        (request(b"POST /nowhere", b"Content-Length: 0"), b"404"),
        (request(b"POST //echo", b"Content-Length: 0"), b"404"),
        (request(b"HEAD /livez"), b"200"),
        (request(b"POST /echo?x=1", b"Content-Length: 0"), b"200"),
        (request(b"POST /%65cho", b"Content-Length: 0"), b"200"),
    ],
)
def test_a_request_is_answered_by_path_and_method(asked: bytes, status: bytes) -> None:
    assert asyncio.run(talk(asked)).startswith(b"HTTP/1.1 " + status)


@asynccontextmanager
async def posting(cookies: str) -> AsyncIterator[aiohttp.ClientResponse]:
    async with (
        at_url(endpoints()) as url,
        aiohttp.ClientSession() as session,
        session.post(f"{url}/echo", headers={"Cookie": cookies}) as response,
    ):
        yield response


@pytest.mark.parametrize(
    ("header", "cookies"),
    [
        ("a=1", {"a": "1"}),
        ("a=1; b=x-y_z.~; c=", {"a": "1", "b": "x-y_z.~", "c": ""}),
        ("a=1;b=2", {"a": "1", "b": "2"}),
        ('a="quo;ted"; b=2', {"a": "quo;ted", "b": "2"}),
        ("a=b=c; d=2", {"a": "b=c", "d": "2"}),
        ("", {}),
    ],
)
def test_cookies_are_read_however_they_are_written(header: str, cookies: dict[str, str]) -> None:
    async def main() -> None:
        async with posting(header) as response:
            assert (await response.json())["cookies"] == cookies

    asyncio.run(main())


@pytest.mark.parametrize("value", ["0123abc-_.~", "with space", 'with "quotes"; and more'])
def test_a_cookie_comes_back_with_the_value_it_had(value: str) -> None:
    async def main() -> None:
        jar = aiohttp.CookieJar(unsafe=True)
        async with (
            at_url(endpoints()) as url,
            aiohttp.ClientSession(cookie_jar=jar, cookies={COOKIE: value}) as session,
            session.post(f"{url}/echo") as response,
        ):
            assert response.cookies[COOKIE].value == value
            assert response.headers["Vary"] == "Cookie"

    asyncio.run(main())
