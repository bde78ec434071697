"""Our servers behind HTTP: the endpoints of the protocol, each a call to the same methods that embedded callers use.

The only place where a request, a cookie or a status code meets a server of ours.
"""

import logging
import math
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager

from aiohttp import web

from polygym.channels.embedded import EmbeddedAgent, EmbeddedResources
from polygym.channels.exposure import URL_PATH
from polygym.channels.headers import CONTENT, DURATIONS, ROLLOUT, durations_header, limits_of
from polygym.protocol.calls import RolloutContext, ToolResult
from polygym.protocol.errors import ConfigError
from polygym.protocol.failures import FailureClass, RolloutFailure, describe
from polygym.protocol.json import JsonObject, dumps, loads
from polygym.protocol.responses import new_id, with_defaults
from polygym.protocol.rollouts import rollout_id_of
from polygym.protocol.tasks import PARAMS

log = logging.getLogger("polygym.edge")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
LARGEST_BODY = 1 << 30
"""Bytes; images and long contexts travel inside JSON."""
COOKIE_AGE_S = 14 * 24 * 3600
PLAIN_VALUE = re.compile(r"[\w.~-]+", re.ASCII)
"""A cookie's value that needs no quoting: every one that we make."""
COOKIES = web.RequestKey("cookies", dict[str, str])
"""The cookies of a request's answer."""


class InvalidBody(Exception):
    """A request's body is not what the endpoint takes."""

    def __init__(self, kind: str, location: list[str], message: str, given: object = None) -> None:
        super().__init__(message)
        self.detail = [{"type": kind, "loc": ["body", *location], "msg": message, "input": given}]


async def read_object(request: web.Request) -> JsonObject:
    """The request's body as a JSON object; an absent body is an empty one. Raises InvalidBody."""
    body = await request.read()
    if not body:
        return {}
    try:
        value = loads(body)
    except ValueError as error:
        raise InvalidBody("json_invalid", [], f"JSON decode error: {error}") from error
    if not isinstance(value, dict):
        raise InvalidBody("dict_type", [], "Input should be a JSON object", value)
    return value


def json_response(value: object, status: int = 200) -> web.Response:
    """A JSON answer."""
    return web.Response(body=dumps(value), status=status, content_type="application/json")


def new_app(cookie: str | None = None) -> web.Application:
    """An application with liveness routes that turns errors into the protocol's answers.

    The caller's cookie of the name `cookie` goes back with every answer.
    """

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        request[COOKIES] = {name: value for name, value in request.cookies.items() if name == cookie}
        response = await _answer(request, handler)
        if not response.prepared:
            put_cookies(request, response)
        return response

    app = web.Application(middlewares=[answer], client_max_size=LARGEST_BODY)
    for path in ("/", "/livez", "/readyz", "/healthz", "/health"):
        app.router.add_get(path, _alive)
    return app


def put_cookies(request: web.Request, response: web.StreamResponse) -> None:
    """Put the cookies of a request's answer on it, before its headers go out."""
    for name, value in request[COOKIES].items():
        _set_cookie(response, name, value)
        response.headers["Vary"] = "Cookie"


def _set_cookie(response: web.StreamResponse, name: str, value: str) -> None:
    if PLAIN_VALUE.fullmatch(value):  # `set_cookie` takes as long as the rest of an answer
        attributes = f"HttpOnly; Max-Age={COOKIE_AGE_S}; Path=/; SameSite=lax"
        response.headers.add("Set-Cookie", f"{name}={value}; {attributes}")
    else:
        response.set_cookie(name, value, max_age=COOKIE_AGE_S, httponly=True, samesite="lax", path="/")


async def _alive(request: web.Request) -> web.Response:
    return json_response({"status": "ok"})


