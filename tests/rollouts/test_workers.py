import asyncio
import json
import os
import signal
from array import array
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from polygym import configure
from polygym.config.model import RunConfig
from polygym.protocol.errors import UserError
from polygym.rollouts import workers
from polygym.rollouts.collect import Collection, CollectRequest
from polygym.rollouts.engine import LaneSettings, RetryPolicy
from polygym.rollouts.outputs import OutputPaths
from polygym.rollouts.plan import InputFile, Plan, PlanRequest
from polygym.rollouts.workers import share_out

ROOT = Path(__file__).parents[2]
NAMES = ("example_single_tool_call", "example_multi_step")


def config(**settings: Any) -> RunConfig:
    model = "openai_model" if settings else "random_model"
    return configure(resources_servers=NAMES, model_type=model, settings=settings, search_dirs=[ROOT])


def request(tmp_path: Path, repeats: int = 10, **options: Any) -> CollectRequest:
    inputs = [
        InputFile(ROOT / "resources_servers" / name / "data" / "example.jsonl", f"{name}_simple_agent")
        for name in NAMES
    ]
    agents = [f"{name}_simple_agent" for name in NAMES]
    return CollectRequest(PlanRequest(inputs, agents, num_repeats=repeats), tmp_path / "out.jsonl", **options)


def run(what: CollectRequest, configured: RunConfig, then: Callable[[Collection], Any] | None = None) -> Collection:
    async def go() -> Collection:
        with Collection(what) as collection:
            running = asyncio.create_task(collection.run_in_workers(configured, 2))
            if then is not None:
                async with asyncio.timeout(30):
                    while collection.progress.done < 20:  # noqa: ASYNC110 - other processes make it grow
                        await asyncio.sleep(0.01)
                then(collection)
            await running
            return collection

    return asyncio.run(go())


def keys(path: Path) -> list[tuple[int, int]]:
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return sorted((row["_ng_task_index"], row["_ng_rollout_index"]) for row in rows)


def test_two_workers_write_one_journal_with_every_row_once(tmp_path: Path) -> None:
    collection = run(request(tmp_path), config())
    assert keys(tmp_path / "out.jsonl") == [(task, repeat) for task in range(10) for repeat in range(10)]
    assert (collection.progress.done, collection.progress.failed) == (100, 0)
    assert {name: metrics.done for name, metrics in collection.metrics.items()} == {
        f"{name}_simple_agent": 50 for name in NAMES
    }


def kill_one(collection: Collection) -> None:
    mine = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    children = [int(pid) for file in mine for pid in file.read_text().split()]
    workers = [pid for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    os.kill(workers[0], signal.SIGKILL)


def test_the_share_of_a_worker_that_is_killed_is_taken_by_another(tmp_path: Path) -> None:
    collection = run(request(tmp_path, repeats=400, concurrency=4), config(), kill_one)
    assert keys(tmp_path / "out.jsonl") == [(task, repeat) for task in range(10) for repeat in range(400)]
    assert collection.progress.done == sum(metrics.done for metrics in collection.metrics.values()) == 4000


def test_when_workers_die_again_and_again_resuming_brings_back_what_they_leave(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "MAX_REPLACED", 0)
    collection = run(request(tmp_path, repeats=400, concurrency=4), config(), kill_one)
    written = len(keys(tmp_path / "out.jsonl"))
    assert written == collection.progress.done < 4000
    assert sum(metrics.done for metrics in collection.metrics.values()) == written
    run(request(tmp_path, repeats=400, mode="resume"), config())
    assert keys(tmp_path / "out.jsonl") == [(task, repeat) for task in range(10) for repeat in range(400)]


def test_stopping_finishes_what_is_in_flight(tmp_path: Path) -> None:
    collection = run(request(tmp_path, repeats=2000, concurrency=4), config(), Collection.stop)
    assert 20 <= collection.progress.done < 20_000
    assert len(keys(tmp_path / "out.jsonl")) == collection.progress.done


def test_an_endpoint_that_nobody_serves_ends_all_workers_and_leaves_nothing(tmp_path: Path) -> None:
    nowhere = config(policy_base_url="http://127.0.0.1:9/v1", policy_model_name="m")
    with pytest.raises(UserError, match="cannot be reached"):
        run(request(tmp_path, retries=RetryPolicy(first_delay_s=0.01)), nowhere)
    assert list(tmp_path.iterdir()) == []


def test_limits_are_shared_out_and_no_row_is_left_without_a_worker(tmp_path: Path) -> None:
    plan = Plan(tmp_path / "plan")
    plan.offsets = {"a": array("Q", range(10)), "b": array("Q", range(10)), "c": array("Q", [7])}
    lanes = {"a": LaneSettings(concurrency=1), "b": LaneSettings(concurrency=5), "c": LaneSettings()}
    orders = share_out(config(), OutputPaths(tmp_path / "o.jsonl"), plan, lanes, 3, 10, None, RetryPolicy())
    assert [order.concurrency for order in orders] == [4, 3, 3]
    for agent, offsets in plan.offsets.items():
        assert sorted(offset for order in orders for offset in order.plan.offsets.get(agent, ())) == list(offsets)
    assert [order.lanes["a"].concurrency for order in orders if "a" in order.lanes] == [1]
    assert [order.lanes["b"].concurrency for order in orders] == [2, 2, 1]
    assert replace(lanes["c"]) == next(order.lanes["c"] for order in orders if "c" in order.lanes)
