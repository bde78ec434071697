"""Our servers behind HTTP: the endpoints of the protocol, each a call to the same methods that embedded callers use.

The only place where a request, a cookie or a status code meets a server of ours.
"""

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import TYPE_CHECKING

from aiohttp import web

from polygym.channels.answers import InvalidBody, json_response, read_object
from polygym.channels.cookies import ANSWERED, cookies_of, give_back
from polygym.channels.embedded import EmbeddedAgent, EmbeddedResources
from polygym.channels.exposure import URL_PATH
from polygym.channels.headers import CONTENT, DURATIONS, ROLLOUT, durations_header, limits_of
from polygym.channels.routing import LARGEST_BODY, Endpoints, no_such_endpoint
from polygym.protocol.calls import RolloutContext, ToolResult
from polygym.protocol.errors import ConfigError
from polygym.protocol.json import JsonObject, loads
from polygym.protocol.responses import new_id, with_defaults
from polygym.protocol.rollouts import rollout_id_of
from polygym.protocol.tasks import PARAMS

if TYPE_CHECKING:
    from polygym.channels.mcp import McpEndpoint


def _context_of(row: JsonObject, request: web.BaseRequest) -> RolloutContext:
    return RolloutContext(_rollout_id(row, request), cookies_of(request), limits_of(request.headers))


def _rollout_id(row: JsonObject, request: web.BaseRequest) -> str:
    return request.headers.get(ROLLOUT) or rollout_id_of(row) or new_id("rollout")


class ResourcesEdge(Endpoints):
    """`/seed_session`, `/next_user_message`, `/verify`, `/close_session` and their like, and one POST per tool."""

    def __init__(self, resources: EmbeddedResources) -> None:
        super().__init__(resources.cookie)
        self._resources = resources
        self.post("/seed_session", self._seed_session)
        self.post("/next_user_message", self._next_user_message)
        self.post("/verify", self._verify)
        self.post("/close_session", self._close_session)
        self.post("/aggregate_metrics", self._aggregate_metrics)
        self.get("/reverify_mode", self._reverify_mode)
        self._mcp = None if resources.exposure is None else _mcp_endpoint(resources)
        if self._mcp is not None:
            self.post(URL_PATH, self._mcp.handle)
        self.otherwise = self._reach_tool

    def running(self) -> AbstractAsyncContextManager[object]:
        """The MCP server, if the tools are exposed."""
        return super().running() if self._mcp is None else self._mcp.running()

    async def _reach_tool(self, request: web.BaseRequest) -> web.StreamResponse:
        """A tool's path is its name, in one piece."""
        path = request.rel_url.path_safe
        if self._mcp is not None and path.startswith(URL_PATH + "/"):
            return await self._mcp.handle(request)
        if path.count("/") > 1:
            return await no_such_endpoint(request)
        if request.method != "POST":
            raise web.HTTPMethodNotAllowed(request.method, ["POST"])
        return await self._call_tool(request.rel_url.name, request)

    async def _seed_session(self, request: web.BaseRequest) -> web.Response:
        row = await read_object(request)
        with self._credentials(request, row) as context:
            session = await self._resources.open_outside(row, context)
        return json_response(session.seed)

    async def _call_tool(self, name: str, request: web.BaseRequest) -> web.Response:
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

    async def _next_user_message(self, request: web.BaseRequest) -> web.Response:
        answer = _response_in(await read_object(request))
        with self._credentials(request, {}) as context:
            async with self._resources.attach(context) as session:
                message = await session.next_user_message(answer)
        return json_response({"content": message})

    async def _verify(self, request: web.BaseRequest) -> web.Response:
        row = await read_object(request)
        answer = _response_in(row)
        del row["response"]
        row.setdefault(PARAMS, {"input": []})
        with self._credentials(request, row) as context:
            return json_response(await self._resources.verify(row, with_defaults(answer), context))

    async def _close_session(self, request: web.BaseRequest) -> web.Response:
        body = await read_object(request)
        with self._credentials(request, {}) as context:
            await self._resources.end(context)
        return json_response({"resources_session_id": body.get("resources_session_id")})

    @contextmanager
    def _credentials(self, request: web.BaseRequest, row: JsonObject) -> Iterator[RolloutContext]:
        """The caller's context, whose session goes back to the caller whatever becomes of the call."""
        context, name = _context_of(row, request), self._resources.cookie
        try:
            yield context
        finally:
            if name in context.credentials:
                give_back(request, name, context.credentials[name])

    async def _aggregate_metrics(self, request: web.BaseRequest) -> web.Response:
        return json_response(await self._resources.aggregate_metrics(await _verify_responses(request)))

    async def _reverify_mode(self, request: web.BaseRequest) -> web.Response:
        return json_response("unknown")


def _mcp_endpoint(resources: EmbeddedResources) -> "McpEndpoint":
    try:
        from polygym.channels.mcp import McpEndpoint  # the SDK takes a second to import
    except ModuleNotFoundError as error:
        message = f"{resources.server.name}: expose_tools_over_mcp needs the package {error.name}."
        raise ConfigError(f"{message} pip install 'polygym[mcp]'") from error
    return McpEndpoint(resources, largest_body=LARGEST_BODY)


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


async def _verify_responses(request: web.BaseRequest) -> list[JsonObject]:
    rows = (await read_object(request)).get("verify_responses")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InvalidBody("list_type", ["verify_responses"], "Input should be a list of verified rows", None)
    return rows


class AgentEdge(Endpoints):
    """`/run`, `/v1/responses`, `/aggregate_metrics` of an agent server."""

    def __init__(self, agent: EmbeddedAgent) -> None:
        super().__init__()
        self._agent = agent
        self.post("/run", self._run)
        self.post("/v1/responses", self._responses)
        self.post("/aggregate_metrics", self._aggregate_metrics)

    async def _run(self, request: web.BaseRequest) -> web.Response:
        row = await read_object(request)
        if not isinstance(row.get(PARAMS), dict):
            raise InvalidBody("missing", [PARAMS], "Field required: what the model is asked", row.get(PARAMS))
        context = RolloutContext(_rollout_id(row, request), limits_s=limits_of(request.headers))
        response = json_response(await self._agent.guarded(self._agent.run(row, context)))
        if ROLLOUT in request.headers and (durations := durations_header(context)) is not None:
            response.headers[DURATIONS] = durations
        return response

    async def _responses(self, request: web.BaseRequest) -> web.Response:
        context = _context_of({}, request)
        request[ANSWERED] = context.credentials
        return json_response(await self._agent.responses(await read_object(request), context))

    async def _aggregate_metrics(self, request: web.BaseRequest) -> web.Response:
        return json_response(await self._agent.aggregate_metrics(await _verify_responses(request)))
