"""Quantiles of any number of values in bounded memory: exact for few distinct values, within 0.5 % for many.

Rewards, truth values and counts of steps take few distinct values, which are simply counted, so their quantiles are
exact. Beyond that, values fall into buckets whose width grows with the value (DDSketch, Masson et al. 2019,
arXiv:1908.10693): 230 buckets a factor of ten, whatever the number of values. Chosen over keeping every value (8 MB a
million, for each field and stage) and over sampling because the error is guaranteed, also for p99, and because neither
order nor merging changes the outcome.
"""

import math
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, repeat
from operator import truediv

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
        self._exact: Counter[float] | None = Counter()
        """Counts by value, None once there have been too many distinct ones."""
        self._positive: dict[int, int] = {}
        self._negative: dict[int, int] = {}
        """Counts by bucket; of negative values, the bucket of their magnitude."""
        self._zeros = 0

    def add(self, values: Sequence[float]) -> None:
        """Count finite values, best many at a time."""
        if self._exact is None:
            self._fill(values)
        else:
            self._exact.update(values)
            self._bound()

    def merge(self, other: "Quantiles") -> None:
        """Count all that `other` has counted."""
        if other._exact is None:
            self._give_up_exactness()
            for mine, theirs in ((self._positive, other._positive), (self._negative, other._negative)):
                for bucket, count in theirs.items():
                    mine[bucket] = mine.get(bucket, 0) + count
            self._zeros += other._zeros
        elif self._exact is None:
            self._fill_with(other._exact)
        else:
            self._exact.update(other._exact)
            self._bound()

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

    def _bound(self) -> None:
        if self._exact is not None and len(self._exact) > EXACT_UP_TO:
            self._give_up_exactness()

    def _give_up_exactness(self) -> None:
        exact, self._exact = self._exact, None
        if exact:
            self._fill_with(exact)

    def _fill_with(self, counts: Mapping[float, int]) -> None:
        by_count: defaultdict[int, list[float]] = defaultdict(list)
        for value, count in counts.items():
            by_count[count].append(value)
        for count, values in by_count.items():
            self._fill(values, count)

    def _fill(self, values: Sequence[float], times: int = 1) -> None:
        """Put each value into its bucket, `times` times."""
        positive: Sequence[float] = values
        negative: Sequence[float] = ()
        if min(values, default=0) <= 0:
            positive = [value for value in values if value > 0]
            negative = [-value for value in values if value < 0]
            self._zeros += times * (len(values) - len(positive) - len(negative))
        for buckets, magnitudes in ((self._positive, positive), (self._negative, negative)):
            for bucket, count in Counter(_buckets_of(magnitudes)).items():
                buckets[bucket] = buckets.get(bucket, 0) + times * count

    def _ordered(self) -> list[tuple[float, int]]:
        """Values, or the centres of their buckets, with their counts, least first."""
        if self._exact is not None:
            return sorted(self._exact.items())
        negative = [(-_centre(bucket), count) for bucket, count in sorted(self._negative.items(), reverse=True)]
        positive = [(_centre(bucket), count) for bucket, count in sorted(self._positive.items())]
        return negative + ([(0.0, self._zeros)] if self._zeros else []) + positive


def _buckets_of(magnitudes: Iterable[float]) -> Iterable[int]:
    """The bucket of each positive number. No loop in Python: the latencies of every call come through here."""
    return map(math.ceil, map(truediv, map(math.log, magnitudes), repeat(_LOG_GROWTH)))


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
