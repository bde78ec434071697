"""The client that servers in a polygym fleet have: calls to servers of the same process are calls, not requests."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from http.cookies import SimpleCookie
from typing import Any, Final
from uuid import uuid4

import orjson
from aiohttp import ClientResponse, ClientResponseError, RequestInfo
from multidict import CIMultiDict, CIMultiDictProxy
from pydantic import BaseModel, PrivateAttr
from yarl import URL

from nemo_gym.asgi_calls import call_app
from nemo_gym.configuration import get_first_server_config_dict
from nemo_gym.run_notes import current_notes
from nemo_gym.server_client import ServerClient
from polygym.channels.answers import failure_body, status_of
from polygym.protocol.calls import Directory, ModelServerRef, RolloutContext
from polygym.protocol.failures import RolloutFailure, Stage
from polygym.protocol.json import dumps
from polygym.servers.asgi import AsgiServer
from polygym.servers.base import Server
from polygym.servers.models import ModelServer

STAGES: Final = {"/seed_session": Stage.SEED, "/verify": Stage.VERIFY}
UNDERSTOOD: Final = frozenset({"json", "data", "headers", "cookies", "params", "timeout"})
"""Options of a request that a call has, too; one with others goes out over HTTP."""


class FleetClient(ServerClient):
    """As its base, among the servers of one process."""

    _neighbours: Mapping[str, Server] = PrivateAttr(default_factory=dict)
    _directory: Directory | None = PrivateAttr(default=None)

    def among(self, neighbours: Mapping[str, Server], directory: Directory) -> "FleetClient":
        """Know the servers of the same process."""
        self._neighbours, self._directory = neighbours, directory
        return self

    async def request(self, server_name: str, url_path: str, method: str, **kwargs: Any) -> ClientResponse:
        """A request to a server, in this process if it lives here; `kwargs` as for aiohttp."""
        neighbour = self._neighbours.get(server_name)
        notes = current_notes()
        with notes.timed(_stage_of(neighbour, url_path)) if notes is not None else nullcontext():
            if isinstance(neighbour, AsgiServer) and kwargs.keys() <= UNDERSTOOD:
                response = await self._call(neighbour, server_name, url_path, method, kwargs)
            elif isinstance(neighbour, ModelServer) and url_path in _MODEL_METHODS and kwargs.keys() <= UNDERSTOOD:
                response = await self._ask(server_name, url_path, kwargs)
            else:
                return await super().request(server_name=server_name, url_path=url_path, method=method, **kwargs)
        return response  # type: ignore[return-value]

    async def _call(
        self, server: AsgiServer, name: str, url_path: str, method: str, options: dict[str, Any]
    ) -> "LocalResponse":
        body, headers = _body_of(options)
        path = self._prefixed(name, url_path, options.get("json"))
        if params := options.get("params"):
            path = str(URL(path).update_query(params))
        if cookies := _cookie_header(options.get("cookies")):
            headers["cookie"] = cookies
        async with asyncio.timeout(_seconds(options.get("timeout"))):
            answer = await call_app(server.app(), method, path, body, headers)
        return LocalResponse(method, lambda: self._url(name, path), answer.status, answer.headers, answer.body)

    def _url(self, name: str, path: str) -> URL:
        return URL(self._build_server_base_url(get_first_server_config_dict(self.global_config_dict, name)) + path)

    async def _ask(self, name: str, url_path: str, options: dict[str, Any]) -> "LocalResponse":
        """A model server of polygym's, asked by method; its failures are noted, and shown as HTTP would."""
        assert self._directory is not None
        params = options.get("json")
        params = params.model_dump(exclude_unset=True) if isinstance(params, BaseModel) else dict(params or {})
        notes = current_notes()
        rollout_id = (notes.context.rollout_id if notes else "") or uuid4().hex
        model = self._directory.model(ModelServerRef(name=name))
        method = getattr(model, _MODEL_METHODS[url_path])
        status = 200
        try:
            answer = await method(params, RolloutContext(rollout_id))
        except RolloutFailure as failure:
            if notes is not None:
                notes.failure = failure
            status, answer = status_of(failure), failure_body(failure)
        headers = [("content-type", "application/json")]
        return LocalResponse("POST", lambda: self._url(name, url_path), status, headers, dumps(answer))


_MODEL_METHODS: Final = {"/v1/responses": "responses", "/v1/chat/completions": "chat_completions"}


def _stage_of(server: Server | None, url_path: str) -> Stage:
    server_type = getattr(server, "server_type", None)
    if isinstance(server, ModelServer) or server_type == "responses_api_models":
        return Stage.MODEL
    return STAGES.get(url_path, Stage.AGENT if server_type == "responses_api_agents" else Stage.TOOL)


def _body_of(options: Mapping[str, Any]) -> tuple[bytes, dict[str, str]]:
    headers = {str(name).lower(): str(value) for name, value in dict(options.get("headers") or {}).items()}
    content = options.get("json")
    if content is None:
        data = options.get("data") or b""
        return data if isinstance(data, bytes) else str(data).encode(), headers
    if isinstance(content, BaseModel):
        content = content.model_dump(exclude_unset=True)
    return orjson.dumps(content), {"content-type": "application/json", **headers}


def _cookie_header(cookies: Any) -> str:
    pairs = dict(cookies or {}).items()
    return "; ".join(f"{name}={getattr(value, 'value', value)}" for name, value in pairs)


def _seconds(timeout: Any) -> float | None:
    return getattr(timeout, "total", timeout)  # type: ignore[no-any-return]


class LocalResponse:
    """The answer of a server in this process, as an answer of aiohttp's looks to who reads it."""

    def __init__(
        self, method: str, locate: Callable[[], URL], status: int, headers: list[tuple[str, str]], body: bytes
    ) -> None:
        """`locate` gives its URL, which hardly anybody asks for and takes a while."""
        self.method, self.status = method, status
        self._locate = locate
        self.headers = CIMultiDictProxy(CIMultiDict(headers))
        self.content = self
        self._body = body

    @property
    def url(self) -> URL:
        """Where the answer is from."""
        return self._locate()

    @property
    def ok(self) -> bool:
        """Whether the status is below 400."""
        return self.status < 400

    @property
    def reason(self) -> str:
        """There is none."""
        return ""

    @property
    def content_type(self) -> str:
        """The media type."""
        return str(self.headers.get("content-type", "application/octet-stream")).partition(";")[0]

    @property
    def cookies(self) -> SimpleCookie:
        """The cookies that the answer sets."""
        jar = SimpleCookie()
        for header in self.headers.getall("set-cookie", ()):
            jar.load(header)
        return jar

    @property
    def request_info(self) -> RequestInfo:
        """What was asked."""
        return RequestInfo(self.url, self.method, CIMultiDictProxy(CIMultiDict()), self.url)

    async def read(self, *_: Any) -> bytes:
        """The body."""
        return self._body

    async def text(self, encoding: str | None = None, errors: str = "strict") -> str:
        """The body as text."""
        return self._body.decode(encoding or "utf-8", errors)

    async def json(self, **_: Any) -> Any:
        """The body as JSON."""
        return orjson.loads(self._body)

    def raise_for_status(self) -> None:
        """Raise ClientResponseError for a status of 400 and more."""
        if not self.ok:
            headers: Any = self.headers
            raise ClientResponseError(self.request_info, (), status=self.status, message=self.reason, headers=headers)

    def release(self) -> None:
        """There is nothing to let go of."""

    def close(self) -> None:
        """There is nothing to close."""

    async def __aenter__(self) -> "LocalResponse":
        return self

    async def __aexit__(self, *_: Any) -> None:
        return None
