"""Calls to a server in this process: method calls, no copies. The boundary that names what the server's code raises.

Also keeps the sessions that outside callers opened over HTTP, so that an agent here can carry them on.
"""

import asyncio
import logging
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from time import perf_counter
from typing import Any, Self, TypeAlias

from polygym.channels.exposure import Exposure, TokenError
from polygym.channels.finish import run_to_end
from polygym.channels.sessions import SessionStore
from polygym.channels.stage import run_stage
from polygym.channels.watching import ModelWatch
from polygym.protocol.awaiting import is_awaitable
from polygym.protocol.calls import RolloutContext, ToolResult
from polygym.protocol.errors import InputError
from polygym.protocol.failures import FailureClass, RolloutFailure, Stage, agent_error, describe, raise_inside
from polygym.protocol.json import JsonObject
from polygym.protocol.tasks import MCP, TOOLS, with_offered_tools
from polygym.servers.agents import AgentServer
from polygym.servers.base import Server
from polygym.servers.models import ModelServer
from polygym.servers.resources import ResourcesServer
from polygym.servers.sessions import Session

log = logging.getLogger("polygym.embedded")

ENDED = "ended"
"""Value of the cookie of a caller whose session was verified or closed."""


def cookie_name(server: Server) -> str:
    """Name of the cookie that carries a server's session. What a cookie's name cannot hold becomes `_`."""
    return re.sub(r"[^\w.!#$%&'*+^`|~-]", "_", f"{type(server).__name__}___{server.name}", flags=re.ASCII)


