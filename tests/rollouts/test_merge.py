import asyncio
import json
import os
import resource
from pathlib import Path
from typing import Any

import pytest

from polygym.protocol.errors import InputError, OutputError
from polygym.rollouts.merge import NOT_RUN, SHOWN_GAPS, Merged, MergeRequest, merge
from polygym.rollouts.outputs import OutputLock, OutputPaths


def record(task: int, repeat: int = 0, reward: float = 1.0, agent: str = "a", **fields: Any) -> dict[str, Any]:
    key = {"_ng_task_index": task, "_ng_rollout_index": repeat, "agent_ref": {"name": agent}}
    return {**key, "response": {"output": []}, "reward": reward, "rollout_state": "scored", **fields}


def planned(task: int, repeat: int = 0, agent: str = "a") -> dict[str, Any]:
    key = {"_ng_task_index": task, "_ng_rollout_index": repeat, "agent_ref": {"name": agent}}
    return {**key, "responses_create_params": {"input": "x"}}


def failure(task: int, why: str, repeat: int = 0, agent: str = "a", **fields: Any) -> dict[str, Any]:
    return {**planned(task, repeat, agent), "_ng_failure_class": why, "rollout_state": "failed", **fields}


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def run(tmp_path: Path, *inputs: Path, **options: Any) -> Merged:
    return asyncio.run(merge(MergeRequest(inputs, tmp_path / "all.jsonl", **options)))


def test_records_stay_as_they_are_in_the_order_of_the_files(tmp_path: Path) -> None:
    first = write(tmp_path / "a.jsonl", [record(2, note="ü", nested={"x": [1, None]}), record(0)])
    second = write(tmp_path / "b.jsonl", [record(1, agent="b", reward=0.5)])
    merged = run(tmp_path, first, second)
    assert (tmp_path / "all.jsonl").read_bytes() == first.read_bytes() + second.read_bytes()
    assert (merged.rollouts, merged.is_complete) == (3, True)
    assert {name: metrics.mean_reward for name, metrics in merged.metrics.items()} == {"a": 1.0, "b": 0.5}
    written = json.loads((tmp_path / "all_aggregate_metrics.json").read_text())
    entries = {entry["agent_ref"]["name"]: entry for entry in written}
    assert entries["b"]["agent_metrics"]["mean/reward"] == entries["b"]["summary"]["reward"]["mean"] == 0.5


def test_a_torn_last_line_is_a_rollout_that_is_missing(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [record(0), record(1)])
    write(tmp_path / "a_materialized_inputs.jsonl", [planned(0), planned(1)])
    path.write_bytes(path.read_bytes()[:-5])
    merged = run(tmp_path, path)
    assert (merged.rollouts, dict(merged.missing), merged.parts[0].missing) == (1, {NOT_RUN: 1}, 1)
    assert [json.loads(line) for line in (tmp_path / "all.jsonl").read_text().splitlines()] == [record(0)]


def test_planned_rollouts_without_a_record_are_missing_by_the_class_of_their_last_attempt(tmp_path: Path) -> None:
    first = write(tmp_path / "a.jsonl", [record(0), record(1)])
    write(tmp_path / "a_materialized_inputs.jsonl", [planned(task) for task in range(5)])
    write(
        tmp_path / "a_failures.jsonl",
        [failure(1, "timeout"), failure(2, "model_unavailable"), failure(2, "timeout"), failure(3, "seed_error")],
    )
    second = write(tmp_path / "b.jsonl", [record(3)])
    merged = run(tmp_path, first, second)
    assert dict(merged.missing) == {"timeout": 1, NOT_RUN: 1}
    assert [(gap.key.task, gap.failure_class) for gap in merged.gaps] == [(2, "timeout"), (4, NOT_RUN)]
    assert merged.metrics["a"].failures == {"timeout": 1}
    assert (merged.parts[0].planned, merged.parts[0].missing, merged.parts[1].planned) == (5, 2, None)
    assert len(read(tmp_path / "all_failures.jsonl")) == 4
    assert [row["_ng_task_index"] for row in read(tmp_path / "all_materialized_inputs.jsonl")] == list(range(5))


