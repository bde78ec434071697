"""An environment for verifiers 0.3 and later in which the user asks back."""

from typing import Any

import verifiers.v1 as vf
from vf_taskset import SumTask, SumTaskset


class TalkConfig(vf.EnvConfig):
    """One seat."""

    agent: vf.AgentConfig = vf.AgentConfig()


class Talk(vf.Env[TalkConfig]):
    """Asks, and asks whether that is so."""

    async def run(self, task: SumTask, agents: Any) -> None:
        """Two turns."""
        async with agents.agent.interaction(task) as interaction:
            await interaction.turn()
            await interaction.turn("Are you sure?")


class TalkTaskset(SumTaskset):
    """The same sums."""


__all__ = ["Talk", "TalkTaskset"]
