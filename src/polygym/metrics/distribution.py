"""What a stream of numbers looks like: count, mean, spread, extremes and quantiles, in memory that does not grow."""

import math
from collections.abc import Iterable, Sequence
from operator import mul

from polygym.metrics.quantiles import Quantiles
from polygym.protocol.json import JsonObject

BATCH = 512
"""Numbers that are collected before they are counted: together they cost a fifth of what they cost one by one."""


class Distribution:
    """Count, mean, variance, extremes and quantiles of finite numbers that arrive one by one.

    The variance is merged batch by batch as in Chan, Golub and LeVeque 1983, which keeps the digits that sums of
    squares would lose; the mean comes from the total, which is exact for rewards of 0 and 1.
    """

    __slots__ = ("_batch", "_count", "_maximum", "_minimum", "_quantiles", "_squares", "_total")

    def __init__(self, values: Iterable[float] = ()) -> None:
        self._batch: list[float] = []
        self._count = 0
        self._total = 0.0
        self._minimum = math.inf
        self._maximum = -math.inf
        self._squares = 0.0
        """Sum of squared distances from the mean."""
        self._quantiles = Quantiles()
        for value in values:
            self.add(value)

    def add(self, value: float) -> None:
        """Take in one finite number."""
        self._batch.append(value)
        if len(self._batch) >= BATCH:
            self._count_batch()

    def extend(self, values: Sequence[float]) -> None:
        """Take in several finite numbers."""
        self._batch.extend(values)
        if len(self._batch) >= BATCH:
            self._count_batch()

    def merge(self, other: "Distribution") -> None:
        """Take in all that `other` has."""
        self._count_batch()
        other._count_batch()
        self._add_part(other._count, other._total, other._squares, other._minimum, other._maximum)
        self._quantiles.merge(other._quantiles)

    def _count_batch(self) -> None:
        batch = self._batch
        if not batch:
            return
        self._batch = []
        total, squares, minimum, maximum = _sum(batch), 0.0, min(batch), max(batch)
        if minimum < maximum:
            mean = total / len(batch)
            distances = [value - mean for value in batch]
            squares = sum(map(mul, distances, distances))
        self._add_part(len(batch), total, squares, minimum, maximum)
        self._quantiles.add(batch)

    def _add_part(self, count: int, total: float, squares: float, minimum: float, maximum: float) -> None:
        if not count:
            return
        if self._count:
            distance = total / count - self._total / self._count
            squares += distance * distance * self._count * count / (self._count + count)
        self._squares += squares
        self._count += count
        self._total += total
        self._minimum = min(self._minimum, minimum)
        self._maximum = max(self._maximum, maximum)

    @property
    def count(self) -> int:
        """Numbers taken in."""
        return self._count + len(self._batch)

    @property
    def total(self) -> float:
        """Their sum."""
        self._count_batch()
        return self._total

    @property
    def minimum(self) -> float:
        """The smallest, infinity of no numbers."""
        self._count_batch()
        return self._minimum

    @property
    def maximum(self) -> float:
        """The largest, minus infinity of no numbers."""
        self._count_batch()
        return self._maximum

    @property
    def mean(self) -> float:
        """Mean, 0 of no numbers."""
        return self.total / self.count if self.count else 0.0

    @property
    def std(self) -> float:
        """Sample standard deviation, 0 of fewer than two numbers."""
        self._count_batch()
        return math.sqrt(self._squares / (self._count - 1)) if self._count > 1 else 0.0

    def quantiles(self, *ranks: float) -> list[float]:
        """Quantiles at `ranks` (0 to 1), as good as `Quantiles` says. Raises ValueError when there are no numbers."""
        self._count_batch()
        return [min(max(value, self._minimum), self._maximum) for value in self._quantiles.at(*ranks)]

    def summary(self) -> JsonObject:
        """`count, mean, std, min, max, median, p25, p75`; only the count when there are no numbers."""
        if not self.count:
            return {"count": 0}
        p25, median, p75 = self.quantiles(0.25, 0.5, 0.75)
        return {
            "count": self.count,
            "mean": self.mean,
            "std": self.std,
            "min": self.minimum,
            "max": self.maximum,
            "median": median,
            "p25": p25,
            "p75": p75,
        }

    def tail_summary(self) -> JsonObject:
        """`count, mean, p50, p95, p99, max`, as latencies are looked at; only the count when there are no numbers."""
        if not self.count:
            return {"count": 0}
        p50, p95, p99 = self.quantiles(0.5, 0.95, 0.99)
        return {"count": self.count, "mean": self.mean, "p50": p50, "p95": p95, "p99": p99, "max": self.maximum}


def _sum(values: list[float]) -> float:
    """Their sum, rounded once; infinity where it is beyond the largest float."""
    try:
        return math.fsum(values)
    except OverflowError:
        return sum(values)
