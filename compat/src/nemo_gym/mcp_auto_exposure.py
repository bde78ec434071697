"""A resources server's tool routes as an MCP server at `/mcp`: streamable HTTP, stateless, JSON answers.

A tool call becomes a request to the server's own application, with the session that the caller's token names, so it is
the very request that an agent over HTTP would make.
"""

import json
import logging
import re
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import itsdangerous
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from nemo_gym.asgi_calls import BodyRewriter, call_app
from nemo_gym.base_resources_server import (
    NEMO_GYM_MCP_METADATA_KEY,
    NEMO_GYM_MCP_SESSION_TOKEN_HEADER,
    RESERVED_MCP_TOOL_NAMES,
    MCPServerMetadata,
)
from nemo_gym.mcp_routes import bind_route
from nemo_gym.servers import SESSION_ID_KEY

log = logging.getLogger("nemo_gym.mcp")

TOKEN_HEADER: Final = NEMO_GYM_MCP_SESSION_TOKEN_HEADER
MCP_URL_PATH: Final = "/mcp"
TOKEN_SALT: Final = "nemo-gym-mcp-session-token"
TOOL_NAME: Final = re.compile(r"[A-Za-z0-9_-]+")
ANYTHING: Final[dict[str, Any]] = {"type": "object", "additionalProperties": True}
PROTOCOL_VERSIONS: Final = ("2025-06-18", "2025-03-26", "2024-11-05")
"""Of the MCP specification, the newest first."""


@dataclass(frozen=True)
class ToolDefinition:
    """A tool as `tools/list` shows it."""

    name: str
    description: str | None
    inputSchema: dict[str, Any]  # noqa: N815 - the protocol's name

    def to_json(self) -> dict[str, Any]:
        """The definition as JSON."""
        described = {} if self.description is None else {"description": self.description}
        return {"name": self.name, **described, "inputSchema": self.inputSchema}


@dataclass(frozen=True)
class MCPTool:
    """A tool that is offered, and the path that its calls are posted to."""

    name: str
    tool: ToolDefinition
    path: str


class CatchAll:
    """The one route of a server that takes the tool's name from the path."""

    def __init__(self, path: str) -> None:
        self.path = path

    def tool(self, name: str, input_schema: dict[str, Any] | None = None, description: str | None = None) -> MCPTool:
        """A tool that goes by this route."""
        path = re.sub(r"{[^}]*}", name, self.path, count=1)
        return MCPTool(name, ToolDefinition(name, description, input_schema or ANYTHING), path)


def maybe_auto_expose(server: Any, app: FastAPI) -> dict[str, MCPTool] | None:
    """Serve the tools at `/mcp`, if the server's configuration says so; the tools by name."""
    return install_auto_exposure(server, app) if getattr(server.config, "expose_tools_over_mcp", False) else None


def install_auto_exposure(server: Any, app: FastAPI) -> dict[str, MCPTool]:
    """Serve the tools at `/mcp`; the tools by name. Raises ValueError for an application that cannot be exposed."""
    name = type(server).__name__
    paths = {route.path for route in app.routes if isinstance(route, Route | Mount | APIRoute)}
    if MCP_URL_PATH in paths:
        raise ValueError(f"{name} already serves {MCP_URL_PATH}; leave that out, or expose_tools_over_mcp.")
    if absent := {"/seed_session", "/verify"} - paths:
        raise ValueError(f"expose_tools_over_mcp requires a {sorted(absent)[0]} route, and {name} has none.")
    tools = harvest_tools(app, server)
    sessions = _Sessions(server)
    app.user_middleware.append(Middleware(BodyRewriter, path="/seed_session", rewrite=_TokenGiver(server, sessions)))
    app.user_middleware.append(Middleware(BodyRewriter, path="/verify", rewrite=_NamePlainer(server)))
    endpoint = _Endpoint(app, server, tools, sessions)
    app.router.routes.insert(0, Route(MCP_URL_PATH, endpoint.handle, methods=["POST"], include_in_schema=False))
    app.router.routes.insert(1, Route(MCP_URL_PATH + "/{rest:path}", endpoint.handle, methods=["POST"]))
    return tools


