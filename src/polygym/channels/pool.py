"""The one place where connections for outgoing HTTP are set up.

Whoever opens a session closes it with `await session.close()`. Knows nothing of what is sent.
"""

from collections.abc import Mapping
from urllib.request import getproxies, proxy_bypass

import aiohttp
from yarl import URL

CONNECT_LIMIT_S = 30.0
"""Seconds one attempt to connect may take."""
KEEP_ALIVE_S = 15.0
"""Seconds an idle connection is kept."""
DNS_CACHE_S = 300
"""Seconds a looked-up address is used."""


def open_session(headers: Mapping[str, str] | None = None, timeout_s: float | None = None) -> aiohttp.ClientSession:
    """A client session for the running event loop; `headers` go out with every request.

    No limit on open connections, and none but `timeout_s` on the seconds a request takes, from connecting to the last
    byte of the answer. Cookies are neither kept nor sent. Proxies of the
    environment are not applied (aiohttp's `trust_env` reads `~/.netrc` in a thread at each request, and would send
    loopback calls through the proxy as well): ask `proxy_for` once per URL.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_S, ttl_dns_cache=DNS_CACHE_S),
        timeout=aiohttp.ClientTimeout(total=timeout_s, sock_connect=CONNECT_LIMIT_S),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers=headers,
        trust_env=False,
    )


def proxy_for(url: URL) -> str | None:
    """The proxy for an outside URL by `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, or None; always None for loopback."""
    if url.host in ("localhost", "127.0.0.1", "::1"):
        return None
    if proxy_bypass(f"{url.host}:{url.port}"):
        return None
    return getproxies().get(url.scheme)


class JsonBody(aiohttp.BytesPayload):
    """Encoded JSON as a request's body.

    aiohttp (3.14) warns about any body over 1 MiB given as bytes; a long conversation is one, and is in memory already.
    """

    def __init__(self, encoded: bytes) -> None:
        aiohttp.Payload.__init__(self, encoded, content_type="application/json")
        self._size = len(encoded)
