"""Adds numbers up, one call a number."""

import asyncio
import re
from dataclasses import dataclass

from polygym import ResourcesServer, RolloutView, Session, TaskFields, tool


class CounterTask(TaskFields):
    start: int
    amounts: list[int]


@dataclass
class CounterState:
    total: int = 0
    calls: int = 0


class Counter(ResourcesServer[CounterTask, CounterState]):
    def seed_session(self, session: Session[CounterTask, CounterState]) -> None:
        session.state.total = session.task.start

    @tool
    async def add(self, amount: int, session: Session[CounterTask, CounterState]) -> str:
        """Add a number.

        Args:
            amount: What to add.
        """
        state = session.state
        await asyncio.sleep(0)
        state.total += amount
        state.calls += 1
        return f"The counter is at {state.total}."

    def verify(self, rollout: RolloutView, session: Session[CounterTask, CounterState]) -> float:
        """1.0 when the counter holds the sum and the answer says so, 0.5 for the counter alone."""
        task = session.task
        if session.state.total != task.start + sum(task.amounts) or not session.state.calls:
            return 0.0
        said = re.findall(r"-?[0-9]+", rollout.final_text)
        return 1.0 if said == [str(session.state.total)] else 0.5
