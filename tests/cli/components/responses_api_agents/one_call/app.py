"""Asks the model once."""

from polygym import AgentServer, JsonObject, ResourcesSession, RolloutContext

__all__ = ["OneCall"]


class OneCall(AgentServer):
    async def act(self, params: JsonObject, session: ResourcesSession, context: RolloutContext) -> JsonObject:
        return await self.directory.model(self.config.model_server).responses(params, context)
