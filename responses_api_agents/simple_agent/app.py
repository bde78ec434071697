"""The simple agent: the model answers, its tool calls are carried out, and so on until it calls no more."""

from collections.abc import Coroutine
from typing import Any

from pydantic import Field

from polygym import AgentServer, AgentServerConfig, Conversation, JsonObject, ResourcesSession, RolloutContext


class SimpleAgentConfig(AgentServerConfig):
    """How long it may take, and whether the result is verified."""

    max_steps: int | None = Field(default=100, ge=1)
    """Model calls per rollout; None for no limit. At the limit the rollout ends as incomplete, and is verified."""
    skip_verification: bool = False
    """Do not verify: the row gets `skip_verification_reward` and says so under `verification_skipped`."""
    skip_verification_reward: float = 0.0
    """Reward of rows that are not verified."""


class SimpleAgent(AgentServer):
    """Model and tools in turns. Tool calls run in the order in which the model wrote them: they share one state."""

    config: SimpleAgentConfig

    def run(self, row: JsonObject, context: RolloutContext) -> Coroutine[Any, Any, JsonObject]:
        """One rollout; the verified row, or with `skip_verification` the row as it would go to the verifier."""
        return self._run_unverified(row, context) if self.config.skip_verification else super().run(row, context)

    async def _run_unverified(self, row: JsonObject, context: RolloutContext) -> JsonObject:
        async with self.directory.resources(self.config.resources_server).open(row, context) as session:
            response = await self.act(session.row["responses_create_params"], session, context)
        reward = self.config.skip_verification_reward
        return {**session.row, "response": response, "reward": reward, "verification_skipped": True}

    def act(
        self, params: JsonObject, session: ResourcesSession, context: RolloutContext
    ) -> Coroutine[Any, Any, JsonObject]:
        """The last Response of the policy's one turn; see `Conversation.take_turn` for when it is incomplete."""
        model = self.directory.model(self.config.model_server)
        return Conversation(model, params, session, context, max_steps=self.config.max_steps).take_turn()
