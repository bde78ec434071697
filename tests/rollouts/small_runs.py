"""Runs of a few rows with agents that fail as a test wants, and what they leave."""

import asyncio
import json
from pathlib import Path
from typing import Any

from polygym.protocol.calls import RolloutContext
from polygym.protocol.failures import FailureClass, RolloutFailure, Stage
from polygym.rollouts.collect import Collection, CollectRequest
from polygym.rollouts.engine import RetryPolicy
from polygym.rollouts.plan import InputFile, PlanRequest

QUICK = RetryPolicy(first_delay_s=0.001, first_probe_s=0.002)


class FakeAgent:
    """Answers each row with a reward, unless `fail` says how the attempt goes wrong."""

    def __init__(self, fail: Any = None, delay_s: float = 0.0) -> None:
        self.fail = fail
        self.delay_s = delay_s
        self.attempts: list[tuple[int, int, int]] = []

    async def run(self, row: dict[str, Any], context: RolloutContext) -> dict[str, Any]:
        key = (row["_ng_task_index"], row["_ng_rollout_index"], row.get("_ng_attempt_index", 0))
        self.attempts.append(key)
        await asyncio.sleep(self.delay_s)
        if self.fail is not None and (failure := self.fail(*key)) is not None:
            raise failure
        return {**row, "response": {"output": [], "usage": {"input_tokens": 2}}, "reward": float(row["answer"])}

    async def responses(self, params: dict[str, Any], context: RolloutContext) -> dict[str, Any]:
        raise NotImplementedError

    async def aggregate_metrics(self, verify_responses: list[dict[str, Any]]) -> dict[str, Any]:
        return {"agent_metrics": {"rows": len(verify_responses)}, "key_metrics": {}, "group_level_metrics": []}


def request(tmp_path: Path, rows: int = 6, **options: Any) -> CollectRequest:
    source = tmp_path / "in.jsonl"
    source.write_text(
        "".join(
            json.dumps(
                {
                    "responses_create_params": {"input": str(i)},
                    "answer": i,
                    "agent_ref": {"name": "ab"[i % 2]},
                }
            )
            + "\n"
            for i in range(rows)
        )
    )
    plan = PlanRequest([InputFile(source)], ["a", "b"], num_repeats=options.pop("num_repeats", None))
    return CollectRequest(plan, tmp_path / "out.jsonl", retries=QUICK, **options)


def run(what: CollectRequest, a: FakeAgent | None = None, b: FakeAgent | None = None) -> Collection:
    async def go() -> Collection:
        agents = {"a": a or FakeAgent(), "b": b or FakeAgent()}
        with Collection(what) as collection:
            await collection.run(agents)
            await collection.write_metrics(agents)
        return collection

    return asyncio.run(go())


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def keys(path: Path) -> list[tuple[int, int]]:
    return sorted((row["_ng_task_index"], row["_ng_rollout_index"]) for row in read(path))


def unavailable(status: int | None = 503) -> RolloutFailure:
    return RolloutFailure(FailureClass.MODEL_UNAVAILABLE, Stage.MODEL, "endpoint is down", http_status=status)
