"""A resources server as an MCP server over streamable HTTP, for agents that bring their own way of calling tools.

Every request stands alone and is answered in one piece of JSON; whose rollout it belongs to says the token in its
header. The protocol is the official SDK's, package `mcp`, whose ASGI application is bridged to aiohttp here.
"""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import mcp_types as types
from aiohttp import web
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.exceptions import MCPError

from polygym.channels.exposure import TOKEN_HEADER, TokenError
from polygym.protocol.calls import ToolResult
from polygym.protocol.failures import RolloutFailure
from polygym.protocol.json import JsonObject, loads

logging.getLogger("mcp.server.streamable_http").setLevel(logging.WARNING)  # INFO is a line for every request

if TYPE_CHECKING:
    from polygym.channels.embedded import EmbeddedResources


class McpEndpoint:
    """`POST /mcp` of one resources server."""

    def __init__(self, resources: "EmbeddedResources", *, largest_body: int) -> None:
        self._resources = resources
        server: Server[Any] = Server(
            resources.server.name,
            on_list_tools=self._list_tools,
            on_call_tool=self._call_tool,
            get_tool_input_schema=lambda name: None,  # arguments are checked where every caller's are
        )
        self._manager = StreamableHTTPSessionManager(
            server, json_response=True, stateless=True, max_request_body_size=largest_body
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep the SDK's tasks while requests come."""
        is_up, is_over = asyncio.Event(), asyncio.Event()

        async def keep() -> None:
            async with self._manager.run():
                is_up.set()
                await is_over.wait()

        # In a task of its own: the SDK's task group has to be left by the task that entered it.
        keeper = asyncio.create_task(keep(), name="MCP")
        keeper.add_done_callback(lambda _: is_up.set())
        await is_up.wait()
        try:
            yield
        finally:
            is_over.set()
            await keeper

    async def handle(self, request: web.BaseRequest) -> web.Response:
        """Answer one request through the SDK's ASGI application."""
        body = await request.read()
        answer = _Answer()
        sent = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def receive() -> MutableMapping[str, Any]:
            for message in sent:
                return message
            await asyncio.Event().wait()  # a caller that hangs up cancels this handler, and says no more
            raise AssertionError

        await self._manager.handle_request(_scope(request), receive, answer.send)
        return answer.response()

    async def _list_tools(
        self, context: ServerRequestContext[Any], params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        token = _token(context)
        if token is None:
            definitions = self._resources.server.tool_definitions()
        else:
            try:
                with self._resources.session_of_token(token) as session:
                    definitions = session.tools
            except TokenError as error:
                raise MCPError(types.INVALID_REQUEST, str(error)) from error
        return types.ListToolsResult(tools=[_tool(definition) for definition in definitions])

    async def _call_tool(
        self, context: ServerRequestContext[Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        token = _token(context)
        if token is None:
            message = f"tools/call needs the header {TOKEN_HEADER}, which seeding answers under mcp.headers"
            raise MCPError(types.INVALID_REQUEST, message)
        try:
            with self._resources.session_of_token(token) as session:
                return _result(await session.call_tool_over_mcp(params.name, params.arguments or {}))
        except TokenError as error:
            raise MCPError(types.INVALID_REQUEST, str(error)) from error
        except RolloutFailure as failure:
            raise MCPError(types.INTERNAL_ERROR, failure.message) from failure


def _token(context: ServerRequestContext[Any]) -> str | None:
    token: str | None = context.request.headers.get(TOKEN_HEADER) if context.request is not None else None
    return token


def _tool(definition: JsonObject) -> types.Tool:
    schema = {"type": "object", **definition["parameters"]}
    return types.Tool(name=definition["name"], description=definition["description"], input_schema=schema)


def _result(result: ToolResult) -> types.CallToolResult:
    if result.content is not None:
        return types.CallToolResult(content=[_block(part) for part in result.content], is_error=result.is_error)
    return types.CallToolResult(
        content=[types.TextContent(text=result.output)],
        structured_content=_object(result.output),
        is_error=result.is_error,
    )


def _object(text: str) -> JsonObject | None:
    """The JSON object that a tool's output is; None when it is something else."""
    if not text.startswith("{"):
        return None
    try:
        value = loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+);base64,(.*)", re.DOTALL)


def _block(part: JsonObject) -> types.ContentBlock:
    """A content part of a tool's result as MCP has it; what it has no kind for becomes text."""
    url = part.get("image_url")
    data = _DATA_URL.fullmatch(url) if isinstance(url, str) else None
    if data is not None:
        return types.ImageContent(mime_type=data[1], data=data[2])
    return types.TextContent(text=str(part.get("text") or url or ""))


def _scope(request: web.BaseRequest) -> MutableMapping[str, Any]:
    """An aiohttp request as ASGI describes one."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": f"{request.version.major}.{request.version.minor}",
        "method": request.method,
        "scheme": request.scheme,
        "path": request.path,
        "raw_path": request.raw_path.partition("?")[0].encode(),
        "query_string": request.query_string.encode(),
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in request.raw_headers],
        "client": None,
        "server": None,
    }


class _Answer:
    """Collects what an ASGI application answers."""

    def __init__(self) -> None:
        self._status = 500
        self._headers: list[tuple[str, str]] = []
        self._body = bytearray()

    async def send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in message["headers"]]
        elif message["type"] == "http.response.body":
            self._body += message.get("body", b"")

    def response(self) -> web.Response:
        response = web.Response(status=self._status, body=bytes(self._body))
        for name, value in self._headers:
            if name.lower() != "content-length":
                response.headers[name] = value
        return response
