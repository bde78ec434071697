"""The environment's side: tools, state per rollout, verification. What authors of environments subclass."""

import logging
import math
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from numbers import Real
from types import NoneType, UnionType
from typing import Any, ClassVar, Generic, get_args, get_origin

from pydantic import Field, ValidationError

from polygym.metrics.aggregate import aggregate
from polygym.protocol.awaiting import is_awaitable
from polygym.protocol.calls import Directory, ToolResult
from polygym.protocol.errors import InputError, suggest
from polygym.protocol.failures import RolloutFailure, Stage, describe, raise_inside
from polygym.protocol.json import JsonObject, dumps
from polygym.protocol.tasks import MCP, PARAMS, TOOLS
from polygym.protocol.views import RolloutView
from polygym.servers.base import Server, ServerConfig, explain_validation, shorten
from polygym.servers.blocking import pool_of, run_blocking
from polygym.servers.manifest import Manifest
from polygym.servers.offers import offer_of
from polygym.servers.schemas import explain_mismatch
from polygym.servers.sessions import Session, StateT, TaskFields, TaskT
from polygym.servers.tools import Tool, ToolError, invalid_arguments, render, result_of, sendable, tools_of

log = logging.getLogger("polygym.resources")


class ResourcesServerConfig(ServerConfig):
    """Configuration of a resources server."""

    domain: str | None = None
    """Subject area: math, coding, agent, knowledge …"""
    expose_tools_over_mcp: bool = False
    """Whether agents can call its tools at `/mcp`, too, as an MCP server over streamable HTTP."""
    session_ttl_s: float = Field(default=3600.0, gt=0)
    """Seconds after its last call when a session that nobody closed is released."""
    manifest: Manifest | None = None
    """What kind of environment it is, for people who choose one."""


