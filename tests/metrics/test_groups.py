"""Groups as trainers see them: only scored members count."""

import math
import random
from statistics import fmean, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polygym.metrics.groups import TooFewScoredError, group_by_task, read_group

LOST = [
    {"rollout_state": "failed", "reward": 0.0},
    {"rollout_state": "unresolved"},
    {"reward": math.nan},
    {"reward": 0.0, "_ng_failure_class": "timeout"},
]


@given(st.lists(st.floats(-10, 10), min_size=2, max_size=8), st.lists(st.sampled_from(LOST), max_size=8), st.randoms())
def test_members_without_a_score_move_nothing(rewards: list[float], lost: list[dict], shuffler: random.Random) -> None:
    records = [{"rollout_state": "scored", "reward": reward} for reward in rewards] + lost
    shuffler.shuffle(records)

    group = read_group(records)

    assert (group.scored, group.missing) == (len(rewards), len(lost))
    assert group.mean == pytest.approx(fmean(rewards))
    assert group.std == pytest.approx(stdev(rewards), abs=1e-9)
    advantages = group.advantages()
    assert sum(advantage is None for advantage in advantages) == len(lost)
    assert math.fsum(advantage for advantage in advantages if advantage is not None) == pytest.approx(0.0, abs=1e-6)


def test_advantages_stand_at_their_records_places() -> None:
    group = read_group([{"reward": 1.0}, {"rollout_state": "failed"}, {"reward": 0.0}])

    assert group.advantages() == [0.5, None, -0.5]
    assert group.advantages(divide_by_std=True) == [pytest.approx(0.70711, 1e-4), None, pytest.approx(-0.70711, 1e-4)]


def test_equal_rewards_divided_by_their_spread_stay_near_zero() -> None:
    advantages = read_group([{"reward": 0.1}, {"reward": 0.1}, {"reward": 0.3 - 0.2}]).advantages(divide_by_std=True)
    assert advantages == [pytest.approx(0.0, abs=1e-9)] * 3


def test_a_masked_member_counts_for_the_mean_and_gets_no_advantage() -> None:
    group = read_group([{"reward": 1.0}, {"reward": 0.0, "rollout_state": "masked"}])

    assert (group.mean, group.scored, group.masked, group.missing) == (0.5, 2, 1, 0)
    assert group.advantages() == [0.5, None]


def test_a_group_with_too_few_scored_members_is_refused() -> None:
    with pytest.raises(TooFewScoredError, match="1 scored rollouts of 4") as refused:
        read_group([{"reward": 1.0}, {"rollout_state": "failed", "reward": 0.0}], expected=4)
    assert (refused.value.scored, refused.value.expected, refused.value.minimum) == (1, 4, 2)
    assert isinstance(refused.value, ValueError)
    with pytest.raises(TooFewScoredError, match="0 scored"):
        read_group(LOST, minimum=0)


def test_rollouts_that_left_no_record_are_missing_too() -> None:
    assert read_group([{"reward": 1.0}], minimum=1, expected=8).missing == 7


def test_pass_at_k_counts_scored_members_only() -> None:
    group = read_group([{"reward": 1.0}, {"reward": 0.5}, {"rollout_state": "failed"}])

    assert group.pass_at_k(1) == 0.5
    assert group.pass_at_k(2) == 1.0
    assert group.pass_hat_k(2) == 0.0
    assert group.pass_hat_k(2, correct_at=0.5) == 1.0
    assert group.mean_at_k(2) == 0.75
    with pytest.raises(ValueError, match="k = 3"):
        group.pass_at_k(3)


def test_records_are_grouped_by_task_and_ordered_by_repeat() -> None:
    records = [
        {"_ng_task_index": 2, "_ng_rollout_index": 1},
        {"id": "a"},
        {"_ng_task_index": 0},
        {"_ng_task_index": 2, "_ng_rollout_index": 0},
        {"id": "b"},
        {"_ng_task_index": 0, "_ng_rollout_index": 0},
    ]

    assert group_by_task(records) == [
        [{"_ng_task_index": 0, "_ng_rollout_index": 0}, {"_ng_task_index": 0}],
        [{"_ng_task_index": 2, "_ng_rollout_index": 0}, {"_ng_task_index": 2, "_ng_rollout_index": 1}],
        [{"id": "a"}],
        [{"id": "b"}],
    ]
