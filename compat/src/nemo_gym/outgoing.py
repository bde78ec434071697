"""Requests that leave the process: one pool of connections for all, and what servers do with an answer."""

import asyncio
import atexit
import logging
import os
import socket
from collections.abc import Callable
from typing import Any, ClassVar, Final
from weakref import WeakKeyDictionary

import orjson
from aiohttp import (
    ClientOSError,
    ClientResponse,
    ClientResponseError,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    RequestInfo,
    ServerDisconnectedError,
    TCPConnector,
)
from multidict import CIMultiDict, CIMultiDictProxy
from pydantic import BaseModel, Field
from yarl import URL

log = logging.getLogger("nemo_gym.requests")

MAX_NUM_TRIES: Final = 3
"""How often a request to somebody else's server is made, at most, when it fails in an unknown way."""
PAUSE_S: Final = 0.5
"""Seconds between two tries."""
UNREACHABLE_S: Final = 120.0
"""Seconds of pauses after which a server that nobody answers at is given up."""
IDLE_S: Final = 15.0
"""Seconds that an unused connection is kept; our servers keep theirs longer."""
NEMO_GYM_FASTAPI_NUM_WORKERS: Final = "NEMO_GYM_FASTAPI_NUM_WORKERS"
"""Environment variable: processes that one server runs as, which share the limits."""


class GlobalAIOHTTPAsyncClientConfig(BaseModel):
    """Settings of the pool, read from the top level of the configuration."""

    global_aiohttp_connector_limit: int = 100 * 1024
    global_aiohttp_connector_limit_per_host: int = 1024
    global_aiohttp_client_request_debug: bool = False
    global_aiohttp_tcp_keepalive_idle_seconds: int = Field(
        default=60, description="Seconds without traffic after which the kernel asks whether the peer is still there."
    )
    global_aiohttp_tcp_keepalive_interval_seconds: int = Field(
        default=10, description="Seconds between two such questions."
    )
    global_aiohttp_tcp_keepalive_probes: int = Field(
        default=3, description="Questions without an answer after which the connection is dropped."
    )


class _Pool:
    """The pool of each event loop of this process, once somebody has asked for it."""

    clients: ClassVar[WeakKeyDictionary[asyncio.AbstractEventLoop, ClientSession]] = WeakKeyDictionary()
    is_verbose = False


def set_global_aiohttp_client(cfg: GlobalAIOHTTPAsyncClientConfig) -> ClientSession:
    """Open the running loop's pool. Raises RuntimeError when it is open."""
    if is_global_aiohttp_client_setup():
        raise RuntimeError("The shared HTTP client is open already; close it with global_aiohttp_client_exit first.")
    share = int(os.environ.get(NEMO_GYM_FASTAPI_NUM_WORKERS, "1"))
    connector = TCPConnector(
        limit=cfg.global_aiohttp_connector_limit // share,
        limit_per_host=cfg.global_aiohttp_connector_limit_per_host // share,
        keepalive_timeout=IDLE_S,
        socket_factory=_keeping_alive(cfg),
    )
    client = ClientSession(connector=connector, timeout=ClientTimeout(), cookie_jar=DummyCookieJar())
    _Pool.clients[asyncio.get_running_loop()] = client
    _Pool.is_verbose = cfg.global_aiohttp_client_request_debug
    return client


def _keeping_alive(cfg: GlobalAIOHTTPAsyncClientConfig) -> Callable[[Any], socket.socket]:
    options = {
        "TCP_KEEPIDLE": cfg.global_aiohttp_tcp_keepalive_idle_seconds,
        "TCP_KEEPINTVL": cfg.global_aiohttp_tcp_keepalive_interval_seconds,
        "TCP_KEEPCNT": cfg.global_aiohttp_tcp_keepalive_probes,
    }

    def open_socket(address: Any) -> socket.socket:
        opened = socket.socket(address[0], address[1], address[2])
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in options.items():
            if hasattr(socket, name):
                opened.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        return opened

    return open_socket


