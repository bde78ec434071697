"""The contract of a call from one server to another.

A server sees the others through these protocols and cannot tell whether a call is a method call in this process or an
HTTP request. The rooms `channels` and `fleet` fulfil them.
"""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol, TypeAlias

from pydantic import BaseModel

from polygym.protocol.json import JsonObject

ServerType: TypeAlias = Literal["resources_servers", "responses_api_agents", "responses_api_models"]
SERVER_TYPES: tuple[ServerType, ...] = ("resources_servers", "responses_api_agents", "responses_api_models")
"""Keys below an instance's name in the configuration; also the folders that implementations live in."""


class ServerRef(BaseModel):
    """A reference from one server's configuration to another instance."""

    type: ServerType
    name: str
    """Instance name."""


class ResourcesServerRef(ServerRef):
    """Reference to a resources server."""

    type: Literal["resources_servers"] = "resources_servers"


class ModelServerRef(ServerRef):
    """Reference to a model server."""

    type: Literal["responses_api_models"] = "responses_api_models"


class AgentServerRef(ServerRef):
    """Reference to an agent server."""

    type: Literal["responses_api_agents"] = "responses_api_agents"


@dataclass(slots=True)
class RolloutContext:
    """What one rollout hands to every server it calls."""

    rollout_id: str
    """`<task index>-<repeat>`, with `-a<attempt>` after a retry. Unique in a run.

    A model server sticks to one endpoint by it.
    """
    credentials: dict[str, str] = field(default_factory=dict)
    """Cookies of servers reached over HTTP, collected as they answer. Only channels read and write it."""
    limits_s: Mapping[str, float] = field(default_factory=dict)
    """Seconds of its own time that one call of a stage may take; stages that are absent have no limit."""
    durations_s: dict[str, list[float]] = field(default_factory=dict)
    """Seconds spent per stage, one entry a call, in order."""

    rate_limits: int = 0
    """Answers 429 that model calls got, also those that were repeated with success."""

    def record(self, stage: str, seconds: float) -> None:
        """Add one call's duration to its stage."""
        self.durations_s.setdefault(stage, []).append(seconds)


class ToolResult(NamedTuple):
    """What a tool gave back."""

    output: str
    """Text for the model: the tool's text, or its value as JSON."""
    is_error: bool
    """Whether the tool refused or raised. `output` then says why, in a form the model can act on."""
    content: list[JsonObject] | None = None
    """Content parts (`input_text`, `input_image`, …) when the tool shows more than text; `output` is their text."""

    def for_model(self) -> str | list[JsonObject]:
        """What goes into the `function_call_output`."""
        return self.output if self.content is None else self.content


class Model(Protocol):
    """A policy endpoint."""

    async def responses(self, params: JsonObject, context: RolloutContext) -> JsonObject:
        """Answer Responses API create params with a Response object. Raises RolloutFailure."""
        ...

    async def chat_completions(self, params: JsonObject, context: RolloutContext) -> JsonObject:
        """Answer Chat Completions create params with a ChatCompletion object. Raises RolloutFailure."""
        ...

    async def messages(self, params: JsonObject, context: RolloutContext) -> JsonObject:
        """Answer Messages create params with a Message object. Raises RolloutFailure."""
        ...


class ResourcesSession(Protocol):
    """One rollout's state inside one resources server. Ends with `close`."""

    @property
    def seed(self) -> JsonObject:
        """What seeding answered: `{}` or an environment's own fields, such as a first observation."""
        ...

    @property
    def row(self) -> JsonObject:
        """The task's row; with the tools that the environment offers when the row brings none.

        Empty in a session that an outside caller seeded at a server elsewhere.
        """
        ...

    async def call_tool(self, name: str, arguments: JsonObject) -> ToolResult:
        """Call one tool. A tool that raises gives an error result; a lost server raises RolloutFailure."""
        ...

    async def next_user_message(self, response: JsonObject) -> str | None:
        """What the environment's user says to `response`, the rollout so far; None ends it. Raises RolloutFailure."""
        ...

    async def verify(self, response: JsonObject) -> JsonObject:
        """The row with `response`, `reward` and what the verifier added. Raises RolloutFailure."""
        ...

    async def close(self) -> None:
        """Release the state. May be called more than once; never raises."""
        ...


class Resources(Protocol):
    """An environment's side: tools, state, verification."""

    def open(self, row: JsonObject, context: RolloutContext) -> AbstractAsyncContextManager[ResourcesSession]:
        """Seed a session for `row`, close it on the way out, also after a failure or a cancellation."""
        ...

    def attach(self, context: RolloutContext) -> AbstractAsyncContextManager[ResourcesSession]:
        """Carry on the session that an outside caller seeded (its credentials are in `context`); leave it open."""
        ...

    async def aggregate_metrics(self, verify_responses: list[JsonObject]) -> JsonObject:
        """`{group_level_metrics, agent_metrics, key_metrics}` over verified rollouts."""
        ...


class Agent(Protocol):
    """A harness: runs tasks."""

    async def run(self, row: JsonObject, context: RolloutContext) -> JsonObject:
        """Seed, let model and tools work, verify; the verified row.

        Raises RolloutFailure, and whatever else the agent's own code raises.
        """
        ...

    async def responses(self, params: JsonObject, context: RolloutContext) -> JsonObject:
        """The conversation alone, without seeding or verifying. Raises RolloutFailure."""
        ...

    async def aggregate_metrics(self, verify_responses: list[JsonObject]) -> JsonObject:
        """As `Resources.aggregate_metrics`, of the environment behind the agent."""
        ...


class Directory(Protocol):
    """Finds servers by reference. Looking one up costs nothing; it need not be up yet."""

    def resources(self, ref: ResourcesServerRef) -> Resources:
        """The resources server of that instance name."""
        ...

    def model(self, ref: ModelServerRef) -> Model:
        """The model server of that instance name."""
        ...

    def agent(self, ref: AgentServerRef) -> Agent:
        """The agent server of that instance name."""
        ...
