"""Calls to a server elsewhere, over HTTP, with the paths and bodies of the protocol.

Names what went wrong on the way; sessions travel as cookies in the rollout's context.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from time import perf_counter
from typing import NamedTuple
from urllib.parse import quote

import aiohttp

from polygym.channels.clock import Limit, LimitExceededError
from polygym.channels.finish import run_to_end
from polygym.channels.headers import CONTENT, DURATIONS, outgoing, take_durations
from polygym.channels.pool import JsonBody, open_session
from polygym.channels.watching import ModelWatch
from polygym.protocol.calls import ResourcesSession, RolloutContext, ToolResult
from polygym.protocol.failures import FailureClass, RolloutFailure, Stage, failure_from_json
from polygym.protocol.items import text_of
from polygym.protocol.json import JsonObject, dumps, loads
from polygym.protocol.rollouts import FAILURE_CLASS
from polygym.protocol.tasks import MCP, with_offered_tools
from polygym.servers.resources import check_reward, tool_error
from polygym.servers.tools import RESERVED_NAMES

log = logging.getLogger("polygym.http")


class Answer(NamedTuple):
    """An HTTP answer, read whole."""

    status: int
    body: bytes
    has_parts: bool
    """Whether the body is a list of content parts."""


class HttpServer:
    """A server at a URL. One connection pool serves all its calls."""

    def __init__(self, name: str, url: str, *, is_ours: bool = True) -> None:
        self.name = name
        self.url = url.rstrip("/")
        self.is_ours = is_ours
        """Whether it holds time limits itself, on its own clock; those of others are held here."""
        self._client: aiohttp.ClientSession | None = None

    async def post(self, path: str, body: JsonObject, context: RolloutContext, stage: Stage) -> Answer:
        """POST a JSON object; cookies go out from `context` and come back into it.

        Raises RolloutFailure `environment_lost` when no answer comes back.
        """
        headers = outgoing(context)
        if context.credentials:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in context.credentials.items())
        limit_s = None if self.is_ours else context.limits_s.get(stage)
        started = perf_counter()
        try:
            if limit_s is None:
                return await self._exchange(path, body, headers, context)
            async with Limit(limit_s):
                return await self._exchange(path, body, headers, context)
        except LimitExceededError as error:
            message = f"{self.name}: {stage} {error}. Raise stage_timeouts_s.{stage} of the agent if it may."
            raise RolloutFailure(FailureClass.TIMEOUT, stage, message) from error
        except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
            message = f"{self.name}: no answer from {self.url}{path}: {type(error).__name__}: {error}"
            is_nobody_there = isinstance(error, aiohttp.ClientConnectorError)
            raise RolloutFailure(
                FailureClass.ENVIRONMENT_LOST, stage, message, is_nobody_there=is_nobody_there
            ) from error
        finally:
            if stage is not Stage.ROLLOUT:
                context.record(stage, perf_counter() - started)

    async def _exchange(self, path: str, body: JsonObject, headers: dict[str, str], context: RolloutContext) -> Answer:
        if self._client is None:
            self._client = open_session()
        # Reading to the end, or failing to, gives the connection back: `async with` would do so a second time.
        response = await self._client.post(
            self.url + path, data=JsonBody(dumps(body)), headers=headers, allow_redirects=False
        )
        answer = Answer(response.status, await response.read(), CONTENT in response.headers)
        for header in response.headers.getall("Set-Cookie", ()):
            name, _, rest = header.partition("=")
            context.credentials[name.strip()] = rest.partition(";")[0].strip()
        if DURATIONS in response.headers:
            take_durations(response.headers, context)
        return answer

    async def post_for_object(
        self, path: str, body: JsonObject, context: RolloutContext, stage: Stage, refusal: FailureClass
    ) -> JsonObject:
        """As `post`, for calls that answer a JSON object.

        Raises RolloutFailure: the one that the server reports, else one of class `refusal`.
        """
        answer = await self.post(path, body, context, stage)
        value = _decode(answer.body)
        _raise_reported(value)
        if answer.status != 200 or not isinstance(value, dict):
            message = f"{self.name}: {self.url}{path} answered {answer.status}: {excerpt(answer.body)}"
            raise RolloutFailure(refusal, stage, message, http_status=answer.status)
        return value

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.close()
            self._client = None


def _raise_reported(answer: object) -> None:
    if isinstance(answer, dict) and FAILURE_CLASS in answer:
        raise failure_from_json(answer)


def _decode(body: bytes) -> object:
    try:
        return loads(body)
    except ValueError:
        return None


def excerpt(body: bytes, limit: int = 400) -> str:
    """The start of an answer's body, for messages; a body that is a JSON string is unwrapped."""
    text = body.decode("utf-8", "replace").strip()
    if text.startswith('"'):
        with suppress(ValueError):  # it may only look like a JSON string
            text = str(loads(text))
    return text[:limit] + ("…" if len(text) > limit else "") or "(empty)"