def get_global_aiohttp_client(*parser_arguments: Any, **parser_options: Any) -> ClientSession:
    """The running loop's pool, opened with the settings of the configuration when it is not open yet."""
    client = _open_client()
    if client is not None:
        return client
    from nemo_gym import server_utils  # under the name that servers replace in their tests

    settings = server_utils.get_global_config_dict(*parser_arguments, **parser_options)
    return set_global_aiohttp_client(GlobalAIOHTTPAsyncClientConfig.model_validate(settings))


def _open_client() -> ClientSession | None:
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return None
    client = _Pool.clients.get(loop)
    return client if client is not None and not client.closed else None


def is_global_aiohttp_client_setup() -> bool:
    """Whether the running loop's pool is open."""
    return _open_client() is not None


def is_global_aiohttp_client_request_debug_enabled() -> bool:
    """Whether requests that fail are logged in full."""
    return _Pool.is_verbose


async def close_global_aiohttp_client() -> None:
    """Close the running loop's pool, if it is open."""
    client = _Pool.clients.pop(asyncio.get_running_loop(), None)
    if client is not None:
        await client.close()


def global_aiohttp_client_exit() -> None:
    """Close all pools, where no event loop runs."""
    for client in list(_Pool.clients.values()):
        if not client.closed:
            asyncio.run(client.close())
    _Pool.clients.clear()


atexit.register(global_aiohttp_client_exit)


async def request(method: str, url: str, _internal: bool = False, **kwargs: Any) -> ClientResponse:
    """One request; `kwargs` as for aiohttp, a `json` is written with orjson.

    A connection that breaks is tried again for `UNREACHABLE_S` at least. Another error is raised after
    `MAX_NUM_TRIES`, or never when the server is one of ours (`_internal`).
    """
    if kwargs.get("json"):
        kwargs["data"] = orjson.dumps(kwargs.pop("json"))
        kwargs["headers"] = {**(kwargs.get("headers") or {}), "Content-Type": "application/json"}
    client = get_global_aiohttp_client()
    tries = breaks = 0
    while True:
        try:
            return await client.request(method=method, url=url, **kwargs)
        except (ServerDisconnectedError, ClientOSError) as error:
            breaks += 1
            if breaks * PAUSE_S > UNREACHABLE_S:
                raise
            if breaks % 20 == 1:
                log.warning("%s %s: no connection (%s), try %d", method, url, type(error).__name__, breaks)
        except Exception as error:
            tries += 1
            log.warning("%s %s: %r, try %d", method, url, error, tries, exc_info=_Pool.is_verbose)
            if not _internal and tries >= MAX_NUM_TRIES:
                raise
        await asyncio.sleep(PAUSE_S)


async def raise_for_status(response: ClientResponse) -> None:
    """Raise AnswerError, aiohttp's ClientResponseError with the body as `response_content`, for 400 and more."""
    if response.ok:
        return
    content = await response.content.read()
    if _Pool.is_verbose:
        log.warning("%s answered %s: %r", response.request_info, response.status, content)
    try:
        response.raise_for_status()
    except ClientResponseError as error:
        raise AnswerError(error.request_info, error.status, error.message, content) from None


class AnswerError(ClientResponseError):
    """An answer with a status of 400 and more; unlike its base it can be pickled, for callers in other processes."""

    def __init__(self, request_info: RequestInfo, status: int, message: str, response_content: bytes) -> None:
        super().__init__(request_info, (), status=status, message=message)
        self.response_content = response_content

    def __reduce__(self) -> Any:
        return _answer_error, (
            self.request_info.method,
            str(self.request_info.real_url),
            self.status,
            self.message,
            self.response_content,
        )


AnswerError.__name__ = ClientResponseError.__name__  # servers write an error's class into their answers


def _answer_error(method: str, url: str, status: int, message: str, response_content: bytes) -> AnswerError:
    headers: CIMultiDictProxy[str] = CIMultiDictProxy(CIMultiDict())
    return AnswerError(RequestInfo(URL(url), method, headers, URL(url)), status, message, response_content)


async def get_response_json(response: ClientResponse) -> Any:
    """The body as JSON."""
    return orjson.loads(await response.read())
