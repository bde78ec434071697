"""Statistics over rollouts: per task and per agent, what `/aggregate_metrics` answers and `gym eval profile` writes."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean, median, stdev
from typing import Any, TypeAlias

import orjson
from pydantic import Field

from nemo_gym.config_types import AggregateMetrics, BaseNeMoGymCLIConfig
from nemo_gym.keys import AGENT_REF_KEY_NAME, ROLLOUT_INDEX_KEY_NAME, TASK_INDEX_KEY_NAME
from nemo_gym.pass_metrics import (
    add_avg_sample_std_dev,
    compute_pass_majority_metrics,
    compute_subset_metrics,
    highest_k_metrics,
)

__all__ = [
    "AggregateMetricsMixin",
    "RewardProfileConfig",
    "RewardProfiler",
    "add_avg_sample_std_dev",
    "compute_aggregate_metrics",
    "compute_pass_majority_metrics",
    "compute_subset_metrics",
    "highest_k_metrics",
]

Row: TypeAlias = dict[str, Any]
RolloutKey: TypeAlias = tuple[int, int]
"""Task index and rollout index."""


class RewardProfileConfig(BaseNeMoGymCLIConfig):
    """Files to profile."""

    materialized_inputs_jsonl_fpath: str = Field(description="The rows that were run, as `gym eval run` wrote them.")
    rollouts_jsonl_fpath: str = Field(description="The rollouts, as `gym eval run` wrote them.")
    allow_partial_rollouts: bool = Field(
        default=False, description="Profile what is there, also when rollouts are missing."
    )


class RewardProfiler:
    """Joins rows and rollouts and describes every number in them."""

    def align_rows_and_results(
        self, rows: Sequence[Row], results: Sequence[Row], allow_partial_rollouts: bool = False
    ) -> list[tuple[Row, Row]]:
        """Rows with their rollouts, in order of task and repeat.

        Raises ValueError for rollouts without a row, for either given twice, and for rows without a rollout unless
        those are allowed.
        """
        known, found = self._index(rows, "materialized input"), self._index(results, "result")
        if strange := sorted(found.keys() - known.keys()):
            raise ValueError(
                f"{len(strange)} extra rollout rows have no matching materialized input rows: {strange[:10]}"
            )
        missing = sorted(known.keys() - found.keys())
        if missing and not allow_partial_rollouts:
            raise ValueError(
                f"Missing rollout results for {len(missing)} materialized input rows: {missing[:10]}. "
                "Use ++allow_partial_rollouts=True to profile what is there."
            )
        return [(known[key], found[key]) for key in sorted(found)]

    def _index(self, rows: Iterable[Row], name: str) -> dict[RolloutKey, Row]:
        indexed: dict[RolloutKey, Row] = {}
        for row in rows:
            if indexed.setdefault(_key(row), row) is not row:
                raise ValueError(f"Duplicate {name} row for rollout key {_key(row)}")
        return indexed

    def profile_completion_summary(self, rows: Sequence[Row], results: Sequence[Row]) -> Row:
        """How many of the expected rollouts, and of the tasks, are there."""
        expected, found = self._index(rows, "materialized input").keys(), self._index(results, "result").keys()
        done = expected & found
        wanted, had = Counter(task for task, _ in expected), Counter(task for task, _ in done)
        return {
            "expected_rollout_rows": len(expected),
            "completed_rollout_rows": len(done),
            "missing_rollout_rows": len(expected) - len(done),
            "extra_rollout_rows": len(found - expected),
            "reward_profile_completion_pct": _percent(len(done), len(expected)),
            "total_input_rows": len(wanted),
            "complete_input_rows": sum(had[task] == count for task, count in wanted.items()),
            "partial_input_rows": sum(0 < had[task] < count for task, count in wanted.items()),
            "missing_input_rows": sum(had[task] == 0 for task in wanted),
        }

    def rollout_info_from_result(self, result: Row) -> Row:
        """A rollout's indices and numbers."""
        task, repeat = _key(result)
        own = {name: value for name, value in result.items() if name not in _NOT_NUMBERS}
        info: Row = {
            "rollout_id": f"{task}:{repeat}",
            TASK_INDEX_KEY_NAME: task,
            ROLLOUT_INDEX_KEY_NAME: repeat,
            **_numbers((result.get("response") or {}).get("usage") or {}),
            **_numbers(own),
        }
        if "reward" in result:
            info["reward"] = result["reward"]
        return info

    def profile_from_data(
        self, rows: Sequence[Row], results: Sequence[Row], allow_partial_rollouts: bool = False
    ) -> tuple[list[Row], list[Row]]:
        """The metrics of every task, and those of every agent."""
        pairs = self.align_rows_and_results(rows, results, allow_partial_rollouts)
        if not pairs:
            return [], []
        samples = [(row, {**_numbers(result), **_usage_numbers(result)}, result) for row, result in pairs]
        columns = _Columns([numbers for _, numbers, _ in samples])
        expected = Counter(row[TASK_INDEX_KEY_NAME] for row in rows)
        tasks: dict[int, list[tuple[Row, Row, Row]]] = {}
        agents: dict[str, list[Row]] = {}
        for row, numbers, result in samples:
            tasks.setdefault(row[TASK_INDEX_KEY_NAME], []).append((row, numbers, result))
            agents.setdefault(row[AGENT_REF_KEY_NAME]["name"], []).append(numbers)
        per_task = [
            {TASK_INDEX_KEY_NAME: task, **columns.describe([numbers for _, numbers, _ in members])}
            | self._group(members, expected[task])
            for task, members in sorted(tasks.items())
        ]
        per_agent = [
            {**columns.describe(members), AGENT_REF_KEY_NAME: {"name": name}}
            for name, members in sorted(agents.items())
        ]
        return per_task, per_agent

    def _group(self, members: Sequence[tuple[Row, Row, Row]], expected: int) -> Row:
        first = members[0][0]
        return {
            "sample": {
                name: value
                for name, value in first.items()
                if name not in {TASK_INDEX_KEY_NAME, ROLLOUT_INDEX_KEY_NAME}
            },
            "num_rollouts": len(members),
            "expected_num_rollouts": expected,
            "missing_num_rollouts": expected - len(members),
            "reward_profile_completion_pct": _percent(len(members), expected),
            "rollout_infos": [self.rollout_info_from_result(result) for _, _, result in members],
        }

    def prepare_for_serialization(self, metrics: Sequence[Row]) -> list[Row]:
        """The metrics without what is no JSON."""
        return [{name: value for name, value in row.items() if not name.startswith("histogram")} for row in metrics]

    def write_to_disk(
        self, group_level_metrics: Sequence[Row], agent_level_metrics: Sequence[Row], base_output_fpath: Path
    ) -> tuple[Path, Path]:
        """Write both beside the output file; where they are."""
        groups = base_output_fpath.with_name(f"{base_output_fpath.stem}_reward_profiling.jsonl")
        agents = base_output_fpath.with_name(f"{base_output_fpath.stem}_agent_metrics.json")
        lines = [orjson.dumps(row) + b"\n" for row in self.prepare_for_serialization(group_level_metrics)]
        groups.write_bytes(b"".join(lines))
        agents.write_bytes(orjson.dumps(self.prepare_for_serialization(agent_level_metrics)))
        return groups, agents


