"""Accumulators of a running collection: counts, merging, bounds, and agreement with the aggregate file."""

import math
import pickle
import tracemalloc
import weakref
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polygym.metrics.aggregate import aggregate
from polygym.metrics.running import LARGEST_WAITING, MAX_FIELDS, EnvironmentMetrics, overall
from polygym.protocol.json import JsonObject, dumps

RECORDS = st.builds(
    lambda task, repeat, reward, state, length: {
        "_ng_task_index": task,
        "_ng_rollout_index": repeat,
        "reward": reward,
        "rollout_state": state,
        "length": length,
    },
    st.integers(0, 5),
    st.integers(0, 3),
    st.sampled_from([0.0, 0.5, 1.0]),
    st.sampled_from(["scored", "scored", "masked", "failed", "unresolved"]),
    st.integers(0, 1000),
)
DURATIONS = st.dictionaries(st.sampled_from(["model", "tool"]), st.lists(st.floats(0, 100), max_size=3))
ROLLOUTS = st.lists(st.tuples(RECORDS, DURATIONS), max_size=40)


def collect(rollouts: list[tuple[dict, dict[str, list[float]]]]) -> EnvironmentMetrics:
    metrics = EnvironmentMetrics()
    for record, durations_s in rollouts:
        metrics.add(record, durations_s)
    return metrics


