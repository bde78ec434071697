"""A taskset for verifiers 0.3 and later: sums."""

from collections.abc import Iterator
from typing import Any

import verifiers.v1 as vf


class SumData(vf.TaskData):
    """A sum."""

    answer: str = ""


class SumTask(vf.Task[SumData]):
    """Rewards the sum."""

    @vf.reward
    async def right(self, trace: Any) -> float:
        """The last answer ends with the sum."""
        said = str(trace.branches[-1].messages[-1].content or "").strip()
        if said.startswith("crash"):
            raise ValueError("the scorer has crashed")
        return float(said.endswith(self.data.answer))

    @vf.metric
    async def turns(self, trace: Any) -> float:
        """How often the model was asked."""
        return float(trace.num_turns)


class SumTaskset(vf.Taskset[SumTask]):
    """Sums of a number and two."""

    def load(self) -> Iterator[SumTask]:
        """Five of them."""
        for number in range(5):
            data = SumData(prompt=f"What is {number} + 2?", answer=str(number + 2), system_prompt="Add.")
            yield SumTask(data, self.config.task)


__all__ = ["SumTaskset"]
