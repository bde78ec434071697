"""The harness: seeds a session, lets model and tools work, has the result verified."""

from abc import ABC, abstractmethod

from polygym.protocol.calls import ModelServerRef, ResourcesServerRef, ResourcesSession, RolloutContext
from polygym.protocol.json import JsonObject
from polygym.protocol.tasks import PARAMS
from polygym.servers.base import Server, ServerConfig


class AgentServerConfig(ServerConfig):
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
            response = await self.act(row[PARAMS], session, context)
            return await session.verify(response)

    async def responses(self, params: JsonObject, context: RolloutContext) -> JsonObject:
        """The conversation alone, in the session that the caller has seeded."""
        resources = self.directory.resources(self.config.resources_server)
        async with resources.attach(context) as session:
            return await self.act(params, session, context)

    async def aggregate_metrics(self, verify_responses: list[JsonObject]) -> JsonObject:
        """The environment's metrics over verified rows."""
        return await self.directory.resources(self.config.resources_server).aggregate_metrics(verify_responses)