def test_a_failed_attempt_of_a_rollout_that_nobody_planned_is_missing_too(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [record(0)])
    write(tmp_path / "a_failures.jsonl", [failure(7, "verifier_error", repeat=2, agent="b")])
    merged = run(tmp_path, path)
    assert merged.gaps == [((7, 2), "b", "verifier_error")]
    assert merged.metrics["b"].failures == {"verifier_error": 1}


def test_rows_that_two_files_have_planned_are_written_once(tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{name}.jsonl", [record(0)]) for name in "ab"]
    for path in paths:
        write(path.with_name(f"{path.stem}_materialized_inputs.jsonl"), [planned(0), planned(1)])
    merged = run(tmp_path, *paths)
    assert (merged.identical, merged.missing.total()) == (1, 1)
    assert len(read(tmp_path / "all_materialized_inputs.jsonl")) == 2


def test_only_the_first_gaps_are_kept_and_all_are_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [])
    write(tmp_path / "a_materialized_inputs.jsonl", [planned(task) for task in range(50)])
    merged = run(tmp_path, path)
    assert (len(merged.gaps), merged.missing.total()) == (SHOWN_GAPS, 50)


@pytest.mark.parametrize(("keep", "reward"), [("first", 1.0), ("last", 0.0)])
def test_one_of_differing_records_stays_when_it_is_said_which(tmp_path: Path, keep: Any, reward: float) -> None:
    rewards = [record(0, reward=1.0), record(1), record(0, reward=0.5)]
    paths = write(tmp_path / "a.jsonl", rewards), write(tmp_path / "b.jsonl", [record(0, reward=0.0)])
    with pytest.raises(InputError, match=r"a.jsonl:1 and .*a.jsonl:3"):
        run(tmp_path, *paths)
    merged = run(tmp_path, *paths, keep=keep)
    assert (merged.rollouts, merged.replaced) == (2, 2)
    assert {row["_ng_task_index"]: row["reward"] for row in read(tmp_path / "all.jsonl")} == {0: reward, 1: 1.0}


@pytest.mark.parametrize(
    "wrong", [{"_ng_task_index": None}, {"_ng_rollout_index": "1"}, {"agent_ref": {}}, {"reward": "1"}]
)
def test_a_line_that_is_no_record_is_named(tmp_path: Path, wrong: dict[str, Any]) -> None:
    path = write(tmp_path / "a.jsonl", [record(0), record(1) | wrong])
    with pytest.raises(InputError, match=r"a.jsonl:2: is no record of a rollout"):
        run(tmp_path, path)


@pytest.mark.parametrize("name", ["a_failures.jsonl", "a_materialized_inputs.jsonl"])
def test_a_side_file_that_cannot_be_read_is_named_and_the_old_output_stays(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "a.jsonl", [record(0)])
    write(tmp_path / name, [{"reward": 1}])
    (tmp_path / "all.jsonl").write_text("precious\n")
    with pytest.raises(InputError, match=f"{name}:1: belongs to no rollout"):
        run(tmp_path, path, overwrite=True)
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted(["a.jsonl", "all.jsonl", name])
    assert (tmp_path / "all.jsonl").read_text() == "precious\n"


def test_an_output_that_somebody_writes_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [record(0)])
    with OutputLock(OutputPaths(tmp_path / "all.jsonl")), pytest.raises(OutputError, match=f"process {os.getpid()}"):
        run(tmp_path, path)


def test_a_full_disk_leaves_the_old_output(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [record(task, note="x" * 1000) for task in range(200)])
    (tmp_path / "all.jsonl").write_text("precious\n")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(OutputError, match="cannot be written: File too large"):
            run(tmp_path, path, overwrite=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (tmp_path / "all.jsonl").read_text() == "precious\n"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.jsonl", "all.jsonl"]
