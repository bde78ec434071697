"""The harness: seeds a session, lets model and tools work, has the result verified."""

from abc import ABC, abstractmethod
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, Field

from polygym.protocol.calls import ModelServerRef, ResourcesServerRef, ResourcesSession, RolloutContext
from polygym.protocol.json import JsonObject
from polygym.protocol.tasks import PARAMS
from polygym.servers.base import Server, ServerConfig

Seconds: TypeAlias = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class LaneConfig(BaseModel):
    """How an agent's rollouts are run, wherever the agent lives. Options of `gym eval run` win over these fields."""

    concurrency: int | None = Field(default=None, ge=1)
    """Rollouts of this agent in flight at most; None leaves it to the run's limit."""
    weight: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    """Share of the run's limit, relative to the other agents'."""
    timeout_s: Seconds | None = None
    """Seconds of its own time that a whole rollout may take; None for no limit."""
    stage_timeouts_s: dict[Literal["seed", "model", "tool", "user", "verify"], Seconds] = Field(default_factory=dict)
    """Seconds of its own time that one call of a stage may take; stages that are absent have no limit."""
    max_attempts: int = Field(default=3, ge=1)
    """Attempts at a rollout in all, the first included."""


class AgentServerConfig(ServerConfig, LaneConfig):
    """Configuration of an agent server."""

    resources_server: ResourcesServerRef
    """The environment it works in."""
    model_server: ModelServerRef
    """The policy."""


class AgentServer(Server, ABC):
    """A harness. Subclasses say how model and tools take turns, in `act`."""

    config: AgentServerConfig

    @abstractmethod
    async def act(self, params: JsonObject, session: ResourcesSession, context: RolloutContext) -> JsonObject:
        """Work on one task; the final Response, whose `output` holds the items of every step, tool outputs included."""

    async def run(self, row: JsonObject, context: RolloutContext) -> JsonObject:
        """One rollout: seed, `act`, verify; the verified row. The session is closed whatever happens."""
        resources = self.directory.resources(self.config.resources_server)
        async with resources.open(row, context) as session:
            response = await self.act(session.row[PARAMS], session, context)
            return await session.verify(response)

    async def responses(self, params: JsonObject, context: RolloutContext) -> JsonObject:
        """The conversation alone, in the session that the caller has seeded."""
        resources = self.directory.resources(self.config.resources_server)
        async with resources.attach(context) as session:
            return await self.act(params, session, context)

    async def aggregate_metrics(self, verify_responses: list[JsonObject]) -> JsonObject:
        """The environment's metrics over verified rows."""
        return await self.directory.resources(self.config.resources_server).aggregate_metrics(verify_responses)