_NOT_NUMBERS = frozenset({TASK_INDEX_KEY_NAME, ROLLOUT_INDEX_KEY_NAME, "reward", "response"})


class _Columns:
    """The numeric fields of all rollouts; those that a rollout lacks are missing values there."""

    def __init__(self, samples: Sequence[Row]) -> None:
        names = dict.fromkeys(name for sample in samples for name in sample)
        self._names = [name for name in names if name not in {TASK_INDEX_KEY_NAME, ROLLOUT_INDEX_KEY_NAME}]
        self._are_whole = all(isinstance(sample.get(name), int) for sample in samples for name in self._names)

    def describe(self, samples: Sequence[Row]) -> Row:
        """`<statistic>/<field>` over some of the rollouts; what is undefined is left out."""
        columns = {
            name: values
            for name in self._names
            if (values := [v for sample in samples if (v := sample.get(name)) is not None and not math.isnan(v)])
        }
        exact: Callable[[float], float] = (lambda value: value) if self._are_whole else float
        described: Row = {}
        for name, values in columns.items():
            described |= {
                f"mean/{name}": fmean(values),
                f"max/{name}": exact(max(values)),
                f"min/{name}": exact(min(values)),
                f"median/{name}": float(median(values)),
            }
        scattering = {name: stdev(values) for name, values in columns.items() if len(values) > 1}
        if not scattering:  # single values: no scatter, unless some are missing
            scattering = {name: 0.0 for name, values in columns.items() if len(values) == len(samples)}
        return described | {f"std/{name}": value for name, value in scattering.items()}