class EmbeddedSession:
    """One rollout's session in a resources server of this process: seeded on the way in, closed on the way out."""

    def __init__(
        self,
        server: ResourcesServer[Any, Any],
        row: JsonObject,
        session: Session[Any, Any],
        context: RolloutContext,
        exposure: "Exposure[EmbeddedSession] | None" = None,
        key: str | None = None,
    ) -> None:
        """`exposure`: who may call its tools over MCP; `key`: the one under which an outside caller's is kept."""
        self.seed: JsonObject = {}
        self.row = row
        self._server = server
        self._session = session
        self._context = context
        self._is_closed = False
        self._exposure = exposure
        self._key = key
        self._revoke: Callable[[], object] | None = None
        self._failures: dict[str, RolloutFailure] = {}
        """What failed in calls over MCP, whose caller cannot be told, by tool."""

    async def __aenter__(self) -> Self:
        """Seed it. A session whose seeding fails or is cancelled is closed. Raises RolloutFailure `seed_error`."""
        name = self._server.name
        try:
            started = perf_counter()
            seed = self._server.seed_at_once(self._session)
            if seed is None:
                seed = await run_stage(name, Stage.SEED, self._server.seed(self._session), self._context)
            else:
                self._context.record(Stage.SEED, perf_counter() - started)
            self.seed = seed
        except RolloutFailure as failure:
            await self.close()
            raise_inside(failure, Stage.SEED, name)
        except Exception as error:
            await self.close()
            raise _seed_error(name, error) from error
        except BaseException:
            await self.close()
            raise
        if TOOLS in self.seed:
            self.row = with_offered_tools(self.row, self.seed)
        if self._exposure is not None:
            access, self._revoke = self._exposure.admit(self, self._key)
            self.seed = {**self.seed, MCP: access}
        return self

    def __aexit__(self, *error: object) -> Coroutine[Any, Any, None]:
        """Close it, whatever has happened."""
        return self.close()

    def call_tool(self, name: str, arguments: JsonObject) -> Coroutine[Any, Any, ToolResult]:
        """Call one tool; whatever it raises comes back as an error result, unless another server failed it."""
        call = self._server.call_tool(name, arguments, self._session)
        return run_stage(self._server.name, Stage.TOOL, call, self._context)

    async def call_tool_over_mcp(self, name: str, arguments: JsonObject) -> ToolResult:
        """As `call_tool`. MCP has no failures of a rollout: one that no later call makes good comes up in `verify`."""
        try:
            result = await self.call_tool(name, arguments)
        except RolloutFailure as failure:
            self._failures[name] = failure
            raise
        self._failures.pop(name, None)
        return result

    @property
    def tools(self) -> list[JsonObject]:
        """Definitions of the tools that can be called."""
        return self._server.definitions_for(self._session)

    async def next_user_message(self, response: JsonObject) -> str | None:
        """What the environment's user says. What it raises becomes a `user_error`."""
        call = self._server.user_message(self.row, response, self._session)
        try:
            return await run_stage(self._server.name, Stage.USER, call, self._context)
        except RolloutFailure as failure:
            raise_inside(failure, Stage.USER, self._server.name)
        except Exception as error:
            message = f"{self._server.name}: next_user_message raised {describe(error)}"
            raise RolloutFailure(FailureClass.USER_ERROR, Stage.USER, message) from error

    async def verify(self, response: JsonObject) -> JsonObject:
        """The verified row. What the verifier raises becomes a `verifier_error`."""
        if self._exposure is not None:
            for failure in self._failures.values():
                raise failure
            response = self._exposure.without_prefix(response)
        call = self._server.verify_response(self.row, response, self._session)
        try:
            return await run_stage(self._server.name, Stage.VERIFY, call, self._context)
        except RolloutFailure as failure:
            raise_inside(failure, Stage.VERIFY, self._server.name)
        except Exception as error:
            message = f"{self._server.name}: verify raised {describe(error)}"
            raise RolloutFailure(FailureClass.VERIFIER_ERROR, Stage.VERIFY, message) from error

    async def verify_row(self, row: JsonObject, response: JsonObject) -> JsonObject:
        """As `verify`, for an outside caller, who sends the row again: it takes the place of the one at seeding."""
        try:
            self._session.task = self._server.task_of(row)
        except InputError as error:
            raise RolloutFailure(FailureClass.VERIFIER_ERROR, Stage.VERIFY, f"{self._server.name}: {error}") from error
        self.row = row
        return await self.verify(response)

    async def close(self) -> None:
        """Release the state, to the end even if the caller is cancelled. What `close_session` raises is logged."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._revoke is not None:
            self._revoke()
        try:
            closing = self._server.close_session(self._session)
            if is_awaitable(closing):
                await run_to_end(closing)
        except asyncio.CancelledError as cancellation:
            if cancellation.__cause__ is not None:
                self._log_closing(cancellation.__cause__)
            raise
        except Exception as error:
            self._log_closing(error)

    def _log_closing(self, error: BaseException) -> None:
        log.warning("%s: close_session raised %s", self._server.name, describe(error))


class EmbeddedResources:
    """A resources server of this process."""

    def __init__(self, server: ResourcesServer[Any, Any], url: str | None = None) -> None:
        self.server = server
        self.exposure: Exposure[EmbeddedSession] | None = None
        """Who may call its tools over MCP; None when nobody may. `url` is where it is served, if it is."""
        if server.config.expose_tools_over_mcp:
            self.exposure = Exposure(server.name, url)
        self.cookie = cookie_name(server)
        """Name of the cookie, among a caller's credentials, that says which session is the caller's."""
        self._outside: SessionStore[EmbeddedSession] = SessionStore(server.config.session_ttl_s)

    def open(self, row: JsonObject, context: RolloutContext, key: str | None = None) -> EmbeddedSession:
        """A session for one rollout, seeded when it is entered. Raises RolloutFailure `seed_error`."""
        server = self.server
        try:
            session = server.new_session(server.task_of(row), context.rollout_id)
        except Exception as error:
            raise _seed_error(server.name, error) from error
        return EmbeddedSession(server, row, session, context, self.exposure, key)

    async def open_outside(self, row: JsonObject, context: RolloutContext) -> EmbeddedSession:
        """A session that stays open for the outside caller of `context`, in place of the one they had."""
        await self.end(context)
        key = secrets.token_urlsafe(24)
        session = await self.open(row, context, key).__aenter__()
        self._outside.put(key, session)
        context.credentials[self.cookie] = key
        return session

    @asynccontextmanager
    async def attach(self, context: RolloutContext) -> AsyncIterator[EmbeddedSession]:
        """The session of an outside caller, left open; a caller who has none gets one, seeded with an empty row.

        Raises RolloutFailure `environment_lost` when the caller's session is no more: what it knew is lost.
        """
        if not self.has_session(context):
            await self.open_outside({}, context)
        with self._outside.using(context.credentials[self.cookie]) as session:
            if session is None:
                message = f"{self.server.name}: the session has expired or was closed; seed a new one"
                raise RolloutFailure(FailureClass.ENVIRONMENT_LOST, Stage.SEED, message)
            yield session

    async def verify(self, row: JsonObject, response: JsonObject, context: RolloutContext) -> JsonObject:
        """Verify an outside caller's rollout and close their session; who has none gets one for this call.

        After a failure the session stays named in the credentials although it is closed: to verify again, with fresh
        state, would give a reward that means nothing.
        """
        if not self.has_session(context):
            async with self.open(row, context) as session:
                session.row = row  # nobody has been offered anything
                return await session.verify(response)
        async with self.attach(context) as session:
            try:
                verified = await session.verify_row(row, response)
            finally:
                await self._outside.close(context.credentials[self.cookie])
        context.credentials[self.cookie] = ENDED
        return verified

    @contextmanager
    def session_of_token(self, token: str) -> Iterator[EmbeddedSession]:
        """The session that was given `token` for MCP, in use meanwhile. Raises TokenError."""
        if self.exposure is None:
            raise TokenError("this server is not exposed")
        found = self.exposure.find(token)
        if found.key is None:
            yield found.session
            return
        with self._outside.using(found.key):
            yield found.session

    def has_session(self, context: RolloutContext) -> bool:
        """Whether the caller has been given a session that did not come to its end."""
        return context.credentials.get(self.cookie, ENDED) != ENDED

    async def end(self, context: RolloutContext) -> None:
        """Close the outside caller's session, if there is one."""
        key = context.credentials.get(self.cookie)
        if key is not None:
            await self._outside.close(key)
            context.credentials[self.cookie] = ENDED

    async def close(self) -> None:
        """Close the sessions of outside callers."""
        await self._outside.close_all()

    async def aggregate_metrics(self, verify_responses: list[JsonObject]) -> JsonObject:
        """The server's metrics over verified rows; computed in a thread, they may be many. Raises RolloutFailure."""
        try:
            return await asyncio.to_thread(self.server.aggregate_metrics, verify_responses)
        except Exception as error:
            message = f"{self.server.name}: aggregate_metrics raised {describe(error)}"
            raise RolloutFailure(FailureClass.VERIFIER_ERROR, Stage.ROLLOUT, message) from error


