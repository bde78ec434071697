"""Metrics while a run is going: one accumulator for each environment, of bounded size, mergeable across workers.

Knows records and durations, not where they come from. Everything but the rewards by task (some 35 bytes a task) keeps
its size however many rollouts there are.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from polygym.metrics.distribution import Distribution
from polygym.metrics.groups import CORRECT_AT
from polygym.metrics.intervals import proportion_interval
from polygym.metrics.records import (
    REWARD,
    SCORED_STATES,
    TOKEN_COUNTS,
    columns_of,
    cost_of,
    cut_short_by,
    state_of,
    work_of,
)
from polygym.metrics.tasks import TaskRewards, TaskSums
from polygym.protocol.failures import FailureClass, Stage
from polygym.protocol.json import JsonObject
from polygym.protocol.rollouts import COST_USD, FAILURE_CLASS, RolloutState
from polygym.protocol.tasks import TASK_INDEX

Durations: TypeAlias = Mapping[str, Sequence[float]]
"""Seconds spent by stage, one entry a call."""

MAX_FIELDS = 200
"""Numeric fields of one environment that get statistics: names that are made up as a run goes must not fill memory."""

MAX_REASONS = 20
"""Reasons of incomplete responses that are counted apart: they come from endpoints."""
OTHER_REASONS = "other"

_INDEX_LIMIT = 1 << 63

COUNTED_TOGETHER = 64
"""Rollouts that are counted in one go, field by field."""
LARGEST_WAITING = 1 << 18
"""Bytes of their lines from which they do not wait for more: with the ids of their tokens they can be large."""


class EnvironmentMetrics:
    """What one environment's rollouts add up to."""

    def __init__(self, *, correct_at: float = CORRECT_AT) -> None:
        self.correct_at = correct_at
        """Reward from which a rollout counts as correct, for pass@k."""
        self.states: Counter[RolloutState] = Counter()
        """Rollouts by how they ended."""
        self.failures: Counter[str] = Counter()
        """Failed and unresolved rollouts by failure class."""
        self._waiting: list[tuple[JsonObject, Durations]] = []
        """Scored and masked rollouts of which nothing but the state has been counted."""
        self._waiting_bytes = 0
        self._incomplete: Counter[str] = Counter()
        """Scored and masked rollouts whose response is incomplete, by reason."""
        self._cost_usd: float | None = None
        """US dollars that model calls cost, those of failed attempts included; None where nobody counts."""
        self._rewards = Distribution()
        self._is_binary = True
        """Whether every reward so far was 0 or 1."""
        self._tasks = TaskRewards()
        self._fields: dict[str, Distribution] = {}
        self._values_left_out = 0
        self._tokens: Counter[str] = Counter()
        self._steps = Distribution()
        self._tool_calls = 0
        self._tool_errors = 0
        self._durations_s: dict[str, Distribution] = {}

    @property
    def done(self) -> int:
        """Rollouts that have ended, however."""
        return self.states.total()

    @property
    def mean_reward(self) -> float | None:
        """Mean over scored and masked rollouts, None before the first. Cheap, for displays."""
        self._count()
        return self._rewards.mean if self._rewards.count else None

    def __getstate__(self) -> JsonObject:
        """Records that wait do not travel from a worker to its parent."""
        self._count()
        return self.__dict__

    def add(self, record: JsonObject, durations_s: Durations | None = None, *, size: int = 0) -> None:
        """Count a rollout that ended, by its record, whatever its state.

        A record of a failure that names no class is one that has no usable reward: the verifier's error. Raises
        ValueError for a state that does not exist. `size`, the bytes of its line, lets go of large records sooner.
        """
        state = state_of(record)
        self.states[state] += 1
        if state not in SCORED_STATES:
            self.failures[str(record.get(FAILURE_CLASS) or FailureClass.VERIFIER_ERROR)] += 1
            self._add_durations(durations_s or {})
            return
        self._waiting.append((record, durations_s or {}))
        self._waiting_bytes += size
        if len(self._waiting) >= COUNTED_TOGETHER or self._waiting_bytes >= LARGEST_WAITING:
            self._count()

    def _count(self) -> None:
        """Count the rollouts that wait."""
        if not self._waiting:
            return
        records = [record for record, _ in self._waiting]
        columns = columns_of(records)
        rewards = columns.pop(REWARD)
        waiting, self._waiting, self._waiting_bytes = self._waiting, [], 0
        self._rewards.extend(rewards)
        self._is_binary &= {0.0, 1.0}.issuperset(rewards)
        for (task, reward), count in Counter(zip(map(_task_of, records), rewards, strict=True)).items():
            self._tasks.add(task, reward, count, is_correct=reward >= self.correct_at)
        stages: defaultdict[str, list[float]] = defaultdict(list)
        for record, durations_s in waiting:
            for stage, seconds in durations_s.items():
                stages[stage] += seconds
            self._add_work(record, durations_s)
        self._add_durations(stages)
        for name in TOKEN_COUNTS:
            self._tokens[name] += sum(map(int, columns.get(name, ())))
        for name, values in columns.items():
            field = self._field(name)
            if field is None:
                self._values_left_out += len(values)
            else:
                field.extend(values)

    def add_failure(self, failure_class: str, durations_s: Durations | None = None) -> None:
        """Count a rollout that failed and leaves no record to add. What its calls took still counts."""
        self.states[RolloutState.FAILED] += 1
        self.failures[failure_class] += 1
        self._add_durations(durations_s or {})

    def add_cost(self, cost_usd: float) -> None:
        """Count what a failed attempt cost; of rollouts with a reward the record says it."""
        self._cost_usd = (self._cost_usd or 0.0) + cost_usd

    def merge(self, other: "EnvironmentMetrics") -> None:
        """Take in what another worker has seen of the same environment, also of the same tasks.

        Raises ValueError when the two draw the line for correct rollouts differently.
        """
        if other.correct_at != self.correct_at:
            raise ValueError(f"correct from {self.correct_at} here, from {other.correct_at} there: these do not merge")
        self._merge_all_but_tasks(other)
        self._tasks.merge(other._tasks)

    def snapshot(self) -> JsonObject:
        """All metrics so far as plain numbers; what cannot be told yet is None. Goes through all tasks.

        `done` and the four states count rollouts. `reward` has the statistics of all scored rollouts and a 95 %
        interval of their mean (intervals.py says which), `tasks` how tasks differ (`TaskSums.spread`), `repeats` one
        entry a k (`TaskSums.repeats`), `fields` the other numeric fields by name. `tokens` are totals. `steps` are
        model calls a rollout. `latency_s` is by stage, in seconds. `values_left_out` counts values of fields beyond the
        first 200. `incomplete_by_reason` counts scored rollouts whose response was cut short, `cost_usd` is the total
        of all attempts.
        """
        self._count()
        return self._snapshot(self._tasks.sums())

    def _snapshot(self, tasks: TaskSums) -> JsonObject:
        return {
            "done": self.done,
            **{str(state): self.states[state] for state in RolloutState},
            "failures_by_class": dict(self.failures.most_common()),
            "incomplete_by_reason": dict(self._incomplete.most_common()),
            "cost_usd": self._cost_usd,
            "reward": {**self._rewards.summary(), **self._trust(tasks)},
            "tasks": tasks.spread(),
            "repeats": tasks.repeats(),
            "fields": {name: numbers.summary() for name, numbers in sorted(self._fields.items())},
            "values_left_out": self._values_left_out,
            "tokens": {name: self._tokens[name] for name in TOKEN_COUNTS},
            "steps": self._steps.tail_summary(),
            "tool_calls": {"total": self._tool_calls, "errors": self._tool_errors},
            "latency_s": {stage: seconds.tail_summary() for stage, seconds in sorted(self._durations_s.items())},
        }

    def _trust(self, tasks: TaskSums) -> JsonObject:
        """How far the mean reward can be trusted. Rewards that are all equal show no error to speak of."""
        estimate = tasks.estimate(self._rewards.mean)
        is_constant = self._rewards.minimum == self._rewards.maximum
        interval, method = (None if is_constant else estimate.interval), "clustered_t"
        if self._is_binary and self._rewards.count:
            interval, method = proportion_interval(estimate, count=tasks.rollouts, clusters=tasks.count), "wilson"
        return {
            "standard_error": None if is_constant else estimate.standard_error,
            "ci_low_95": interval.low if interval else None,
            "ci_high_95": interval.high if interval else None,
            "ci_method": method if interval else None,
        }

    def _merge_all_but_tasks(self, other: "EnvironmentMetrics") -> None:
        other._count()
        self.states.update(other.states)
        self.failures.update(other.failures)
        for reason, count in other._incomplete.items():
            self._count_reason(reason, count)
        if other._cost_usd is not None:
            self.add_cost(other._cost_usd)
        self._rewards.merge(other._rewards)
        self._is_binary &= other._is_binary
        self._tokens.update(other._tokens)
        self._steps.merge(other._steps)
        self._tool_calls += other._tool_calls
        self._tool_errors += other._tool_errors
        self._values_left_out += other._values_left_out
        for name, numbers in other._fields.items():
            mine = self._field(name)
            if mine is None:
                self._values_left_out += numbers.count
            else:
                mine.merge(numbers)
        for stage, seconds in other._durations_s.items():
            self._stage(stage).merge(seconds)

    def _count_reason(self, reason: str, count: int) -> None:
        is_known = reason in self._incomplete or len(self._incomplete) < MAX_REASONS
        self._incomplete[reason if is_known else OTHER_REASONS] += count

    def _field(self, name: str) -> Distribution | None:
        """The field's distribution, None for a new field when there are as many as there may be."""
        numbers = self._fields.get(name)
        if numbers is None and len(self._fields) < MAX_FIELDS:
            numbers = self._fields[name] = Distribution()
        return numbers

    def _add_work(self, record: JsonObject, durations_s: Durations) -> None:
        if (reason := cut_short_by(record)) is not None:
            self._count_reason(reason, 1)
        if COST_USD in record and (cost_usd := cost_of(record)) is not None:
            self.add_cost(cost_usd)
        work = work_of(record)
        if work is not None:
            self._tool_calls += work.tool_calls
            self._tool_errors += work.tool_errors
        measured = len(durations_s.get(Stage.MODEL, ()))
        if measured:
            self._steps.add(measured)
        elif work is not None:
            self._steps.add(work.model_calls)

    def _add_durations(self, durations_s: Durations) -> None:
        for stage, seconds in durations_s.items():
            self._stage(stage).extend(seconds)

    def _stage(self, stage: str) -> Distribution:
        if stage not in self._durations_s:
            self._durations_s[stage] = Distribution()
        return self._durations_s[stage]


def overall(environments: Iterable[EnvironmentMetrics]) -> JsonObject:
    """The snapshot of several environments together. A task index used in two of them names two tasks."""
    total, tasks = EnvironmentMetrics(), TaskSums()
    for environment in environments:
        total._merge_all_but_tasks(environment)
        tasks.merge(environment._tasks.sums())
    return total._snapshot(tasks)


def _task_of(record: JsonObject) -> int | None:
    task = record.get(TASK_INDEX)
    return task if isinstance(task, int) and -_INDEX_LIMIT <= task < _INDEX_LIMIT else None
