"""Intervals against published tables, textbook formulas and simulated samples."""

import math
import random
from statistics import fmean, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polygym.metrics.intervals import Interval, mean_estimate, proportion_interval, t_critical, wilson_interval

VALUES = st.floats(-1e3, 1e3)


@pytest.mark.parametrize(
    ("confidence", "degrees", "expected"),
    [
        (0.95, 1, 12.7062),
        (0.95, 2, 4.30265),
        (0.95, 5, 2.57058),
        (0.95, 10, 2.22814),
        (0.95, 30, 2.04227),
        (0.95, 120, 1.97993),
        (0.99, 3, 5.84091),
        (0.99, 59, 2.66176),
        (0.90, 60, 1.67065),
    ],
)
def test_t_matches_the_published_table(confidence: float, degrees: int, expected: float) -> None:
    assert t_critical(confidence, degrees) == pytest.approx(expected, abs=1e-5 * expected)


@pytest.mark.parametrize(("confidence", "degrees"), [(0.0, 3), (1.0, 3), (0.95, 0)])
def test_t_refuses_what_has_no_meaning(confidence: float, degrees: int) -> None:
    with pytest.raises(ValueError, match="no t"):
        t_critical(confidence, degrees)


@given(st.lists(VALUES, min_size=2, max_size=30))
def test_with_one_value_a_task_it_is_the_standard_error_of_the_mean(values: list[float]) -> None:
    estimate = mean_estimate(values)
    assert estimate.mean == pytest.approx(fmean(values))
    assert estimate.standard_error == pytest.approx(stdev(values) / math.sqrt(len(values)), abs=1e-9)


@given(st.lists(VALUES, min_size=2, max_size=12), st.integers(2, 5))
def test_copies_of_the_same_rollouts_add_no_certainty(values: list[float], copies: int) -> None:
    repeated = mean_estimate(values * copies, tasks=list(range(len(values))) * copies)
    assert repeated.standard_error == pytest.approx(mean_estimate(values).standard_error, abs=1e-9)


def test_one_task_says_nothing_about_other_tasks() -> None:
    estimate = mean_estimate([0.0, 1.0, 1.0], tasks=[7, 7, 7])
    assert estimate.standard_error is None
    assert estimate.interval is None
    assert mean_estimate([0.5]) == (0.5, None, None)


def test_no_values_and_unmatched_tasks_are_refused() -> None:
    with pytest.raises(ValueError, match="no values"):
        mean_estimate([])
    with pytest.raises(ValueError, match="zip"):
        mean_estimate([1.0, 2.0], tasks=[1])


@pytest.mark.parametrize("tasks", [3, 25])
def test_intervals_of_repeated_tasks_hold_the_truth_as_often_as_they_say(tasks: int) -> None:
    generator = random.Random(5)
    held = 0
    for _ in range(500):
        means = [generator.gauss(7, 1) for _ in range(tasks)]
        names = [task for task in range(tasks) for _ in range(4)]
        interval = mean_estimate([generator.gauss(means[task], 0.5) for task in names], tasks=names).interval
        assert interval is not None
        held += interval.low <= 7 <= interval.high
    assert 0.92 <= held / 500 <= 0.98


@pytest.mark.parametrize("tasks", [6, 25])
@pytest.mark.parametrize("truth", [0.5, 0.85])
def test_intervals_of_proportions_hold_the_truth_about_as_often_as_they_say(tasks: int, truth: float) -> None:
    generator = random.Random(5)
    held = 0
    for _ in range(500):
        rates = [generator.betavariate(6 * truth, 6 * (1 - truth)) for _ in range(tasks)]
        names = [task for task in range(tasks) for _ in range(4)]
        estimate = mean_estimate([float(generator.random() < rates[task]) for task in names], tasks=names)
        interval = proportion_interval(estimate, count=len(names), clusters=tasks)
        held += interval.low <= truth <= interval.high
    assert 0.9 <= held / 500 <= 0.985


def test_a_proportion_of_one_rollout_a_task_is_nearly_the_plain_one() -> None:
    estimate = mean_estimate([1.0] * 80 + [0.0] * 20)
    interval = proportion_interval(estimate, count=100, clusters=100)
    assert interval == pytest.approx(wilson_interval(0.8, 100), abs=0.002)


def test_copies_of_the_same_rollouts_leave_a_proportion_as_unsure() -> None:
    values, names = [1.0] * 7 + [0.0] * 3, list(range(10))
    once = proportion_interval(mean_estimate(values, tasks=names), count=10, clusters=10)
    thrice = proportion_interval(mean_estimate(values * 3, tasks=names * 3), count=30, clusters=10)
    assert thrice == pytest.approx(once)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_equal_rewards_count_as_one_sample_a_task(value: float) -> None:
    estimate = mean_estimate([value] * 40, tasks=list(range(20)) * 2)
    assert proportion_interval(estimate, count=40, clusters=20) == wilson_interval(value, 20)


def test_tasks_that_all_agree_gain_no_more_samples_than_there_are() -> None:
    estimate = mean_estimate([0.0, 1.0] * 5, tasks=[0, 0, 1, 1, 2, 2, 3, 3, 4, 4])
    assert proportion_interval(estimate, count=10, clusters=5) == wilson_interval(0.5, 10)


def test_wilson_matches_worked_examples() -> None:
    assert wilson_interval(0.8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert wilson_interval(0.0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)
    assert wilson_interval(1.0, 20) == pytest.approx((0.8389, 1.0), abs=1e-4)


@given(st.floats(0, 1), st.floats(0.01, 1e6))
def test_wilson_stays_between_zero_and_one_around_the_rate(rate: float, samples: float) -> None:
    interval = wilson_interval(rate, samples)
    assert isinstance(interval, Interval)
    assert 0.0 <= interval.low <= rate + 1e-9
    assert rate - 1e-9 <= interval.high <= 1.0


@pytest.mark.parametrize(("rate", "samples"), [(0.5, 0), (1.1, 2), (-0.1, 2)])
def test_wilson_refuses_what_is_no_proportion(rate: float, samples: float) -> None:
    with pytest.raises(ValueError, match="no proportion"):
        wilson_interval(rate, samples)
