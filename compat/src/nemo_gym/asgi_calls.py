"""Calls of an ASGI application in this process, and middleware that rewrites the JSON bodies of one path."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Protocol


class AppAnswer(NamedTuple):
    """What an application answered, whole."""

    status: int
    headers: list[tuple[str, str]]
    """Names in lower case; one may occur more than once."""
    body: bytes


async def call_app(
    app: Any, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
) -> AppAnswer:
    """One request to an ASGI application, without a socket. Raises what the application lets through."""
    path, _, query = path.partition("?")
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": list(_encoded((headers or {}).items(), len(body))),
        "client": ("127.0.0.1", 0),
        "server": ("127.0.0.1", 80),
        "state": {},
    }
    is_sent = False
    status, answer_headers, parts = 500, [], []

    async def receive() -> dict[str, Any]:
        nonlocal is_sent
        if is_sent:
            return {"type": "http.disconnect"}
        is_sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Mapping[str, Any]) -> None:
        nonlocal status, answer_headers
        if message["type"] == "http.response.start":
            status = message["status"]
            answer_headers = [
                (name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in message["headers"]
            ]
        elif message["type"] == "http.response.body":
            parts.append(message.get("body", b""))

    await app(scope, receive, send)
    return AppAnswer(status, answer_headers, b"".join(parts))


def _encoded(headers: Iterable[tuple[str, str]], length: int) -> Iterable[tuple[bytes, bytes]]:
    yield b"host", b"127.0.0.1"
    yield b"content-length", str(length).encode()
    for name, value in headers:
        yield name.lower().encode("latin-1"), value.encode("latin-1")


class Rewrite(Protocol):
    """What is done to the bodies."""

    def request(self, scope: Mapping[str, Any], body: Any) -> tuple[Any, Any]:
        """The request's body, rewritten, and what `answer` is to know of it."""
        ...

    def answer(self, scope: Mapping[str, Any], body: Any, known: Any) -> Any:
        """The body of a good answer, rewritten."""
        ...


class BodyRewriter:
    """ASGI middleware that rewrites the JSON of requests to one path and of their answers; other bodies pass."""

    def __init__(self, app: Any, path: str, rewrite: Rewrite) -> None:
        self._app = app
        self._path = path
        self._rewrite = rewrite

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"] != self._path:
            await self._app(scope, receive, send)
            return
        received = bytearray()
        has_more = True
        while has_more:
            message = await receive()
            received += message.get("body", b"")
            has_more = message.get("more_body", False)
        body, known = bytes(received), None
        try:
            rewritten, known = self._rewrite.request(scope, json.loads(body))
            body = json.dumps(rewritten).encode()
        except ValueError:
            pass  # the application says what is wrong with it
        headers = [(name, value) for name, value in scope["headers"] if name != b"content-length"]
        scope = {**scope, "headers": [*headers, (b"content-length", str(len(body)).encode())]}
        answer = _Answer(scope, self._rewrite, known, send)
        await self._app(scope, _one_message(body, receive), answer.send)


def _one_message(body: bytes, receive: Any) -> Any:
    is_given = False

    async def give() -> Any:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return give


class _Answer:
    """An answer that is held back until it is whole, and rewritten when it is good."""

    def __init__(self, scope: Any, rewrite: Rewrite, known: Any, send: Any) -> None:
        self._scope, self._rewrite, self._known, self._send = scope, rewrite, known, send
        self._start: Any = None
        self._body = bytearray()

    async def send(self, message: Any) -> None:
        """The next part."""
        if message["type"] == "http.response.start":
            self._start = message
            return
        self._body += message.get("body", b"")
        if message.get("more_body", False):
            return
        body = bytes(self._body)
        if self._start["status"] == 200:
            body = json.dumps(self._rewrite.answer(self._scope, json.loads(body), self._known)).encode()
        headers = [(name, value) for name, value in self._start["headers"] if name.lower() != b"content-length"]
        headers.append((b"content-length", str(len(body)).encode()))
        await self._send({**self._start, "headers": headers})
        await self._send({"type": "http.response.body", "body": body, "more_body": False})
