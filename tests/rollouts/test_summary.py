import asyncio
import json
import math
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import fmean, median, stdev
from typing import Any

import pytest

from polygym.metrics.aggregate import aggregate
from polygym.metrics.running import EnvironmentMetrics
from polygym.protocol.json import JsonObject, dumps
from polygym.rollouts.outputs import OutputPaths
from polygym.rollouts.summary import MOST_ROWS, write_metrics

Aggregate = Callable[[list[JsonObject]], Awaitable[JsonObject]]


def record(agent: str, task: int, reward: float, **fields: Any) -> JsonObject:
    return {
        "agent_ref": {"name": agent},
        "_ng_task_index": task,
        "_ng_rollout_index": 0,
        "responses_create_params": {"input": "long " * 3},
        "response": {"output": [], "usage": {"total_tokens": 7}},
        "reward": reward,
        **fields,
    }


def written(tmp_path: Path, records: list[JsonObject], **options: Any) -> tuple[dict[str, JsonObject], dict[str, int]]:
    """The entries by agent, and how many rows each agent's environment was given."""
    paths = OutputPaths(tmp_path / "out.jsonl")
    paths.rollouts.write_bytes(b"".join(dumps(each) + b"\n" for each in records))
    metrics: dict[str, EnvironmentMetrics] = {}
    for each in records:
        metrics.setdefault(each["agent_ref"]["name"], EnvironmentMetrics()).add(each)
    given: dict[str, int] = {}

    def counting(name: str) -> Aggregate:
        async def count(rows: list[JsonObject]) -> JsonObject:
            given[name] = len(rows)
            assert all("responses_create_params" not in row and "output" not in row["response"] for row in rows)
            return aggregate(rows)

        return count

    snapshots = {name: each.snapshot() for name, each in metrics.items()}
    asyncio.run(write_metrics(paths, snapshots, {name: counting(name) for name in metrics}, **options))
    entries = json.loads(paths.metrics.read_bytes())
    return {entry["agent_ref"]["name"]: entry for entry in entries}, given


def test_an_entry_has_the_standard_metrics_and_the_numbers_of_the_table(tmp_path: Path) -> None:
    entries, given = written(tmp_path, [record("a", 0, 1.0), record("b", 1, 0.5), record("a", 2, 0.0)])
    assert given == {"a": 2, "b": 1}
    assert entries["a"]["agent_metrics"]["mean/reward"] == 0.5
    assert len(entries["a"]["group_level_metrics"]) == 2
    assert entries["a"]["summary"]["reward"]["mean"] == 0.5
    assert entries["a"]["summary"]["tokens"]["total_tokens"] == 14
    assert entries["b"]["summary"]["scored"] == 1


def test_an_agent_with_too_many_rollouts_gets_what_was_counted_as_they_came(tmp_path: Path) -> None:
    rewards = [index % 4 / 2 for index in range(MOST_ROWS + 1)]
    records = [record("many", task, reward, score=task % 10) for task, reward in enumerate(rewards)]
    entries, given = written(tmp_path, [*records, record("few", 0, 1.0)])
    assert given == {"few": 1}
    assert "group_level_metrics_omitted" not in entries["few"]
    entry = entries["many"]
    assert (entry["group_level_metrics"], entry["group_level_metrics_omitted"]) == ([], True)
    metrics = entry["agent_metrics"]
    assert metrics["mean/reward"] == pytest.approx(fmean(rewards))
    assert metrics["std/reward"] == pytest.approx(stdev(rewards))
    assert (metrics["min/reward"], metrics["max/reward"]) == (0.0, 1.5)
    assert math.isclose(metrics["median/score"], median(task % 10 for task in range(len(rewards))), abs_tol=0.5)
    assert metrics["mean/total_tokens"] == 7
    assert entry["key_metrics"].items() <= metrics.items() and "mean/reward" in entry["key_metrics"]
    assert set(metrics) >= {f"{name}/{field}" for name in ("mean", "median") for field in ("reward", "score")}


def test_an_environment_with_metrics_of_its_own_gets_all_rollouts_however_many(tmp_path: Path) -> None:
    records = [record("many", task, 1.0) for task in range(MOST_ROWS + 1)]
    entries, given = written(tmp_path, records, in_full={"many"})
    assert given == {"many": MOST_ROWS + 1}
    assert len(entries["many"]["group_level_metrics"]) == MOST_ROWS + 1


def test_agents_whose_rollouts_are_too_many_together_are_looked_at_one_after_the_other(tmp_path: Path) -> None:
    half = MOST_ROWS // 2 + 1
    records = [record("ab"[index % 2], index, 1.0) for index in range(2 * half)]
    entries, given = written(tmp_path, records)
    assert given == {"a": half, "b": half}
    assert entries["b"]["agent_metrics"]["mean/reward"] == 1.0