class HttpSession:
    """A session in a resources server elsewhere; the server finds it by the cookie in the context."""

    def __init__(self, server: HttpServer, row: JsonObject, seed: JsonObject, context: RolloutContext) -> None:
        self.seed = _with_mcp_url(seed, server.url)
        self.row = with_offered_tools(row, seed)
        self._server = server
        self._context = context
        self._is_closed = False

    async def call_tool(self, name: str, arguments: JsonObject) -> ToolResult:
        """POST the arguments to the tool's path; the body of any answer is what the model sees.

        The name is the model's: one that means another endpoint of the server is refused here.
        """
        if not name or name in RESERVED_NAMES:
            return tool_error(f"There is no tool '{name}'.")
        answer = await self._server.post(f"/{quote(name, safe='')}", arguments, self._context, Stage.TOOL)
        is_error = answer.status >= 400
        if is_error:
            _raise_reported(_decode(answer.body))
        if answer.has_parts:
            parts: list[JsonObject] = loads(answer.body)
            return ToolResult(text_of(parts), is_error, parts)
        return ToolResult(answer.body.decode("utf-8", "replace"), is_error)

    async def next_user_message(self, response: JsonObject) -> str | None:
        """POST the rollout so far to the server's /next_user_message, which answers `{"content": <text or null>}`."""
        answer = await self._server.post_for_object(
            "/next_user_message", {"response": response}, self._context, Stage.USER, FailureClass.USER_ERROR
        )
        content = answer.get("content")
        if not isinstance(content, str | None):
            message = f"{self._server.name}: {self._server.url}/next_user_message answered {answer!r:.200}, no text"
            raise RolloutFailure(FailureClass.USER_ERROR, Stage.USER, message)
        return content

    async def verify(self, response: JsonObject) -> JsonObject:
        """POST the row and the response; the server closes the session when it has answered."""
        body = {**self.row, "response": response}
        verified = await self._server.post_for_object(
            "/verify", body, self._context, Stage.VERIFY, FailureClass.VERIFIER_ERROR
        )
        self._is_closed = True
        try:
            verified["reward"] = check_reward(verified.get("reward"))
        except (TypeError, ValueError) as error:
            message = f"{self._server.name}: {self._server.url}/verify gave no reward: {error}"
            raise RolloutFailure(FailureClass.VERIFIER_ERROR, Stage.VERIFY, message) from error
        return verified

    async def close(self) -> None:
        """Tell the server to release the session, unless it has been verified."""
        if self._is_closed:
            return
        self._is_closed = True
        try:
            await run_to_end(self._post_close())
        except RolloutFailure:
            pass  # the server is gone, and the session with it
        except TimeoutError as error:
            log.warning("%s: /close_session: %s", self._server.name, error)

    async def _post_close(self) -> None:
        await self._server.post("/close_session", {}, self._context, Stage.ROLLOUT)


def _with_mcp_url(seed: JsonObject, url: str) -> JsonObject:
    """What seeding answered, the address of its MCP server in full; the server itself need not know it."""
    access = seed.get(MCP)
    if not isinstance(access, dict) or not isinstance(access.get("url_path"), str):
        return seed
    return {**seed, MCP: {**access, "url": url + access["url_path"]}}


class HttpResources:
    """A resources server at a URL."""

    def __init__(self, server: HttpServer) -> None:
        self._server = server

    @asynccontextmanager
    async def open(self, row: JsonObject, context: RolloutContext) -> AsyncIterator[ResourcesSession]:
        """Seed with the whole row; close on the way out."""
        seed = await self._server.post_for_object("/seed_session", row, context, Stage.SEED, FailureClass.SEED_ERROR)
        session = HttpSession(self._server, row, seed, context)
        try:
            yield session
        finally:
            await session.close()

    @asynccontextmanager
    async def attach(self, context: RolloutContext) -> AsyncIterator[ResourcesSession]:
        """The session of the cookies in `context`; left open."""
        yield HttpSession(self._server, {}, {}, context)

    async def aggregate_metrics(self, verify_responses: list[JsonObject]) -> JsonObject:
        """The server's metrics over verified rows."""
        return await _aggregate(self._server, verify_responses)


class HttpModel:
    """A model server at a URL."""

    def __init__(self, server: HttpServer, watch: ModelWatch | None = None) -> None:
        self._server = server
        self._watch = watch

    async def responses(self, params: JsonObject, context: RolloutContext) -> JsonObject:
        """POST /v1/responses."""
        return await self._call("responses", "/v1/responses", params, context)

    async def chat_completions(self, params: JsonObject, context: RolloutContext) -> JsonObject:
        """POST /v1/chat/completions."""
        return await self._call("chat_completions", "/v1/chat/completions", params, context)

    async def messages(self, params: JsonObject, context: RolloutContext) -> JsonObject:
        """POST /v1/messages."""
        return await self._call("messages", "/v1/messages", params, context)

    async def _call(self, dialect: str, path: str, params: JsonObject, context: RolloutContext) -> JsonObject:
        call = self._server.post_for_object(path, params, context, Stage.MODEL, FailureClass.MODEL_UNAVAILABLE)
        if self._watch is None:
            return await call
        return await self._watch.see(
            self._server.name, dialect, params, context, call, is_written_there=self._server.is_ours
        )


class HttpAgent:
    """An agent server at a URL."""

    def __init__(self, server: HttpServer) -> None:
        self._server = server

    async def run(self, row: JsonObject, context: RolloutContext) -> JsonObject:
        """POST /run: one call for the whole rollout. Sessions are the agent's affair, so no cookie is sent."""
        alone = RolloutContext(context.rollout_id, limits_s=context.limits_s, durations_s=context.durations_s)
        return await self._server.post_for_object("/run", row, alone, Stage.ROLLOUT, FailureClass.AGENT_ERROR)

    async def responses(self, params: JsonObject, context: RolloutContext) -> JsonObject:
        """POST /v1/responses."""
        return await self._server.post_for_object(
            "/v1/responses", params, context, Stage.AGENT, FailureClass.AGENT_ERROR
        )

    async def aggregate_metrics(self, verify_responses: list[JsonObject]) -> JsonObject:
        """The environment's metrics, as the agent forwards them."""
        return await _aggregate(self._server, verify_responses)


async def _aggregate(server: HttpServer, verify_responses: list[JsonObject]) -> JsonObject:
    body = {"verify_responses": verify_responses}
    return await server.post_for_object(
        "/aggregate_metrics", body, RolloutContext("aggregate"), Stage.ROLLOUT, FailureClass.VERIFIER_ERROR
    )
