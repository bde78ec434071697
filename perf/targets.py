"""What the measurements are held against: a line for each target.

Reads runs by their numbers; how they were made is `cases.py`'s and `bench.py`'s affair.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TypeAlias

Run: TypeAlias = Mapping[str, float]
"""One run's measured numbers by name."""
Runs: TypeAlias = Mapping[str, Sequence[Run]]
"""Runs by case, one a round, in the order of the rounds."""


@dataclass(frozen=True, slots=True)
class Target:
    """One line of the table."""

    what: str
    limit: float
    unit: str
    """`%` (of a share), `MB`, `µs`, or none for a ratio."""
    cases: tuple[str, ...]
    """Whose runs `measure` is given."""
    measure: Callable[..., float]
    is_at_most: bool = True
    """Whether the limit is an upper one."""

    def value(self, runs: Runs) -> float | None:
        """The measured value; None when a case was not run."""
        if not all(runs.get(case) for case in self.cases):
            return None
        return self.measure(*(runs[case] for case in self.cases))

    def is_met(self, value: float) -> bool:
        """Whether a value is on the right side of the limit."""
        return value <= self.limit if self.is_at_most else value >= self.limit

    def shown(self, value: float) -> str:
        """A value with its unit."""
        return {"": f"{value:.2f}", "%": f"{100 * value:.1f} %", "MB": f"{value:.0f} MB", "µs": f"{value:.0f} µs"}[
            self.unit
        ]

    def shown_limit(self) -> str:
        """The limit with its sign and unit."""
        limit = 100 * self.limit if self.unit == "%" else self.limit
        return f"{'≤' if self.is_at_most else '≥'} {limit:g} {self.unit}".rstrip()


def cpu_ratio(over: Sequence[Run], under: Sequence[Run]) -> float:
    """CPU seconds per rollout of one case ÷ those of another, paired within a round; the median over the rounds."""
    name = "cpu_ms_per_rollout"
    return median(one[name] / other[name] for one, other in zip(over, under, strict=False))


def rate_ratio(over: Sequence[Run], under: Sequence[Run]) -> float:
    """As `cpu_ratio`, of rollouts per second."""
    name = "rollouts_per_s"
    return median(one[name] / other[name] for one, other in zip(over, under, strict=False))


def share_of_ideal_rate(runs: Sequence[Run]) -> float:
    """Rollouts per second as a share of what the number in flight and the model's latency allow."""
    return median(run["share_of_ideal_rate"] for run in runs)


def peak_mb(runs: Sequence[Run]) -> float:
    """Megabytes at the peak."""
    return median(run["peak_mb"] for run in runs)


def cpu_us(runs: Sequence[Run]) -> float:
    """Microseconds of CPU per rollout."""
    return 1000 * median(run["cpu_ms_per_rollout"] for run in runs)


def growth_mb(many: Sequence[Run], few: Sequence[Run]) -> float:
    """Megabytes that many rows need at the peak, metrics file included, beyond what few need while collecting."""
    return peak_mb(many) - median(run["peak_mb_collecting"] for run in few)


TARGETS = (
    Target("embedded, CPU per rollout ÷ bare client's", 1.6, "", ("embedded", "bare"), cpu_ratio),
    Target("through vllm_model ÷ through openai_model", 1.3, "", ("embedded_chat", "embedded"), cpu_ratio),
    Target("converting a call, 20 messages and 10 tools", 150, "µs", ("conversion",), cpu_us),
    Target("the same to the Messages API", 150, "µs", ("conversion_msgs",), cpu_us),
    Target("fleet in another process, ÷ bare", 4, "", ("other_process", "bare"), cpu_ratio),
    Target("every server its own process, ÷ bare", 12, "", ("processes", "bare"), cpu_ratio),
    Target("embedded at 1 in flight, ÷ at 256", 1.5, "", ("embedded_1", "embedded"), cpu_ratio),
    Target("embedded at 4,096 in flight, ÷ at 256", 1.5, "", ("embedded_4096", "embedded"), cpu_ratio),
    Target("slow model: rate, of the ideal", 0.97, "%", ("many_in_flight",), share_of_ideal_rate, is_at_most=False),
    Target("slow model: peak memory", 1000, "MB", ("many_in_flight",), peak_mb),
    Target("1,000,000 short rows: peak memory less that of 10,000", 100, "MB", ("rows_1m", "rows_10k"), growth_mb),
    Target(
        "two workers, rollouts/s ÷ one worker", 1.7, "", ("two_workers", "one_worker"), rate_ratio, is_at_most=False
    ),
)