def _key(row: Row) -> RolloutKey:
    return row[TASK_INDEX_KEY_NAME], row[ROLLOUT_INDEX_KEY_NAME]


def _percent(part: int, whole: int) -> float:
    return 100.0 * part / whole if whole else 100.0


def _numbers(values: Mapping[str, Any]) -> Row:
    return {
        name: int(value) if isinstance(value, bool) else value
        for name, value in values.items()
        if isinstance(value, int | float)
    }


def _usage_numbers(result: Row) -> Row:
    return _numbers(result["response"].get("usage") or {})


class AggregateMetricsMixin:
    """The two methods with which a server extends the metrics of its rollouts."""

    def compute_metrics(self, tasks: list[list[Row]]) -> Row:
        """Further metrics over all verified rollouts, one inner list per task; override. Go over the standard ones."""
        return {}

    def get_key_metrics(self, agent_metrics: Row) -> Row:
        """The metrics to show first; override. By default the means."""
        return _means(agent_metrics)


def _means(metrics: Row) -> Row:
    return {name: value for name, value in metrics.items() if name.startswith("mean/")}


def compute_aggregate_metrics(
    verify_responses: Sequence[Row],
    compute_metrics_fn: Callable[[list[list[Row]]], Row] | None = None,
    get_key_metrics_fn: Callable[[Row], Row] | None = None,
) -> AggregateMetrics:
    """What `/aggregate_metrics` answers; the functions are those of `AggregateMetricsMixin`.

    Entries of `per_task_metrics` among the further metrics go to the groups with their task index.
    """
    if not verify_responses:
        return AggregateMetrics()
    profiler = RewardProfiler()
    rows = [
        {
            TASK_INDEX_KEY_NAME: answer.get(TASK_INDEX_KEY_NAME, 0),
            ROLLOUT_INDEX_KEY_NAME: answer.get(ROLLOUT_INDEX_KEY_NAME, 0),
            AGENT_REF_KEY_NAME: {"name": "agent"},
        }
        for answer in verify_responses
    ]
    whole = [answer if "response" in answer else {**answer, "response": {}} for answer in verify_responses]
    per_task, per_agent = profiler.profile_from_data(rows, whole)
    groups = profiler.prepare_for_serialization(per_task)
    overall = {name: value for entry in per_agent for name, value in entry.items() if name != AGENT_REF_KEY_NAME}
    if compute_metrics_fn is not None:
        own = dict(compute_metrics_fn(_tasks_of(verify_responses)))
        entries = {entry[TASK_INDEX_KEY_NAME]: entry for entry in own.pop("per_task_metrics", None) or ()}
        for group in groups:
            group |= entries.get(group[TASK_INDEX_KEY_NAME], {})
        overall |= own
    return AggregateMetrics(
        group_level_metrics=groups, agent_metrics=overall, key_metrics=(get_key_metrics_fn or _means)(overall)
    )


def _tasks_of(verify_responses: Iterable[Row]) -> list[list[Row]]:
    tasks: dict[int, list[Row]] = {}
    for answer in verify_responses:
        tasks.setdefault(answer.get(TASK_INDEX_KEY_NAME, 0), []).append(answer)
    return [tasks[task] for task in sorted(tasks)]