def harvest_tools(app: FastAPI, server: Any) -> dict[str, MCPTool]:
    """The tools that the server offers, by name: its POST routes, as its `mcp_tools` chooses among them."""
    found: list[MCPTool] = []
    catch_alls: list[str] = []
    for route in app.routes:
        if not isinstance(route, APIRoute) or "POST" not in route.methods:
            continue
        name = route.path.lstrip("/")
        if "{" in name:
            catch_alls.append(route.path)
        elif name not in RESERVED_MCP_TOOL_NAMES:
            description = (route.description or route.summary or "").strip() or None
            found.append(MCPTool(name, ToolDefinition(name, description, _schema_of(route)), route.path))
    if len(catch_alls) > 1:
        raise ValueError(
            f"{type(server).__name__} has multiple parameterized catch-all routes {sorted(catch_alls)}; one at "
            "most can be exposed over MCP."
        )
    catch_all = CatchAll(catch_alls[0]) if catch_alls else None
    offered = _checked(type(server).__name__, server.mcp_tools(found, catch_all) or ())
    if catch_all is not None and offered.keys() <= {tool.name for tool in found}:
        log.warning(
            "%s: no tool goes by its catch-all route %s; what is behind it cannot be called over MCP. mcp_tools can "
            "catchall.tool(…)",
            type(server).__name__,
            catch_all.path,
        )
    return offered


def _schema_of(route: APIRoute) -> dict[str, Any]:
    bound = bind_route(route)
    if bound.reasons:
        log.warning("MCP tool %s: its calls give nothing but a body: %s", route.path, "; ".join(bound.reasons))
    return bound.body_model.model_json_schema() if bound.body_model is not None else ANYTHING


def _checked(server: str, tools: Iterable[MCPTool]) -> dict[str, MCPTool]:
    offered: dict[str, MCPTool] = {}
    for tool in tools:
        if not TOOL_NAME.fullmatch(tool.name):
            raise ValueError(f"{server}: MCP tool name {tool.name!r} does not match ^[A-Za-z0-9_-]+$; rename it.")
        if tool.name in RESERVED_MCP_TOOL_NAMES:
            raise ValueError(f"{server}: MCP tool {tool.name!r} collides with a reserved endpoint; rename the tool.")
        if tool.name in offered:
            raise ValueError(f"{server}: Duplicate MCP tool name {tool.name!r}.")
        offered[tool.name] = tool
    return offered


class _Sessions:
    """Tokens that name a session and the tools it may use, and the cookie of a session."""

    def __init__(self, server: Any) -> None:
        self.cookie = server.get_session_middleware_key()
        self._tokens = itsdangerous.URLSafeSerializer(self.cookie, salt=TOKEN_SALT)
        self._cookies = itsdangerous.TimestampSigner(self.cookie)

    def token_for(self, session_id: str, tools: Sequence[str] | None) -> str:
        """A token."""
        return str(self._tokens.dumps({"sid": session_id, "tools": tools}))

    def read(self, token: str | None) -> tuple[str, list[str] | None]:
        """A token's session and tools. Raises ValueError for one that is missing or not ours."""
        if not token:
            raise ValueError(f"Missing {NEMO_GYM_MCP_SESSION_TOKEN_HEADER} for Gym MCP tool call.")
        try:
            claims = self._tokens.loads(token)
        except itsdangerous.BadSignature as error:
            raise ValueError("Invalid Gym MCP session token.") from error
        return claims["sid"], claims.get("tools")

    def cookie_for(self, session_id: str) -> str:
        """A `Cookie` header with the session, as starlette writes it."""
        data = b64encode(json.dumps({SESSION_ID_KEY: session_id}).encode())
        return f"{self.cookie}={self._cookies.sign(data).decode()}"


class _TokenGiver:
    """Adds the way to the tools to what `/seed_session` answers."""

    def __init__(self, server: Any, sessions: _Sessions) -> None:
        self._server = server
        self._sessions = sessions

    def request(self, scope: Mapping[str, Any], body: Any) -> tuple[Any, Any]:
        """The request as it is, and what the answer will need of it."""
        return body, body if isinstance(body, dict) else {}

    def answer(self, scope: Mapping[str, Any], body: Any, seed: Any) -> Any:
        """The answer, with the address and a token."""
        if not isinstance(body, dict) or NEMO_GYM_MCP_METADATA_KEY in body:
            return body
        tools = self._server.mcp_allowed_tools_for_session(seed)
        token = self._sessions.token_for(scope["session"][SESSION_ID_KEY], tools)
        metadata = MCPServerMetadata(
            server_name=self._server.config.name or type(self._server).__name__,
            headers={NEMO_GYM_MCP_SESSION_TOKEN_HEADER: token},
        )
        return {**body, NEMO_GYM_MCP_METADATA_KEY: metadata.model_dump()}