_NOT_FIELDS = frozenset({PARAMS, "response", "reward", "reward_components", "explanation"})
"""Keys of an output row that no field of a Verification may take."""
_PLAIN = frozenset({bool, int, float, NoneType})
"""Types whose values are JSON for certain."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What `verify` may return instead of a bare reward."""

    reward: float | None = None
    """The scalar that evaluation and training use; None for the weighted sum of the components."""
    components: Mapping[str, float] = field(default_factory=dict)
    """Named parts of the reward; written as `reward_components`. Each becomes a metric."""
    fields: JsonObject = field(default_factory=dict)
    """Further fields of the output row. Numbers among them become metrics."""
    explanation: str | None = None
    """Why this reward, for people."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """What a component counts in the sum; 1 where it is not named."""

    def to_json(self) -> JsonObject:
        """What it adds to the output row. Raises TypeError or ValueError for what is no number, or no JSON."""
        if not _NOT_FIELDS.isdisjoint(self.fields):
            taken = ", ".join(sorted(_NOT_FIELDS.intersection(self.fields)))
            raise ValueError(f"fields of a Verification cannot be called {taken}: the row has that already")
        added = dict(self.fields)
        components: dict[str, float] = {}
        if self.components:
            components = {name: check_reward(value) for name, value in self.components.items()}
            added["reward_components"] = components
        if self.explanation is not None:
            added["explanation"] = self.explanation
        if not _PLAIN.issuperset(map(type, added.values())):
            try:
                dumps(added)
            except TypeError as error:
                raise TypeError(f"the fields of a Verification must be JSON: {error}") from error
        added["reward"] = self._sum(components) if self.reward is None else check_reward(self.reward)
        return added

    def _sum(self, components: Mapping[str, float]) -> float:
        if not components:
            raise TypeError("a Verification needs a reward, or components that it is the sum of")
        unknown = ", ".join(sorted(self.weights.keys() - components.keys()))
        if unknown:
            raise ValueError(f"weights of a Verification name no component: {unknown}")
        return check_reward(math.fsum(self.weights.get(name, 1.0) * value for name, value in components.items()))


class ResourcesServer(Server, ABC, Generic[TaskT, StateT]):
    """An environment: `ResourcesServer`, `ResourcesServer[MyTask]` or `ResourcesServer[MyTask, MyState]`.

    `MyTask` (a `TaskFields`) declares and checks the row's fields; a `MyState()` is made for each rollout. Methods
    marked `@tool` are offered to the model. A rollout is `seed_session`, any number of tool calls, `verify`,
    `close_session`; many rollouts are under way at once, so what belongs to one goes into `session.state`.
    """

    config: ResourcesServerConfig
    task_class: ClassVar[type[TaskFields]] = TaskFields
    state_class: ClassVar[type | None] = None
    route_aliases: ClassVar[Mapping[str, str]] = {}
    """Further names of `seed_session` and `close_session` for agents of other implementations, over HTTP."""
    _type_arguments: ClassVar[tuple[Any, Any]] = (TaskT, StateT)  # type: ignore[misc]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for base in vars(cls).get("__orig_bases__", ()):
            origin = get_origin(base)
            if isinstance(origin, type) and issubclass(origin, ResourcesServer):
                cls._take_types(origin, get_args(base))

    @classmethod
    def _take_types(cls, origin: type["ResourcesServer[Any, Any]"], given: tuple[Any, ...]) -> None:
        """Read `task_class` and `state_class` off `origin[given]`; what is still a type variable stays open."""
        values = dict(zip(origin.__parameters__, given, strict=False))  # type: ignore[attr-defined]
        task, state = (values.get(argument, argument) for argument in origin._type_arguments)
        cls._type_arguments = (task, state)
        if isinstance(task, type) and task is not Any:
            if not issubclass(task, TaskFields):
                raise TypeError(f"{cls.__qualname__}: the first type, {task.__qualname__}, must be a TaskFields")
            cls.task_class = task
        state_class = get_origin(state) or state
        if isinstance(state_class, type) and state_class is not Any:
            cls.state_class = None if state_class in (NoneType, UnionType) else state_class

    def __init__(self, name: str, config: ServerConfig, directory: Directory) -> None:
        super().__init__(name, config, directory)
        self.tools = tools_of(type(self))
        """The tools offered to the model, by name."""
        self._pools = {method.__name__ for method in (self.seed_session, self.verify) if pool_of(method)}
        """Methods marked `@blocking`."""
        self._chooses_tools = self._overrides("offered_tools")
        self._has_catch_all = self._overrides("call_other_tool")
        for offered in self.tools.values():
            if offered.attribute in vars(self) or hasattr(ResourcesServer, offered.attribute):
                raise TypeError(
                    f"the method '{offered.attribute}' is the server's own and cannot be a tool; name the method"
                    f" otherwise and write @tool(name={offered.name!r})"
                )

    def _overrides(self, method: str) -> bool:
        return getattr(type(self), method) is not getattr(ResourcesServer, method)

    def seed_session(self, session: Session[TaskT, StateT]) -> None | JsonObject | Awaitable[None | JsonObject]:
        """Prepare `session.state` for `session.task`. What it returns is shown to the agent. Sync or async."""
        return None

    def offered_tools(
        self, session: Session[TaskT, StateT]
    ) -> Iterable[Tool | JsonObject] | Awaitable[Iterable[Tool | JsonObject]]:
        """The tools of this rollout, chosen once, after `seed_session`; no others can be called. Sync or async.

        Give tools of `self.tools`, or definitions `{"name": …, "description": …, "parameters": <JSON Schema>}`, whose
        arguments are checked against their schema. A call of a name that is no `@tool` goes to `call_other_tool`.
        """
        return self.tools.values()

    def call_other_tool(self, name: str, arguments: JsonObject, session: Session[TaskT, StateT]) -> Any:
        """Carry out a call of a tool that is no `@tool` method, and is treated like one. Sync or async.

        Without `offered_tools` it gets every name that the model makes up, and arguments that nobody has checked.
        """
        raise ToolError(self._unknown(name, session))

    def next_user_message(
        self, rollout: RolloutView, session: Session[TaskT, StateT]
    ) -> str | None | Awaitable[str | None]:
        """What the simulated user says now that the policy's turn is over; None ends the conversation. Sync or async.

        Asked by agents that hold conversations, such as `multi_turn_agent`. `rollout` is everything so far.
        """
        return None

    @abstractmethod
    def verify(
        self, rollout: RolloutView, session: Session[TaskT, StateT]
    ) -> float | Verification | Awaitable[float | Verification]:
        """Score the finished rollout. Sync or async. A raised error is a failure of the verifier, never a reward."""

    def close_session(self, session: Session[TaskT, StateT]) -> None | Awaitable[None]:
        """Let go of what the session holds. Always runs, once, also when seeding failed half-way. Sync or async."""
        return None

    def compute_metrics(self, tasks: list[list[JsonObject]]) -> JsonObject:
        """Further metrics over verified rows, one inner list per task; merged over the standard ones."""
        return {}

    def get_key_metrics(self, agent_metrics: JsonObject) -> JsonObject:
        """The few numbers to show first."""
        return {name: value for name, value in agent_metrics.items() if name.startswith("mean/")}

    def tool_definitions(self) -> list[JsonObject]:
        """The tools as `responses_create_params.tools` lists them."""
        return [offered.definition() for offered in self.tools.values()]

    # What channels call. Authors override the methods above.

    def task_of(self, row: JsonObject) -> TaskT:
        """The row's fields. Raises InputError naming those that do not fit the task."""
        try:
            return self.task_class.model_validate(row)  # type: ignore[return-value]
        except ValidationError as error:
            raise InputError(f"the row does not fit {self.task_class.__name__}: {explain_validation(error)}") from error

    def new_session(self, task: TaskT, rollout_id: str) -> Session[TaskT, StateT]:
        """A session that is not seeded yet."""
        state = self.state_class() if self.state_class is not None else None
        return Session(rollout_id, task, state)  # type: ignore[arg-type]

    def seed_at_once(self, session: Session[TaskT, StateT]) -> JsonObject | None:
        """What seeding answers where the author has nothing to do with it; None where `seed` is to be awaited."""
        if self._chooses_tools or getattr(self.seed_session, "__func__", None) is not ResourcesServer.seed_session:
            return None
        return self._with_tools({}, session)

    async def seed(self, session: Session[TaskT, StateT]) -> JsonObject:
        """Seed a session; what seeding answered. Raises what `seed_session` raises."""
        answer = await self._run(self.seed_session, session) if self._pools else self.seed_session(session)
        if is_awaitable(answer):
            answer = await answer
        if not isinstance(answer, dict | None):
            raise TypeError(f"seed_session must return a dict or nothing, not {type(answer).__name__}")
        if self._chooses_tools:
            session.offered = await self._choose_tools(session)
        return self._with_tools(answer or {}, session)

    async def _choose_tools(self, session: Session[TaskT, StateT]) -> Mapping[str, JsonObject]:
        chosen = await self._run(self.offered_tools, session)
        offered = await chosen if is_awaitable(chosen) else chosen
        return offer_of(offered, self.tools, has_catch_all=self._has_catch_all)

    def _with_tools(self, answer: JsonObject, session: Session[TaskT, StateT]) -> JsonObject:
        """What seeding answers: with the tools, when the row does not say which ones the model is offered."""
        if TOOLS in answer:
            raise TypeError("seed_session must not return 'tools'; choose them in offered_tools")
        if MCP in answer and self.config.expose_tools_over_mcp:
            raise TypeError("seed_session must not return 'mcp' with expose_tools_over_mcp, which answers that")
        if session.task.responses_create_params.get(TOOLS) is not None:
            return answer
        tools = self.definitions_for(session)
        return {**answer, TOOLS: tools} if tools else answer

    def definitions_for(self, session: Session[TaskT, StateT]) -> list[JsonObject]:
        """Definitions of the tools that this rollout is offered."""
        return self.tool_definitions() if session.offered is None else list(session.offered.values())

    async def call_tool(self, name: str, arguments: JsonObject, session: Session[TaskT, StateT]) -> ToolResult:
        """Call a tool by name. What it raises becomes an error result that the model can act on.

        Raises RolloutFailure when another server, which the tool called, has failed: that is not the model's doing.
        """
        own = self.tools.get(name)
        try:
            if session.offered is not None:
                self._check_offered(name, own, arguments, session)
            if own is not None:
                value = own.invoke(self, arguments, session)
                while is_awaitable(value):
                    value = await value
                return result_of(value)
            result = await self._run(self.call_other_tool, name, arguments, session)
            return result_of(await result if is_awaitable(result) else result)
        except RolloutFailure as failure:
            raise_inside(failure, Stage.TOOL, self.name)
        except ToolError as error:
            return tool_error(str(error))
        except Exception as error:
            log.info("%s: tool %s raised %s", self.name, name, describe(error))
            return tool_error(f"{name} failed: {type(error).__name__}: {error}")

    def _check_offered(
        self, name: str, own: Tool | None, arguments: JsonObject, session: Session[TaskT, StateT]
    ) -> None:
        """Raises ToolError when the rollout is not offered the tool, or with another schema than the arguments fit."""
        definition = session.offered.get(name) if session.offered is not None else None
        if definition is None:
            raise ToolError(self._unknown(name, session))
        if own is None or definition["parameters"] is not own.parameters:
            problems = explain_mismatch(name, arguments, definition["parameters"])
            if problems is not None:
                raise invalid_arguments(name, problems)

    def may_offer(self, name: str) -> bool:
        """Whether a tool of that name may exist in some rollout."""
        return name in self.tools or self._chooses_tools or self._has_catch_all

    def unknown_tool(self, name: str) -> ToolResult:
        """What the model sees when it calls a tool that no rollout is offered."""
        return tool_error(self._unknown(name, None))

    def _unknown(self, name: str, session: Session[TaskT, StateT] | None) -> str:
        offered = session.offered if session is not None and session.offered is not None else self.tools
        return f"There is no tool '{shorten(name)}'. {suggest(name[:200], offered)}"

    async def _run(self, method: Callable[..., Any], *args: Any) -> Any:
        pool = pool_of(method)
        return method(*args) if pool is None else await run_blocking(pool, method, *args)

    async def user_message(self, row: JsonObject, response: JsonObject, session: Session[TaskT, StateT]) -> str | None:
        """What the user says to `response`, the rollout so far. Raises what `next_user_message` raises."""
        message = await self._run(self.next_user_message, RolloutView(row.get(PARAMS) or {}, response), session)
        if is_awaitable(message):
            message = await message
        if not isinstance(message, str | None):
            raise TypeError(f"next_user_message must return a str or None, not {type(message).__name__}")
        return message if message is None else sendable(message)

    async def verify_response(
        self, row: JsonObject, response: JsonObject, session: Session[TaskT, StateT]
    ) -> JsonObject:
        """The output row: `row` with `response`, `reward` and what `verify` added. Raises what `verify` raises."""
        rollout = RolloutView(row.get(PARAMS) or {}, response)
        outcome = await self._run(self.verify, rollout, session) if self._pools else self.verify(rollout, session)
        if is_awaitable(outcome):
            outcome = await outcome
        if isinstance(outcome, Verification):
            return {**row, "response": response, **outcome.to_json()}
        return {**row, "response": response, "reward": check_reward(outcome)}

    def aggregate_metrics(self, verify_responses: list[JsonObject]) -> JsonObject:
        """`{group_level_metrics, agent_metrics, key_metrics}` over verified rows."""
        return aggregate(verify_responses, compute_metrics=self.compute_metrics, get_key_metrics=self.get_key_metrics)


def check_reward(value: Any) -> float:
    """`value` as a reward. Raises TypeError or ValueError when it is no finite number."""
    if not isinstance(value, (int, float, Real)):
        raise TypeError(f"verify must return a number or a Verification, not {type(value).__name__}")
    reward = float(value)
    if not math.isfinite(reward):
        raise ValueError(f"verify returned {reward}, a reward must be finite")
    return reward


def tool_error(message: str) -> ToolResult:
    """An error result in the form the model sees: `{"error": message}`."""
    return ToolResult(render({"error": sendable(message)}), is_error=True)
