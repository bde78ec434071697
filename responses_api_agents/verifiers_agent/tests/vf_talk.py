"""An environment for verifiers 0.3 and later in which the user asks back."""

import asyncio
from typing import Any

import verifiers.v1 as vf
from vf_taskset import SumTask, SumTaskset


class TalkConfig(vf.EnvConfig):
    """One seat."""

    agent: vf.AgentConfig = vf.AgentConfig()


class Talk(vf.Env[TalkConfig]):
    """Asks, and asks whether that is so; takes a moment before it can."""

    has_started = False

    async def start(self) -> None:
        """What all episodes need."""
        await asyncio.sleep(0.05)
        self.has_started = True

    async def run(self, task: SumTask, agents: Any) -> None:
        """Two turns."""
        if not self.has_started:
            raise RuntimeError("the environment has not started")
        async with agents.agent.interaction(task) as interaction:
            await interaction.turn()
            await interaction.turn("Are you sure?")


class TalkTaskset(SumTaskset):
    """The same sums."""


__all__ = ["Talk", "TalkTaskset"]
