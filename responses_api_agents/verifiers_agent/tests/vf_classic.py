"""An environment for verifiers 0.1 and 0.2: sums, asked at once or with a calculator."""

from typing import Any

import verifiers as vf
from datasets import Dataset


async def right(completion: Any, answer: str) -> float:
    """The last message ends with the answer."""
    return float(str(completion[-1]["content"] or "").strip().endswith(answer))


async def length(completion: Any) -> float:
    """How many messages there are."""
    return float(len(completion))


async def add(a: int, b: int) -> str:
    """Add two numbers.

    Args:
        a: One.
        b: The other.
    """
    return str(a + b)


def load_environment(kind: str = "plain", count: int = 5) -> Any:
    """Sums of a number and two."""
    rows = [{"question": f"What is {number} + 2?", "answer": str(number + 2)} for number in range(count)]
    rubric = vf.Rubric(funcs=[right, length], weights=[1.0, 0.0])
    dataset = Dataset.from_list(rows)
    if kind == "tools":
        return vf.ToolEnv(dataset=dataset, tools=[add], rubric=rubric, max_turns=4)
    return vf.SingleTurnEnv(dataset=dataset, system_prompt="Add.", rubric=rubric)
