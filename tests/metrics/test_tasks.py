"""Sums kept per task against the same statistics computed from all rewards."""

from collections import defaultdict
from statistics import fmean, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polygym.metrics.intervals import mean_estimate
from polygym.metrics.passes import pass_at_k, pass_hat_k
from polygym.metrics.tasks import TaskRewards

ROLLOUTS = st.lists(
    st.tuples(st.one_of(st.none(), st.integers(0, 6)), st.sampled_from([0.0, 0.25, 1.0, -2.0])), min_size=1, max_size=60
)


def collect(rollouts: list[tuple[int | None, float]]) -> TaskRewards:
    rewards = TaskRewards()
    for task, reward in rollouts:
        rewards.add(task, reward, is_correct=reward >= 1.0)
    return rewards


def by_task(rollouts: list[tuple[int | None, float]]) -> dict[object, list[float]]:
    groups: dict[object, list[float]] = defaultdict(list)
    for position, (task, reward) in enumerate(rollouts):
        groups[f"alone {position}" if task is None else task].append(reward)
    return groups


def nearly(value: float | None) -> object:
    return None if value is None else pytest.approx(value, rel=1e-9, abs=1e-6)


@given(ROLLOUTS)
def test_the_streamed_interval_is_the_clustered_one(rollouts: list[tuple[int | None, float]]) -> None:
    groups = by_task(rollouts)
    values = [reward for rewards in groups.values() for reward in rewards]
    tasks = [task for task, rewards in groups.items() for _ in rewards]

    expected = mean_estimate(values, tasks=tasks)
    estimate = collect(rollouts).sums().estimate(fmean(values))

    assert estimate.standard_error == nearly(expected.standard_error)
    assert (estimate.interval is None) == (expected.interval is None)


@given(ROLLOUTS)
def test_spread_is_between_and_within_tasks(rollouts: list[tuple[int | None, float]]) -> None:
    groups = list(by_task(rollouts).values())
    means = [fmean(rewards) for rewards in groups]
    freedom = len(rollouts) - len(groups)
    within = sum((reward - fmean(rewards)) ** 2 for rewards in groups for reward in rewards)

    assert collect(rollouts).sums().spread() == {
        "count": len(groups),
        "mean": nearly(fmean(means)),
        "std_between": nearly(stdev(means) if len(means) > 1 else 0.0),
        "std_within": nearly((within / freedom) ** 0.5 if freedom else None),
        "always_correct": sum(all(reward >= 1 for reward in rewards) for rewards in groups),
        "never_correct": sum(all(reward < 1 for reward in rewards) for rewards in groups),
        "sometimes_correct": sum(len({reward >= 1 for reward in rewards}) == 2 for rewards in groups),
    }


@given(ROLLOUTS)
def test_repeats_average_over_tasks_that_have_enough(rollouts: list[tuple[int | None, float]]) -> None:
    groups = list(by_task(rollouts).values())
    entries = collect(rollouts).sums().repeats()

    assert entries[0]["k"] == 1
    assert entries[-1]["k"] == max(map(len, groups))
    for entry in entries:
        k = entry["k"]
        enough = [rewards for rewards in groups if len(rewards) >= k]
        counts = [(sum(reward >= 1 for reward in rewards), len(rewards)) for rewards in enough]
        assert entry == {
            "k": k,
            "pass_at_k": nearly(fmean(pass_at_k(*count, k) for count in counts)),
            "pass_hat_k": nearly(fmean(pass_hat_k(*count, k) for count in counts)),
            "mean_at_k": nearly(fmean(fmean(rewards) for rewards in enough)),
            "tasks": len(enough),
            "tasks_with_fewer": len(groups) - len(enough),
        }


@given(ROLLOUTS, ROLLOUTS)
def test_merged_parts_equal_the_whole_also_when_they_share_tasks(
    first: list[tuple[int | None, float]], second: list[tuple[int | None, float]]
) -> None:
    whole, merged = collect(first + second), collect(first)
    merged.merge(collect(second))

    assert merged.sums().tasks == whole.sums().tasks
    assert merged.sums().spread() == {key: nearly(value) for key, value in whole.sums().spread().items()}
    mean = fmean(reward for _, reward in first + second)
    assert merged.sums().estimate(mean).standard_error == nearly(whole.sums().estimate(mean).standard_error)


def test_every_power_of_two_and_the_most_repeats_are_listed() -> None:
    assert [entry["k"] for entry in collect([(0, 1.0)] * 11).sums().repeats()] == [1, 2, 4, 8, 11]
    assert [entry["k"] for entry in collect([(0, 1.0)] * 8).sums().repeats()] == [1, 2, 4, 8]


def test_no_rollouts_make_no_repeats_and_no_tasks() -> None:
    assert TaskRewards().sums().repeats() == []
    assert TaskRewards().sums().spread() == {"count": 0}