def _seed_error(server: str, error: Exception) -> RolloutFailure:
    if isinstance(error, InputError):
        return RolloutFailure(FailureClass.SEED_ERROR, Stage.SEED, f"{server}: {error}")
    return RolloutFailure(FailureClass.SEED_ERROR, Stage.SEED, f"{server}: seed_session raised {describe(error)}")


ModelMethod: TypeAlias = Callable[[JsonObject, RolloutContext], Coroutine[Any, Any, JsonObject]]


class EmbeddedModel:
    """A model server of this process."""

    def __init__(self, server: ModelServer, watch: ModelWatch | None = None) -> None:
        self.server = server
        self._watch = watch

    def responses(self, params: JsonObject, context: RolloutContext) -> Coroutine[Any, Any, JsonObject]:
        """Answer in the Responses dialect."""
        return self._seen("responses", self.server.responses, params, context)

    def chat_completions(self, params: JsonObject, context: RolloutContext) -> Coroutine[Any, Any, JsonObject]:
        """Answer in the Chat Completions dialect."""
        return self._seen("chat_completions", self.server.chat_completions, params, context)

    def messages(self, params: JsonObject, context: RolloutContext) -> Coroutine[Any, Any, JsonObject]:
        """Answer in the Messages dialect."""
        return self._seen("messages", self.server.messages, params, context)

    def count_message_tokens(self, params: JsonObject, context: RolloutContext) -> Coroutine[Any, Any, JsonObject]:
        """Count the tokens of a request in the Messages dialect."""
        return self._call(self.server.count_message_tokens, params, context)

    def _seen(
        self, dialect: str, method: ModelMethod, params: JsonObject, context: RolloutContext
    ) -> Coroutine[Any, Any, JsonObject]:
        call = self._call(method, params, context)
        return call if self._watch is None else self._watch.see(self.server.name, dialect, params, context, call)

    async def _call(self, method: ModelMethod, params: JsonObject, context: RolloutContext) -> JsonObject:
        try:
            if Stage.MODEL in context.limits_s:
                return await run_stage(self.server.name, Stage.MODEL, method(params, context), context)
            # It waits for its endpoint; timing its steps, as `run_stage` does, would cost 5 % of a rollout.
            started = perf_counter()
            try:
                return await method(params, context)
            finally:
                context.record(Stage.MODEL, perf_counter() - started)
        except RolloutFailure:
            raise
        except Exception as error:
            message = f"{self.server.name}: model server raised {describe(error)}"
            raise RolloutFailure(FailureClass.MODEL_BAD_RESPONSE, Stage.MODEL, message) from error


class EmbeddedAgent:
    """An agent server of this process."""

    def __init__(self, server: AgentServer) -> None:
        self.server = server

    def run(self, row: JsonObject, context: RolloutContext) -> Coroutine[Any, Any, JsonObject]:
        """One rollout. What the agent's own code raises comes out as it is."""
        return self.server.run(row, context)

    def responses(self, params: JsonObject, context: RolloutContext) -> Coroutine[Any, Any, JsonObject]:
        """The conversation alone."""
        return self.guarded(self.server.responses(params, context))

    def aggregate_metrics(self, verify_responses: list[JsonObject]) -> Coroutine[Any, Any, JsonObject]:
        """The environment's metrics."""
        return self.guarded(self.server.aggregate_metrics(verify_responses))

    async def guarded(self, answer: Awaitable[JsonObject]) -> JsonObject:
        """`answer`; what the agent's own code raises meanwhile becomes an `agent_error`."""
        try:
            return await answer
        except RolloutFailure:
            raise
        except Exception as error:
            raise agent_error(self.server.name, error) from error
