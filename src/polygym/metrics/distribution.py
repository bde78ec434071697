"""What a stream of numbers looks like: count, mean, spread, extremes and quantiles, in memory that does not grow."""

import math
from collections.abc import Iterable

from polygym.metrics.quantiles import Quantiles
from polygym.protocol.json import JsonObject


class Distribution:
    """Count, mean, variance, extremes and quantiles of finite numbers that arrive one by one.

    The variance is updated as in Youngs and Cramer 1971 and merged as in Chan, Golub and LeVeque 1983, which keeps the
    digits that sums of squares would lose; the mean comes from the total, which is exact for rewards of 0 and 1.
    """

    __slots__ = ("_quantiles", "_squares", "count", "maximum", "minimum", "total")

    def __init__(self, values: Iterable[float] = ()) -> None:
        self.count = 0
        self.total = 0.0
        self.minimum = math.inf
        self.maximum = -math.inf
        self._squares = 0.0
        """Sum of squared distances from the mean."""
        self._quantiles = Quantiles()
        for value in values:
            self.add(value)

    def add(self, value: float) -> None:
        """Take in one finite number."""
        self.count += 1
        self.total += value
        if self.count > 1:
            distance = self.count * value - self.total
            self._squares += distance * distance / (self.count * (self.count - 1))
        if value < self.minimum:
            self.minimum = value
        if value > self.maximum:
            self.maximum = value
        self._quantiles.add(value)

    def merge(self, other: "Distribution") -> None:
        """Take in all that `other` has."""
        if not other.count:
            return
        distance = other.mean - self.mean
        self._squares += other._squares + distance * distance * self.count * other.count / (self.count + other.count)
        self.count += other.count
        self.total += other.total
        self.minimum = min(self.minimum, other.minimum)
        self.maximum = max(self.maximum, other.maximum)
        self._quantiles.merge(other._quantiles)

    @property
    def mean(self) -> float:
        """Mean, 0 of no numbers."""
        return self.total / self.count if self.count else 0.0

    @property
    def std(self) -> float:
        """Sample standard deviation, 0 of fewer than two numbers."""
        return math.sqrt(self._squares / (self.count - 1)) if self.count > 1 else 0.0

    def quantiles(self, *ranks: float) -> list[float]:
        """Quantiles at `ranks` (0 to 1), as good as `Quantiles` says. Raises ValueError when there are no numbers."""
        return [min(max(value, self.minimum), self.maximum) for value in self._quantiles.at(*ranks)]

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
