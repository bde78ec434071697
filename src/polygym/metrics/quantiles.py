"""Quantiles of any number of values in bounded memory: exact for few distinct values, within 0.5 % for many.

Rewards, truth values and counts of steps take few distinct values, which are simply counted, so their quantiles are
exact. Beyond that, values fall into buckets whose width grows with the value (DDSketch, Masson et al. 2019,
arXiv:1908.10693): 230 buckets a factor of ten, whatever the number of values. Chosen over keeping every value (8 MB a
million, for each field and stage) and over sampling because the error is guaranteed, also for p99, and because neither
order nor merging changes the outcome.
"""

import math
from bisect import bisect_right
from collections.abc import Mapping
from itertools import accumulate

RELATIVE_ERROR = 0.005
"""A quantile of many distinct values is within this share of a value at that rank."""
EXACT_UP_TO = 256
"""Distinct values that are counted one by one."""

_GROWTH = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
_LOG_GROWTH = math.log(_GROWTH)


class Quantiles:
    """Values seen, as counts. Adding and merging in any order gives the same quantiles."""

    __slots__ = ("_exact", "_negative", "_positive", "_zeros")

    def __init__(self) -> None:
        self._exact: dict[float, int] | None = {}
        """Counts by value, None once there have been too many distinct ones."""
        self._positive: dict[int, int] = {}
        self._negative: dict[int, int] = {}
        """Counts by bucket; of negative values, the bucket of their magnitude."""
        self._zeros = 0

    def add(self, counts: Mapping[float, int]) -> None:
        """Count finite values, each as often as `counts` says."""
        exact = self._exact
        if exact is None:
            self._add_to_buckets(counts)
            return
        for value, count in counts.items():
            exact[value] = exact.get(value, 0) + count
        if len(exact) > EXACT_UP_TO:
            self._give_up_exactness(exact)

    def merge(self, other: "Quantiles") -> None:
        """Count all that `other` has counted."""
        if other._exact is not None:
            self.add(other._exact)
            return
        if self._exact is not None:
            self._give_up_exactness(self._exact)
        for mine, theirs in ((self._positive, other._positive), (self._negative, other._negative)):
            for bucket, count in theirs.items():
                mine[bucket] = mine.get(bucket, 0) + count
        self._zeros += other._zeros

    def at(self, *ranks: float) -> list[float]:
        """The quantiles at `ranks` (0 to 1), interpolated linearly between neighbours, so that 0.5 gives the median.

        Raises ValueError when nothing has been counted.
        """
        ordered = self._ordered()
        if not ordered:
            raise ValueError("no values, no quantiles")
        values = [value for value, _ in ordered]
        below = list(accumulate(count for _, count in ordered))
        return [_interpolate(values, below, rank * (below[-1] - 1)) for rank in ranks]

    def _give_up_exactness(self, exact: Mapping[float, int]) -> None:
        self._exact = None
        self._add_to_buckets(exact)

    def _add_to_buckets(self, counts: Mapping[float, int]) -> None:
        for value, count in counts.items():
            if value == 0:
                self._zeros += count
                continue
            buckets = self._positive if value > 0 else self._negative
            bucket = math.ceil(math.log(abs(value)) / _LOG_GROWTH)
            buckets[bucket] = buckets.get(bucket, 0) + count

    def _ordered(self) -> list[tuple[float, int]]:
        """Values, or the centres of their buckets, with their counts, least first."""
        if self._exact is not None:
            return sorted(self._exact.items())
        negative = [(-_centre(bucket), count) for bucket, count in sorted(self._negative.items(), reverse=True)]
        positive = [(_centre(bucket), count) for bucket, count in sorted(self._positive.items())]
        return negative + ([(0.0, self._zeros)] if self._zeros else []) + positive


def _centre(bucket: int) -> float:
    """The value that is equally far, as a share, from both ends of the bucket."""
    return 2 / (1 + _GROWTH) * math.exp(bucket * _LOG_GROWTH)


def _interpolate(values: list[float], below: list[int], position: float) -> float:
    """The value at a fractional `position`, counted from 0; `below` are running totals of the counts."""
    lower = math.floor(position)
    at = bisect_right(below, lower)
    if position == lower or lower + 1 < below[at]:
        return values[at]
    return values[at] + (values[at + 1] - values[at]) * (position - lower)
