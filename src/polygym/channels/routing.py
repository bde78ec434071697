"""Which request goes to which handler, and every error turned into the protocol's answer.

On aiohttp's low-level server: its applications, with router, middlewares and signals, take a sixth of a request's time
for what a dictionary does here.
"""

import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Final, Protocol, TypeAlias

from aiohttp import hdrs, web

from polygym.channels.answers import InvalidBody, failure_body, failure_response, json_response
from polygym.channels.cookies import ANSWERED, cookies_of, give_back, put_cookies
from polygym.protocol.failures import RolloutFailure, describe

log = logging.getLogger("polygym.edge")

Handler: TypeAlias = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
LARGEST_BODY: Final = 1 << 30
"""Bytes; images and long contexts travel inside JSON."""


class Served(Protocol):
    """What can be put on a socket."""

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """The answer of one request."""
        ...

    def running(self) -> AbstractAsyncContextManager[object]:
        """Open as long as requests come."""
        ...


class Endpoints:
    """The endpoints of one server of ours, liveness among them.

    The caller's cookie of the name `cookie` goes back with every answer.
    """

    def __init__(self, cookie: str | None = None) -> None:
        self.otherwise: Handler = no_such_endpoint
        """Takes the requests that no endpoint takes."""
        self._cookie = cookie
        self.handlers: dict[str, dict[str, Handler]] = {}
        """By path and method."""
        for path in ("/", "/livez", "/readyz", "/healthz", "/health"):
            self.get(path, _alive)

    def get(self, path: str, handler: Handler) -> None:
        """`handler` answers GET and HEAD of `path`."""
        self.handlers.setdefault(path, {}).update({"GET": handler, "HEAD": handler})

    def post(self, path: str, handler: Handler) -> None:
        """`handler` answers POST of `path`."""
        self.handlers.setdefault(path, {})["POST"] = handler

    def running(self) -> AbstractAsyncContextManager[object]:
        """Nothing has to be kept up."""
        return nullcontext()

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """The answer of one request; never raises but when it is cancelled."""
        try:
            if hdrs.EXPECT in request.headers:
                await meet_expectation(request)
            response = await self._handler_of(request)(request)
        except Exception as error:
            response = _answer_to(error, request)
        if not response.prepared:
            if ANSWERED not in request and self._cookie is not None and self._cookie in (sent := cookies_of(request)):
                give_back(request, self._cookie, sent[self._cookie])
            put_cookies(request, response)
        return response

    def _handler_of(self, request: web.BaseRequest) -> Handler:
        handlers = self.handlers.get(request.rel_url.path_safe)
        if handlers is None:
            return self.otherwise
        handler = handlers.get(request.method)
        if handler is None:
            raise web.HTTPMethodNotAllowed(request.method, handlers)
        return handler


def _answer_to(error: Exception, request: web.BaseRequest) -> web.Response:
    if isinstance(error, RolloutFailure):
        return failure_response(error, failure_body(error))
    if isinstance(error, InvalidBody):
        return json_response({"detail": error.detail}, 422)
    if isinstance(error, web.HTTPException):
        return json_response({"detail": error.reason}, error.status)
    log.warning("%s %s: %s", request.method, request.path, describe(error), exc_info=error)
    return json_response(repr(error), 500)


async def no_such_endpoint(request: web.BaseRequest) -> web.StreamResponse:
    """Refuse the request."""
    raise web.HTTPNotFound


async def meet_expectation(request: web.BaseRequest) -> None:
    """Tell a caller that waits with its body to go on. Raises HTTPExpectationFailed for any other expectation."""
    if request.headers[hdrs.EXPECT].lower() != "100-continue":
        raise web.HTTPExpectationFailed
    await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    request.writer.output_size = 0  # or the answer would count as begun


async def _alive(request: web.BaseRequest) -> web.StreamResponse:
    return json_response({"status": "ok"})