def close(left: object, right: object) -> bool:
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(close(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(close, left, right))
    if isinstance(left, float) and isinstance(right, float):
        return math.isclose(left, right, rel_tol=1e-6, abs_tol=1e-6)
    return left == right


class Watched(dict):
    """A record that can be waited for to go."""


def rollout(reward: float, task: int = 0, **fields: object) -> dict:
    return {"reward": reward, "_ng_task_index": task, "rollout_state": "scored", **fields}


@given(ROLLOUTS, ROLLOUTS)
def test_merged_workers_equal_one_worker(
    first: list[tuple[dict, dict[str, list[float]]]], second: list[tuple[dict, dict[str, list[float]]]]
) -> None:
    merged = collect(first)
    merged.merge(pickle.loads(pickle.dumps(collect(second))))
    assert close(merged.snapshot(), collect(first + second).snapshot())


@given(st.lists(RECORDS, max_size=30, unique_by=lambda record: (record["_ng_task_index"], record["_ng_rollout_index"])))
def test_the_numbers_are_those_of_the_aggregate_file(records: list[dict]) -> None:
    snapshot = collect([(record, {}) for record in records]).snapshot()
    expected = aggregate(records)["agent_metrics"]

    fields = snapshot["fields"] | {"reward": snapshot["reward"]}
    for name, key in ((name, key) for name in ("reward", "length") for key in ("mean", "max", "min", "median", "std")):
        assert fields.get(name, {}).get(key) == (
            pytest.approx(expected[f"{key}/{name}"], abs=1e-9) if expected else None
        )


@given(ROLLOUTS, st.sampled_from([0, LARGEST_WAITING]))
def test_it_does_not_matter_how_many_rollouts_are_counted_together(
    rollouts: list[tuple[dict, dict[str, list[float]]]], size: int
) -> None:
    together, apart = EnvironmentMetrics(), EnvironmentMetrics()
    for record, durations_s in rollouts * 4:
        together.add(record, durations_s, size=size)
        apart.add(record, durations_s)
        assert apart.mean_reward is None or 0 <= apart.mean_reward <= 1
    assert close(together.snapshot(), apart.snapshot())


def test_large_records_do_not_wait_to_be_counted() -> None:
    metrics = EnvironmentMetrics()
    record = Watched(rollout(1.0))
    is_kept = weakref.ref(record)
    metrics.add(record)
    del record
    assert is_kept() is not None
    metrics.add(rollout(1.0), size=LARGEST_WAITING)
    assert is_kept() is None


def test_every_rollout_is_counted_in_one_state() -> None:
    metrics = EnvironmentMetrics()
    metrics.add(rollout(1.0))
    metrics.add(rollout(1.0, rollout_state="masked"))
    metrics.add({"rollout_state": "failed", "_ng_failure_class": "timeout"})
    metrics.add({"rollout_state": "unresolved", "_ng_failure_class": "environment_lost"})
    metrics.add(rollout(math.nan))
    metrics.add_failure("timeout")
    snapshot = metrics.snapshot()

    counts = {key: snapshot[key] for key in ("done", "scored", "masked", "failed", "unresolved")}
    assert counts == {"done": 6, "scored": 1, "masked": 1, "failed": 3, "unresolved": 1}
    assert snapshot["failures_by_class"] == {"timeout": 2, "environment_lost": 1, "verifier_error": 1}
    assert snapshot["reward"]["count"] == 2
    assert metrics.mean_reward == 1.0


def test_failures_do_not_move_the_mean() -> None:
    metrics = collect([(rollout(1.0, 0), {}), (rollout(0.5, 1), {})])
    for _ in range(98):
        metrics.add({"rollout_state": "failed", "reward": 0.0, "_ng_failure_class": "seed_error"})
    assert metrics.snapshot()["reward"]["mean"] == metrics.mean_reward == 0.75


def test_repeats_of_a_task_widen_the_interval() -> None:
    apart = collect([(rollout(float(task % 2), task), {}) for task in range(16)]).snapshot()["reward"]
    together = collect([(rollout(float(task % 2), task), {}) for task in range(4) for _ in range(4)]).snapshot()[
        "reward"
    ]

    assert apart["mean"] == together["mean"]
    assert apart["ci_method"] == together["ci_method"] == "wilson"
    assert together["standard_error"] == pytest.approx(1 / math.sqrt(12))
    assert together["ci_low_95"] < apart["ci_low_95"] < 0.5 < apart["ci_high_95"] < together["ci_high_95"]


def test_rewards_other_than_zero_and_one_get_the_clustered_interval() -> None:
    reward = collect([(rollout(float(task), task), {}) for task in range(3)]).snapshot()["reward"]
    assert reward["ci_method"] == "clustered_t"
    assert reward["ci_low_95"] == pytest.approx(1 - 4.30265 / math.sqrt(3), rel=1e-5)


@pytest.mark.parametrize(("reward", "interval"), [(1.0, (0.8389, 1.0)), (0.0, (0.0, 0.1611)), (0.5, (None, None))])
def test_rewards_that_are_all_equal_claim_no_certainty(reward: float, interval: tuple) -> None:
    summary = collect([(rollout(reward, task), {}) for task in range(20)]).snapshot()["reward"]

    assert summary["standard_error"] is None
    assert summary["ci_method"] == ("wilson" if interval[0] is not None else None)
    for value, expected in zip((summary["ci_low_95"], summary["ci_high_95"]), interval, strict=True):
        assert value == (None if expected is None else pytest.approx(expected, abs=1e-4))


def test_work_tokens_and_latencies_are_summed_up() -> None:
    output = [
        {"type": "function_call"},
        {"type": "function_call_output", "output": '{"error":"no such city"}'},
        {"type": "message", "role": "assistant"},
    ]
    usage = {"input_tokens": 100, "output_tokens": 20, "total_tokens": 120}
    record = rollout(1.0, response={"output": output, "usage": usage})
    metrics = EnvironmentMetrics()
    metrics.add(record, {"model": [1.0, 3.0], "tool": [0.5]})
    metrics.add(record)
    metrics.add_failure("timeout", {"model": [60.0]})
    snapshot = metrics.snapshot()

    assert snapshot["tokens"] == {"input_tokens": 200, "output_tokens": 40, "total_tokens": 240}
    assert snapshot["steps"]["mean"] == 2.0
    assert snapshot["tool_calls"] == {"total": 2, "errors": 2}
    assert snapshot["latency_s"]["model"] == {
        "count": 3,
        "mean": pytest.approx(64 / 3),
        "p50": 3.0,
        "p95": pytest.approx(54.3),
        "p99": pytest.approx(58.86),
        "max": 60.0,
    }
    assert set(snapshot["latency_s"]) == {"model", "tool"}


def test_correct_begins_where_the_caller_says() -> None:
    strict, lenient = EnvironmentMetrics(), EnvironmentMetrics(correct_at=0.5)
    for metrics in (strict, lenient):
        metrics.add(rollout(0.7))

    assert strict.snapshot()["repeats"][0]["pass_at_k"] == 0.0
    assert lenient.snapshot()["repeats"][0]["pass_at_k"] == 1.0
    with pytest.raises(ValueError, match=r"1\.0 here, from 0\.5 there"):
        strict.merge(lenient)


def test_overall_keeps_the_same_index_in_two_environments_apart() -> None:
    math_tasks, code_tasks = EnvironmentMetrics(), EnvironmentMetrics(correct_at=0.5)
    math_tasks.add(rollout(1.0, 0))
    code_tasks.add(rollout(0.0, 0))
    code_tasks.add_failure("timeout")
    snapshot = overall([math_tasks, code_tasks])

    assert (snapshot["done"], snapshot["tasks"]["count"], snapshot["reward"]["mean"]) == (3, 2, 0.5)
    assert snapshot["failures_by_class"] == {"timeout": 1}
    assert math_tasks.snapshot()["done"] == 1


def test_an_empty_accumulator_has_a_snapshot_that_is_json() -> None:
    snapshot = EnvironmentMetrics().snapshot()

    assert (snapshot["done"], snapshot["reward"]["count"], snapshot["repeats"]) == (0, 0, [])
    assert EnvironmentMetrics().mean_reward is None
    assert overall([]) == snapshot
    dumps(snapshot)


@pytest.mark.parametrize("task", [None, "seven", 2**63, 1.5])
def test_a_rollout_without_a_usable_task_index_is_a_task_of_its_own(task: object) -> None:
    metrics = EnvironmentMetrics()
    for _ in range(2):
        metrics.add({"reward": 1.0, "_ng_task_index": task})
    assert metrics.snapshot()["tasks"]["count"] == 2


def test_made_up_field_names_do_not_fill_memory() -> None:
    metrics, other = EnvironmentMetrics(), EnvironmentMetrics()
    for number in range(MAX_FIELDS + 50):
        metrics.add(rollout(1.0, **{f"score_{number}": number}))
        other.add(rollout(1.0, **{f"other_{number}": number}))

    assert len(metrics.snapshot()["fields"]) == MAX_FIELDS
    assert metrics.snapshot()["values_left_out"] == 50
    metrics.merge(other)
    assert len(metrics.snapshot()["fields"]) == MAX_FIELDS
    assert metrics.snapshot()["values_left_out"] == 50 + 50 + MAX_FIELDS


def test_a_rollout_more_takes_tens_of_bytes() -> None:
    metrics = EnvironmentMetrics()
    tracemalloc.start()
    for task in range(6_000):
        usage = {"input_tokens": 1000 + task % 977, "output_tokens": task % 353, "total_tokens": 1000 + task % 997}
        durations = {"model": [0.001 * (task % 991), 0.5], "verify": [1e-5 * (task % 800)]}
        metrics.add(rollout(float(task % 3 == 0), task, response={"usage": usage, "output": []}), durations)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert taken < 6_000 * 100


def cut_short(reason: str | None, **fields: Any) -> JsonObject:
    details = {"reason": reason} if reason else None
    response = {"output": [], "status": "incomplete" if reason else "completed", "incomplete_details": details}
    return {"_ng_task_index": 0, "reward": 0.0, "response": response, **fields}


def test_rollouts_that_were_cut_short_are_counted_by_reason() -> None:
    metrics, other = EnvironmentMetrics(), EnvironmentMetrics()
    marked = cut_short("max_output_tokens")
    marked["response"]["metadata"] = {"ng_termination_reason": "context_exceeded"}
    for record in (cut_short(None), cut_short("max_output_tokens"), cut_short("content_filter"), marked):
        metrics.add(record)
    other.add(cut_short("max_output_tokens"))
    metrics.merge(other)

    assert metrics.snapshot()["incomplete_by_reason"] == {
        "max_output_tokens": 2,
        "content_filter": 1,
        "context_exceeded": 1,
    }


def test_reasons_that_an_endpoint_makes_up_do_not_fill_memory() -> None:
    metrics = EnvironmentMetrics()
    for number in range(100):
        metrics.add(cut_short(f"reason {number}"))

    counted = metrics.snapshot()["incomplete_by_reason"]
    assert (len(counted), counted["other"], sum(counted.values())) == (21, 80, 100)


def test_what_attempts_cost_adds_up_failed_ones_included() -> None:
    metrics, other = EnvironmentMetrics(), EnvironmentMetrics()
    assert metrics.snapshot()["cost_usd"] is None
    metrics.add(cut_short(None, _ng_cost_usd=0.5))
    metrics.add_cost(0.25)
    other.add(cut_short(None, _ng_cost_usd=1.0))
    metrics.merge(other)

    assert metrics.snapshot()["cost_usd"] == 1.75
    assert overall([metrics, EnvironmentMetrics()])["cost_usd"] == 1.75
