"""ASGI applications of this process: called without a socket, and served on one."""

from http import HTTPStatus
from typing import Any

from aiohttp import web

from polygym.channels.headers import CONTENT, DURATIONS, take_durations
from polygym.channels.http import Answer, HttpServer
from polygym.protocol.calls import RolloutContext
from polygym.protocol.failures import describe
from polygym.protocol.json import JsonObject, dumps
from polygym.servers.asgi import AsgiServer, Message, Receive, Scope

LARGEST_BODY = 1 << 30
"""Bytes; images and long contexts travel inside JSON."""
PLACE = ("127.0.0.1", 0)
"""Where the caller is, as an application is told."""


class AsgiConnection(HttpServer):
    """As `HttpServer`, to an application of this process. Sessions are its cookies, as over HTTP."""

    def __init__(self, server: AsgiServer) -> None:
        super().__init__(server.name, f"asgi://{server.name}", is_ours=False)
        self._server = server

    async def _exchange(self, path: str, body: JsonObject, headers: dict[str, str], context: RolloutContext) -> Answer:
        answer = _Collected()
        content = dumps(body)
        sent = {**headers, "Content-Type": "application/json", "Content-Length": str(len(content))}
        try:
            await self._server.app()(_scope("POST", path, list(_encoded(sent))), _given(content), answer.send)
        except Exception as error:  # one that turns errors into answers itself never comes here
            return Answer(HTTPStatus.INTERNAL_SERVER_ERROR.value, dumps(describe(error)), has_parts=False)
        for header in answer.all("set-cookie"):
            name, _, rest = header.partition("=")
            context.credentials[name.strip()] = rest.partition(";")[0].strip()
        if durations := answer.all(DURATIONS.lower()):
            take_durations({DURATIONS: durations[0]}, context)
        return Answer(answer.status, b"".join(answer.parts), bool(answer.all(CONTENT.lower())))


def _encoded(headers: dict[str, str]) -> Any:
    yield b"host", b"127.0.0.1"
    for name, value in headers.items():
        yield name.lower().encode("latin-1"), value.encode("latin-1")


def _scope(method: str, path: str, headers: list[tuple[bytes, bytes]], query: str = "") -> Scope:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": headers,
        "client": PLACE,
        "server": PLACE,
        "state": {},
    }


def _given(body: bytes) -> Receive:
    is_given = False

    async def receive() -> Message:
        nonlocal is_given
        if is_given:
            return {"type": "http.disconnect"}
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


class _Collected:
    """An application's answer, collected."""

    def __init__(self) -> None:
        self.status = HTTPStatus.INTERNAL_SERVER_ERROR.value
        self.parts: list[bytes] = []
        self._headers: list[tuple[bytes, bytes]] = []

    async def send(self, message: Message) -> None:
        """The next part of it."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._headers = list(message.get("headers") or ())
        elif message["type"] == "http.response.body":
            self.parts.append(message.get("body", b""))

    def all(self, name: str) -> list[str]:
        """The values of a header; the name in lower case."""
        wanted = name.encode()
        return [value.decode("latin-1") for key, value in self._headers if key.lower() == wanted]


def asgi_edge(server: AsgiServer) -> web.Application:
    """The application, to be served like our own servers' endpoints. Parts of an answer go out as they come."""

    async def handle(request: web.Request) -> web.StreamResponse:
        headers = [(name.lower(), value) for name, value in request.raw_headers]
        scope = _scope(request.method, request.path, headers, request.query_string)
        answer = _Relayed(request)
        await server.app()(scope, _given(await request.read()), answer.send)
        return await answer.finished()

    app = web.Application(client_max_size=LARGEST_BODY)
    app.router.add_route("*", "/{path:.*}", handle)
    return app


class _Relayed:
    """An application's answer, sent on as it comes."""

    def __init__(self, request: web.Request) -> None:
        self._request = request
        self._response = web.StreamResponse(status=HTTPStatus.INTERNAL_SERVER_ERROR)

    async def send(self, message: Message) -> None:
        """The next part of it."""
        if message["type"] == "http.response.start":
            self._response = web.StreamResponse(status=message["status"])
            for name, value in message.get("headers") or ():
                self._response.headers.add(name.decode("latin-1"), value.decode("latin-1"))
        elif message["type"] == "http.response.body":
            if not self._response.prepared:
                await self._response.prepare(self._request)
            if body := message.get("body"):
                await self._response.write(body)

    async def finished(self) -> web.StreamResponse:
        """The answer, all of it sent."""
        if not self._response.prepared:
            await self._response.prepare(self._request)
        await self._response.write_eof()
        return self._response
