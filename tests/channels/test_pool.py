"""What every outgoing connection has in common."""

import asyncio

import pytest
from aiohttp import web
from yarl import URL

from polygym.channels.pool import open_session, proxy_for
from tests.channels.loopback import http_endpoint


def test_cookies_are_neither_kept_nor_sent() -> None:
    async def run() -> list[str | None]:
        seen: list[str | None] = []

        async def handle(request: web.Request) -> web.Response:
            seen.append(request.headers.get("Cookie"))
            return web.Response(headers={"Set-Cookie": "session=1; Path=/"})

        async with http_endpoint(handle) as url:
            session = open_session()
            for _ in range(2):
                async with session.get(url):
                    pass
            await session.close()
        return seen

    assert asyncio.run(run()) == [None, None]


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("http://model.example/v1", "http://proxy.example:3128"),
        ("https://model.example/v1", "http://secure-proxy.example:3128"),
        ("https://inside.example/v1", None),
        ("http://localhost:8000/v1", None),
        ("http://127.0.0.1:8000/v1", None),
        ("http://[::1]:8000/v1", None),
    ],
)
def test_the_proxies_of_the_environment_hold_for_outside_urls(
    url: str, proxy: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("https_proxy", "http://secure-proxy.example:3128")
    monkeypatch.setenv("no_proxy", "inside.example")

    assert proxy_for(URL(url)) == proxy


def test_without_proxies_in_the_environment_there_is_none() -> None:
    assert proxy_for(URL("https://model.example/v1")) is None