async def _answer(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as refusal:
        return json_response({"detail": refusal.reason}, refusal.status)
    except InvalidBody as error:
        return json_response({"detail": error.detail}, 422)
    except RolloutFailure as failure:
        return failure_response(failure, failure_body(failure))
    except Exception as error:
        log.warning("%s %s: %s", request.method, request.path, describe(error), exc_info=error)
        return json_response(repr(error), 500)


STATUS_OF: Mapping[FailureClass, int] = {
    FailureClass.MODEL_UNAVAILABLE: 503,
    FailureClass.MODEL_RATE_LIMITED: 429,
    FailureClass.MODEL_REJECTED: 400,
    FailureClass.MODEL_BAD_RESPONSE: 502,
    FailureClass.CONTEXT_EXCEEDED: 400,
    FailureClass.CONTENT_FILTERED: 400,
    FailureClass.TIMEOUT: 504,
    FailureClass.ENVIRONMENT_LOST: 503,
    FailureClass.CANCELLED: 503,
}
"""HTTP status under which a failure is reported; 500 for the classes that are not listed."""


def status_of(failure: RolloutFailure) -> int:
    """The error status that the other side answered with, else the one of the failure's class."""
    if failure.http_status is not None and 400 <= failure.http_status < 600:
        return failure.http_status
    return STATUS_OF.get(failure.failure_class, 500)


def failure_response(failure: RolloutFailure, body: JsonObject) -> web.Response:
    """The answer that reports a failure, with `body`."""
    response = json_response(body, status_of(failure))
    if failure.retry_after_s is not None:
        response.headers["Retry-After"] = str(math.ceil(failure.retry_after_s))
    return response


def failure_body(failure: RolloutFailure) -> JsonObject:
    """A failure as an answer: OpenAI's error object, and the keys of the failures file."""
    error = {"message": failure.message, "type": str(failure.failure_class), "code": str(failure.failure_class)}
    return {"error": error, **failure.to_json()}


def _context_of(row: JsonObject, request: web.Request) -> RolloutContext:
    return RolloutContext(_rollout_id(row, request), dict(request.cookies), limits_of(request.headers))


def _rollout_id(row: JsonObject, request: web.Request) -> str:
    return request.headers.get(ROLLOUT) or rollout_id_of(row) or new_id("rollout")


class ResourcesEdge:
    """`/seed_session`, `/next_user_message`, `/verify`, `/close_session` and their like, and one POST per tool."""

    def __init__(self, resources: EmbeddedResources) -> None:
        self._resources = resources

    def app(self) -> web.Application:
        """The application to serve."""
        app = new_app(self._resources.cookie)
        app.router.add_post("/seed_session", self._seed_session)
        app.router.add_post("/next_user_message", self._next_user_message)
        app.router.add_post("/verify", self._verify)
        app.router.add_post("/close_session", self._close_session)
        app.router.add_post("/aggregate_metrics", self._aggregate_metrics)
        app.router.add_get("/reverify_mode", self._reverify_mode)
        if self._resources.exposure is not None:
            self._serve_mcp(app)
        app.router.add_post("/{tool}", self._call_tool)
        return app

    def _serve_mcp(self, app: web.Application) -> None:
        try:
            from polygym.channels.mcp import McpEndpoint  # the SDK takes a second to import
        except ModuleNotFoundError as error:
            message = f"{self._resources.server.name}: expose_tools_over_mcp needs the package {error.name}."
            raise ConfigError(f"{message} pip install 'polygym[mcp]'") from error
        endpoint = McpEndpoint(self._resources, largest_body=LARGEST_BODY)
        app.cleanup_ctx.append(endpoint.run)
        app.router.add_post(URL_PATH, endpoint.handle)
        app.router.add_post(URL_PATH + "/{rest:.*}", endpoint.handle)

    async def _seed_session(self, request: web.Request) -> web.Response:
        row = await read_object(request)
        with self._credentials(request, row) as context:
            session = await self._resources.open_outside(row, context)
        return json_response(session.seed)

    async def _call_tool(self, request: web.Request) -> web.Response:
        name = request.match_info["tool"]
        alias = self._resources.server.route_aliases.get(name)
        if alias is not None and ROLLOUT not in request.headers:  # our agents send it: then the model makes the call
            return await (self._seed_session if alias == "seed_session" else self._close_session)(request)
        if not self._resources.server.may_offer(name):
            return _tool_response(self._resources.server.unknown_tool(name), 404)
        arguments = await read_object(request)
        with self._credentials(request, {}) as context:
            async with self._resources.attach(context) as session:
                result = await session.call_tool(name, arguments)
        return _tool_response(result, 400 if result.is_error else 200)

    async def _next_user_message(self, request: web.Request) -> web.Response:
        answer = _response_in(await read_object(request))
        with self._credentials(request, {}) as context:
            async with self._resources.attach(context) as session:
                message = await session.next_user_message(answer)
        return json_response({"content": message})

    async def _verify(self, request: web.Request) -> web.Response:
        row = await read_object(request)
        answer = _response_in(row)
        del row["response"]
        row.setdefault(PARAMS, {"input": []})
        with self._credentials(request, row) as context:
            return json_response(await self._resources.verify(row, with_defaults(answer), context))

    async def _close_session(self, request: web.Request) -> web.Response:
        body = await read_object(request)
        with self._credentials(request, {}) as context:
            await self._resources.end(context)
        return json_response({"resources_session_id": body.get("resources_session_id")})

    @contextmanager
    def _credentials(self, request: web.Request, row: JsonObject) -> Iterator[RolloutContext]:
        """The caller's context, whose session goes back to the caller whatever becomes of the call."""
        context, name = _context_of(row, request), self._resources.cookie
        try:
            yield context
        finally:
            if name in context.credentials:
                request[COOKIES] = {name: context.credentials[name]}

    async def _aggregate_metrics(self, request: web.Request) -> web.Response:
        return json_response(await self._resources.aggregate_metrics(await _verify_responses(request)))

    async def _reverify_mode(self, request: web.Request) -> web.Response:
        return json_response("unknown")


def _response_in(body: JsonObject) -> JsonObject:
    answer = body.get("response")
    if not isinstance(answer, dict):
        raise InvalidBody("missing", ["response"], "Field required: the model's Response object", answer)
    return answer


def _tool_response(result: ToolResult, status: int) -> web.Response:
    if result.content is not None:
        response = json_response(result.content, status)
        response.headers[CONTENT] = "parts"
        return response
    return web.Response(text=result.output, status=status, content_type=_content_type(result.output))


def _content_type(text: str) -> str:
    """What a tool's output is: JSON, or text as its author wrote it."""
    try:
        loads(text)
    except ValueError:
        return "text/plain"
    return "application/json"


async def _verify_responses(request: web.Request) -> list[JsonObject]:
    rows = (await read_object(request)).get("verify_responses")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InvalidBody("list_type", ["verify_responses"], "Input should be a list of verified rows", None)
    return rows


def agent_app(agent: EmbeddedAgent) -> web.Application:
    """`/run`, `/v1/responses`, `/aggregate_metrics` of an agent server."""

    async def run(request: web.Request) -> web.Response:
        row = await read_object(request)
        if not isinstance(row.get(PARAMS), dict):
            raise InvalidBody("missing", [PARAMS], "Field required: what the model is asked", row.get(PARAMS))
        context = RolloutContext(_rollout_id(row, request), limits_s=limits_of(request.headers))
        response = json_response(await agent.run(row, context))
        if ROLLOUT in request.headers and (durations := durations_header(context)) is not None:
            response.headers[DURATIONS] = durations
        return response

    async def responses(request: web.Request) -> web.Response:
        context = _context_of({}, request)
        request[COOKIES] = context.credentials
        return json_response(await agent.responses(await read_object(request), context))

    async def aggregate_metrics(request: web.Request) -> web.Response:
        return json_response(await agent.aggregate_metrics(await _verify_responses(request)))

    app = new_app()
    app.router.add_post("/run", run)
    app.router.add_post("/v1/responses", responses)
    app.router.add_post("/aggregate_metrics", aggregate_metrics)
    return app
