"""The answer of `/aggregate_metrics`: statistics over verified rollouts, per environment, task and repeat.

Wants all rollouts at hand, so that an environment's own metrics can look at any of them; running.py is for streams.
Fields and their names are those of NeMo Gym's files: `mean/reward`, `std/output_tokens` …
"""

import math
from collections.abc import Callable
from statistics import fmean, median, quantiles
from typing import TypeAlias

from polygym.metrics.groups import group_by_task
from polygym.metrics.intervals import mean_estimate
from polygym.metrics.records import columns_of, numbers_of, reward_of
from polygym.protocol.json import JsonObject
from polygym.protocol.rollouts import ROLLOUT_STATE
from polygym.protocol.tasks import PARAMS, ROLLOUT_INDEX, TASK_INDEX

Columns: TypeAlias = dict[str, list[float]]
"""Values by field."""

_NOT_IN_SAMPLE = frozenset({PARAMS, "response", "reward", ROLLOUT_STATE})


def aggregate(
    verify_responses: list[JsonObject],
    *,
    compute_metrics: Callable[[list[list[JsonObject]]], JsonObject] | None = None,
    get_key_metrics: Callable[[JsonObject], JsonObject] | None = None,
) -> JsonObject:
    """`{group_level_metrics, agent_metrics, key_metrics, repeat_level_metrics}` over rollouts of one environment.

    Statistics are `mean/ max/ min/ median/ std/<field>` (sample standard deviation, 0 of one value) over finite numeric
    top-level fields and token counts of scored rollouts. Others only count as missing, and the hooks do not see them.
    `compute_metrics` gets the scored rollouts of each task; what it returns goes over the standard metrics, but the
    entries of its `per_task_metrics` go to the groups with their `_ng_task_index`. `get_key_metrics` chooses from the
    result; by default it takes the `mean/` entries. Raises ValueError when a rollout was scored twice.
    """
    groups = group_by_task(verify_responses)
    scored = [[row for row in group if reward_of(row) is not None] for group in groups]
    _refuse_duplicates(scored)
    group_metrics = [_group_entry(group, rows) for group, rows in zip(groups, scored, strict=True)]
    tasks = [rows for rows in scored if rows]
    repeat_metrics = _repeat_entries(tasks)
    agent_metrics: JsonObject = {}
    if tasks:
        agent_metrics = {
            **_statistics(columns_of([row for rows in tasks for row in rows])),
            **_across_repeats(repeat_metrics),
        }
        own = dict(compute_metrics(tasks)) if compute_metrics is not None else {}
        _add_to_groups(group_metrics, own.pop("per_task_metrics", None) or [])
        agent_metrics.update(own)
    return {
        "group_level_metrics": group_metrics,
        "agent_metrics": agent_metrics,
        "key_metrics": (get_key_metrics or _means)(agent_metrics) if agent_metrics else {},
        "repeat_level_metrics": repeat_metrics,
    }


def _refuse_duplicates(groups: list[list[JsonObject]]) -> None:
    for rows in groups:
        seen: set[int] = set()
        for row in rows:
            repeat = row.get(ROLLOUT_INDEX)
            if repeat in seen:
                raise ValueError(
                    f"two scored rollouts for task {row.get(TASK_INDEX)}, repeat {repeat}: each counts once"
                )
            if repeat is not None:
                seen.add(repeat)


def _group_entry(group: list[JsonObject], scored: list[JsonObject]) -> JsonObject:
    """One task's entry. Expected is every rollout that is told of, whatever its state; attempts at one count once."""
    repeats = {row[ROLLOUT_INDEX] for row in group if row.get(ROLLOUT_INDEX) is not None}
    expected = len(repeats) + sum(row.get(ROLLOUT_INDEX) is None for row in group)
    return {
        TASK_INDEX: group[0].get(TASK_INDEX),
        **_statistics(columns_of(scored)),
        "sample": {
            name: value
            for name, value in group[0].items()
            if name not in _NOT_IN_SAMPLE and not name.startswith("_ng_")
        },
        "num_rollouts": len(scored),
        "expected_num_rollouts": expected,
        "missing_num_rollouts": expected - len(scored),
        "reward_profile_completion_pct": 100.0 * len(scored) / expected,
        "rollout_infos": [_rollout_info(row) for row in scored],
    }


def _rollout_info(row: JsonObject) -> JsonObject:
    task, repeat = row.get(TASK_INDEX), row.get(ROLLOUT_INDEX)
    return {
        "rollout_id": None if task is None or repeat is None else f"{task}:{repeat}",
        TASK_INDEX: task,
        ROLLOUT_INDEX: repeat,
        **numbers_of(row),
    }


def _repeat_entries(tasks: list[list[JsonObject]]) -> list[JsonObject]:
    """One entry a rollout index: the run as it would have been with that repeat alone."""
    by_repeat: dict[int, list[JsonObject]] = {}
    for rows in tasks:
        for row in rows:
            if row.get(ROLLOUT_INDEX) is not None:
                by_repeat.setdefault(row[ROLLOUT_INDEX], []).append(row)
    return [
        {
            ROLLOUT_INDEX: repeat,
            "sample_count": len(rows),
            "missing_count": len(tasks) - len(rows),
            **_repeat_statistics(columns_of(rows)),
        }
        for repeat, rows in sorted(by_repeat.items())
    ]


def _statistics(columns: Columns) -> JsonObject:
    return {
        f"{statistic}/{name}": compute(values)
        for statistic, compute in _STATISTICS.items()
        for name, values in columns.items()
    }


def _repeat_statistics(columns: Columns) -> JsonObject:
    entry = _statistics(columns)
    for name, values in columns.items():
        p25, _, p75 = quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3
        estimate = mean_estimate(values)
        entry[f"p25/{name}"] = p25
        entry[f"p75/{name}"] = p75
        entry[f"sem/{name}"] = estimate.standard_error
        entry[f"ci_low_95/{name}"] = estimate.interval and estimate.interval.low
        entry[f"ci_high_95/{name}"] = estimate.interval and estimate.interval.high
    return entry


def _across_repeats(repeats: list[JsonObject]) -> JsonObject:
    """How the means of single repeats scatter: `<statistic>_across_repeats/mean/<field>`; nothing for one repeat."""
    if len(repeats) < 2:
        return {}
    means: Columns = {}
    for entry in repeats:
        for name, value in _means(entry).items():
            means.setdefault(name, []).append(value)
    metrics: JsonObject = {"num_repeats": len(repeats)}
    for name, values in means.items():
        estimate = mean_estimate(values)
        metrics |= {f"{statistic}_across_repeats/{name}": compute(values) for statistic, compute in _STATISTICS.items()}
        metrics[f"se_across_repeats/{name}"] = estimate.standard_error
        metrics[f"ci_low_95_across_repeats/{name}"] = estimate.interval and estimate.interval.low
        metrics[f"ci_high_95_across_repeats/{name}"] = estimate.interval and estimate.interval.high
    return metrics


def _add_to_groups(groups: list[JsonObject], entries: list[JsonObject]) -> None:
    by_task = {entry[TASK_INDEX]: entry for entry in entries}
    for group in groups:
        group.update(by_task.get(group[TASK_INDEX], {}))


def _means(metrics: JsonObject) -> JsonObject:
    return {name: value for name, value in metrics.items() if name.startswith("mean/")}


def _std(values: list[float]) -> float:
    mean = fmean(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / max(1, len(values) - 1))


_STATISTICS: dict[str, Callable[[list[float]], float]] = {
    "mean": fmean,
    "max": max,
    "min": min,
    "median": median,
    "std": _std,
}
