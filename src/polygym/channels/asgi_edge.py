"""ASGI applications of this process, served on a socket like our own servers."""

from contextlib import AbstractAsyncContextManager, nullcontext
from http import HTTPStatus

from aiohttp import hdrs, web

from polygym.channels.asgi import given, scope_of
from polygym.channels.routing import meet_expectation
from polygym.servers.asgi import AsgiServer, Message


class AsgiEdge:
    """An application, to be served like our own servers' endpoints. Parts of an answer go out as they come."""

    def __init__(self, server: AsgiServer) -> None:
        self._server = server

    def running(self) -> AbstractAsyncContextManager[object]:
        """The server itself starts and stops its application."""
        return nullcontext()

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """The application's answer."""
        if hdrs.EXPECT in request.headers:
            await meet_expectation(request)
        headers = [(name.lower(), value) for name, value in request.raw_headers]
        scope = scope_of(request.method, request.path, headers, request.query_string)
        answer = _Relayed(request)
        await self._server.app()(scope, given(await request.read()), answer.send)
        return await answer.finished()


class _Relayed:
    """An application's answer, sent on as it comes."""

    def __init__(self, request: web.BaseRequest) -> None:
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
