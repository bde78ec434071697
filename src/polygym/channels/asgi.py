"""ASGI applications of this process, called without a socket."""

from collections.abc import Iterator
from http import HTTPStatus

from polygym.channels.headers import CONTENT, DURATIONS, take_durations
from polygym.channels.http import Answer, HttpServer
from polygym.protocol.calls import RolloutContext
from polygym.protocol.failures import describe
from polygym.protocol.json import JsonObject, dumps
from polygym.servers.asgi import AsgiServer, Message, Receive, Scope

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
            await self._server.app()(scope_of("POST", path, list(_encoded(sent))), given(content), answer.send)
        except Exception as error:  # one that turns errors into answers itself never comes here
            return Answer(HTTPStatus.INTERNAL_SERVER_ERROR.value, dumps(describe(error)), has_parts=False)
        for header in answer.all("set-cookie"):
            name, _, rest = header.partition("=")
            context.credentials[name.strip()] = rest.partition(";")[0].strip()
        if durations := answer.all(DURATIONS.lower()):
            take_durations({DURATIONS: durations[0]}, context)
        return Answer(answer.status, b"".join(answer.parts), bool(answer.all(CONTENT.lower())))


def _encoded(headers: dict[str, str]) -> Iterator[tuple[bytes, bytes]]:
    yield b"host", b"127.0.0.1"
    for name, value in headers.items():
        yield name.lower().encode("latin-1"), value.encode("latin-1")


def scope_of(method: str, path: str, headers: list[tuple[bytes, bytes]], query: str = "") -> Scope:
    """The scope of one HTTP request; names of headers in lower case."""
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


def given(body: bytes) -> Receive:
    """What an application receives of a request whose body is `body`."""
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
