"""Streamed statistics against the standard library's over all values at once, and quantiles in bounded memory."""

import math
import pickle
import random
import statistics
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polygym.metrics.distribution import Distribution
from polygym.metrics.quantiles import EXACT_UP_TO, RELATIVE_ERROR

NUMBERS = st.lists(st.floats(-1e6, 1e6).map(lambda value: round(value, 3)), min_size=1, max_size=60)


def nearly(value: float) -> object:
    return pytest.approx(value, rel=1e-9, abs=1e-6)


@given(NUMBERS)
def test_streamed_statistics_are_those_of_all_values(values: list[float]) -> None:
    distribution = Distribution(values)

    assert distribution.count == len(values)
    assert distribution.mean == nearly(statistics.fmean(values))
    assert distribution.std == nearly(statistics.stdev(values) if len(values) > 1 else 0.0)
    assert (distribution.minimum, distribution.maximum) == (min(values), max(values))


def test_a_small_spread_around_a_large_mean_keeps_its_digits() -> None:
    values = [1e9 + offset for offset in (0.0, 1.0, 2.0, 3.0)] * 1000
    assert Distribution(values).std == pytest.approx(statistics.stdev(values), rel=1e-6)


@given(NUMBERS)
def test_quantiles_of_few_values_are_exact(values: list[float]) -> None:
    distribution = Distribution(values)

    assert distribution.quantiles(0.0, 0.5, 1.0) == [min(values), nearly(statistics.median(values)), max(values)]
    if len(values) > 1:
        expected = statistics.quantiles(values, n=20, method="inclusive")
        ranks = [step / 20 for step in range(1, 20)]
        assert distribution.quantiles(*ranks) == [nearly(value) for value in expected]


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_quantiles_of_many_values_are_within_the_promised_error(sign: float) -> None:
    generator = random.Random(3)
    values = sorted(sign * generator.lognormvariate(0, 3) for _ in range(20_001))
    ranks = [0.0, 0.01, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0]

    for rank, quantile in zip(ranks, Distribution(values).quantiles(*ranks), strict=True):
        assert quantile == pytest.approx(values[round(rank * 20_000)], rel=1.01 * RELATIVE_ERROR)


def test_many_values_on_both_sides_of_zero_keep_their_order() -> None:
    values = [float(value) for value in range(-600, 601)] + [0.0] * 100
    low, middle, high = Distribution(values).quantiles(0.1, 0.5, 0.9)
    assert low == pytest.approx(-470, rel=0.01)
    assert middle == 0.0
    assert high == pytest.approx(470, rel=0.01)


@given(st.lists(st.floats(-1e3, 1e3), max_size=EXACT_UP_TO + 200), st.integers(0, 400))
def test_merged_parts_equal_the_whole(values: list[float], cut: int) -> None:
    whole, merged = Distribution(values), Distribution(values[:cut])
    merged.merge(Distribution(values[cut:]))

    assert merged.count == whole.count
    assert merged.mean == nearly(whole.mean)
    assert merged.std == nearly(whole.std)
    if values:
        assert merged.quantiles(0, 0.3, 0.5, 0.99, 1) == whole.quantiles(0, 0.3, 0.5, 0.99, 1)


def test_nothing_has_no_quantiles_and_a_summary_that_says_so() -> None:
    with pytest.raises(ValueError, match="no values"):
        Distribution().quantiles(0.5)
    assert Distribution().summary() == Distribution().tail_summary() == {"count": 0}


def test_summaries_name_what_they_hold() -> None:
    assert Distribution([1.0, 2.0, 3.0, 6.0]).summary() == {
        "count": 4,
        "mean": 3.0,
        "std": pytest.approx(2.160247),
        "min": 1.0,
        "max": 6.0,
        "median": 2.5,
        "p25": 1.75,
        "p75": 3.75,
    }
    assert set(Distribution([1.0]).tail_summary()) == {"count", "mean", "p50", "p95", "p99", "max"}


def test_it_travels_between_processes() -> None:
    values = [value / 7 for value in range(1000)]
    assert pickle.loads(pickle.dumps(Distribution(values))).summary() == Distribution(values).summary()


def test_memory_does_not_grow_with_the_stream() -> None:
    generator = random.Random(1)
    distribution = Distribution(generator.lognormvariate(0, 1) for _ in range(2_000))
    tracemalloc.start()
    for _ in range(20_000):
        distribution.add(generator.lognormvariate(0, 1))
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 100_000


def test_sums_are_rounded_once_and_may_be_infinite() -> None:
    assert Distribution([0.1] * 700).summary()["mean"] == 0.1
    assert Distribution([1e16, 1.0, -1e16]).mean == pytest.approx(1 / 3)
    assert Distribution([1e308, 1e308, -1e308]).total == math.inf