class _NamePlainer:
    """Shows `/verify` the tools' own names, where an MCP client has put its prefix before them."""

    def __init__(self, server: Any) -> None:
        self._server = server

    def request(self, scope: Mapping[str, Any], body: Any) -> tuple[Any, Any]:
        """The request with plain names, and the names it had, by call."""
        names = {call["call_id"]: call["name"] for call in _calls_in(body)}
        for call in _calls_in(body):
            call["name"] = self._server.normalize_tool_name(call["name"])
        return body, names

    def answer(self, scope: Mapping[str, Any], body: Any, names: Any) -> Any:
        """The answer with the names as they came."""
        for call in _calls_in(body):
            call["name"] = names.get(call["call_id"], call["name"])
        return body


def _calls_in(body: Any) -> list[dict[str, Any]]:
    response = body.get("response") if isinstance(body, dict) else None
    output = response.get("output") if isinstance(response, dict) else None
    items = [item for item in output if isinstance(item, dict)] if isinstance(output, list) else []
    return [item for item in items if item.get("type") == "function_call" and {"name", "call_id"} <= item.keys()]


class _Refusal(Exception):
    """An error of the protocol."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class _Endpoint:
    """`POST /mcp`: JSON-RPC, one message a request."""

    def __init__(self, app: FastAPI, server: Any, tools: Mapping[str, MCPTool], sessions: _Sessions) -> None:
        self._app = app
        self._name = server.config.name or type(server).__name__
        self._tools = tools
        self._sessions = sessions

    async def handle(self, request: Request) -> Response:
        """Answer one message."""
        try:
            message = json.loads(await request.body())
        except ValueError:
            return _error(None, -32700, "Parse error")
        if not isinstance(message, dict) or not isinstance(message.get("method"), str):
            return _error(None, -32600, "Invalid Request")
        if "id" not in message:
            return Response(status_code=202)  # a notification
        token = request.headers.get(NEMO_GYM_MCP_SESSION_TOKEN_HEADER)
        try:
            result = await self._answer(message["method"], message.get("params") or {}, token)
        except _Refusal as refusal:
            return _error(message["id"], refusal.code, str(refusal))
        return JSONResponse({"jsonrpc": "2.0", "id": message["id"], "result": result})

    async def _answer(self, method: str, params: Mapping[str, Any], token: str | None) -> dict[str, Any]:
        match method:
            case "initialize":
                wanted = params.get("protocolVersion")
                return {
                    "protocolVersion": wanted if wanted in PROTOCOL_VERSIONS else PROTOCOL_VERSIONS[0],
                    "capabilities": {"tools": {"listChanged": False}},
                    "serverInfo": {"name": self._name, "version": "0.1.0"},
                }
            case "ping":
                return {}
            case "tools/list":
                return {"tools": [tool.tool.to_json() for tool in self._listed(token)]}
            case "tools/call":
                if not isinstance(params.get("name"), str):
                    raise _Refusal(-32602, "tools/call needs a name")
                return await self._call(params["name"], params.get("arguments") or {}, token)
        raise _Refusal(-32601, f"Method not found: {method}")

    def _listed(self, token: str | None) -> list[MCPTool]:
        try:
            _, allowed = self._sessions.read(token)
        except ValueError:
            allowed = None
        return [tool for tool in self._tools.values() if allowed is None or tool.name in allowed]

    async def _call(self, name: str, arguments: Any, token: str | None) -> dict[str, Any]:
        tool = self._tools.get(name)
        if tool is None:
            return _failed(f"Unknown tool: {name!r}. Available tools: {sorted(self._tools)}")
        try:
            session_id, allowed = self._sessions.read(token)
        except ValueError as error:
            return _failed(str(error))
        if allowed is not None and name not in allowed:
            return _failed(f"Tool {name!r} is not allowed for this session.")
        headers = {"content-type": "application/json", "cookie": self._sessions.cookie_for(session_id)}
        try:
            answer = await call_app(self._app, "POST", tool.path, json.dumps(arguments).encode(), headers)
        except Exception as error:  # what a handler raises is told to the model, as over HTTP
            log.exception("tool %s", name)
            return _failed(f"HTTP 500 from POST /{name}: {type(error).__name__}: {error}")
        text = answer.body.decode(errors="replace")
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        if not 200 <= answer.status < 300:
            detail = value.get("detail", value) if isinstance(value, dict) else value
            shown = detail if isinstance(detail, str) else json.dumps(detail)
            return _failed(f"HTTP {answer.status} from POST /{name}: {shown}")
        content = [{"type": "text", "text": value if isinstance(value, str) else text}]
        structured = {"structuredContent": value} if isinstance(value, dict) else {}
        return {"content": content, **structured, "isError": False}


def _failed(message: str) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": message}], "isError": True}


def _error(message_id: Any, code: int, message: str) -> JSONResponse:
    return JSONResponse({"jsonrpc": "2.0", "id": message_id, "error": {"code": code, "message": message}})
