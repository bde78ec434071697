"""The answer of `/aggregate_metrics`, its keys and what it leaves out."""

import math
from statistics import fmean, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polygym.metrics.aggregate import aggregate
from polygym.protocol.json import dumps


def row(task: int | None, repeat: int | None, reward: float, **fields: object) -> dict:
    indices = {"_ng_task_index": task, "_ng_rollout_index": repeat}
    return {name: index for name, index in indices.items() if index is not None} | {"reward": reward} | fields


USAGE = {"usage": {"input_tokens": 10, "output_tokens": 4, "total_tokens": 14}}


def test_statistics_cover_numeric_fields_and_token_counts() -> None:
    metrics = aggregate(
        [row(0, 0, 1.0, is_short=True, response=USAGE), row(1, 0, 0.0, is_short=False, response=USAGE, note="x")]
    )

    assert metrics["agent_metrics"] == {
        f"{statistic}/{name}": pytest.approx(value)
        for name, values in {
            "reward": (0.5, 1.0, 0.0, 0.5, math.sqrt(0.5)),
            "is_short": (0.5, 1.0, 0.0, 0.5, math.sqrt(0.5)),
            "input_tokens": (10.0, 10.0, 10.0, 10.0, 0.0),
            "output_tokens": (4.0, 4.0, 4.0, 4.0, 0.0),
            "total_tokens": (14.0, 14.0, 14.0, 14.0, 0.0),
        }.items()
        for statistic, value in zip(("mean", "max", "min", "median", "std"), values, strict=True)
    }
    assert metrics["key_metrics"] == {
        "mean/reward": 0.5,
        "mean/is_short": 0.5,
        "mean/input_tokens": 10.0,
        "mean/output_tokens": 4.0,
        "mean/total_tokens": 14.0,
    }


@given(st.lists(st.tuples(st.integers(0, 4), st.floats(-100, 100)), min_size=2, max_size=40))
def test_the_overall_statistics_are_those_of_all_rewards(rollouts: list[tuple[int, float]]) -> None:
    rewards = [reward for _, reward in rollouts]
    metrics = aggregate([row(task, None, reward) for task, reward in rollouts])["agent_metrics"]
    assert metrics["mean/reward"] == pytest.approx(fmean(rewards))
    assert metrics["std/reward"] == pytest.approx(stdev(rewards), abs=1e-9)


def test_a_group_entry_tells_of_its_rollouts() -> None:
    [group] = aggregate(
        [
            row(3, 1, 0.0, question="why", responses_create_params={"input": "why?"}, response=USAGE),
            row(3, 0, 1.0, question="why", responses_create_params={"input": "why?"}, response=USAGE),
        ]
    )["group_level_metrics"]

    assert group["_ng_task_index"] == 3
    assert group["mean/reward"] == 0.5
    assert group["sample"] == {"question": "why"}
    assert (group["num_rollouts"], group["expected_num_rollouts"], group["missing_num_rollouts"]) == (2, 2, 0)
    assert group["reward_profile_completion_pct"] == 100.0
    assert group["rollout_infos"] == [
        {
            "rollout_id": f"3:{repeat}",
            "_ng_task_index": 3,
            "_ng_rollout_index": repeat,
            "reward": reward,
            "input_tokens": 10.0,
            "output_tokens": 4.0,
            "total_tokens": 14.0,
        }
        for repeat, reward in ((0, 1.0), (1, 0.0))
    ]


def test_rows_without_a_task_index_are_a_group_each() -> None:
    groups = aggregate([row(None, None, 1.0), row(None, None, 0.0), row(0, 0, 1.0)])["group_level_metrics"]

    assert [group["_ng_task_index"] for group in groups] == [0, None, None]
    assert [group["mean/reward"] for group in groups] == [1.0, 1.0, 0.0]
    assert groups[1]["rollout_infos"] == [
        {"rollout_id": None, "_ng_task_index": None, "_ng_rollout_index": None, "reward": 1.0}
    ]


def test_a_failed_rollout_is_missing_and_no_zero() -> None:
    seen: list[list[dict]] = []
    metrics = aggregate(
        [
            row(0, 0, 1.0),
            row(0, 1, 0.0, rollout_state="failed"),
            row(0, 2, 0.0, _ng_failure_class="judge_failed"),
            row(1, 0, math.nan),
        ],
        compute_metrics=lambda tasks: seen.extend(tasks) or {},
    )

    assert seen == [[row(0, 0, 1.0)]]
    assert metrics["agent_metrics"]["mean/reward"] == 1.0
    first, second = metrics["group_level_metrics"]
    assert (first["num_rollouts"], first["missing_num_rollouts"]) == (1, 2)
    assert first["reward_profile_completion_pct"] == pytest.approx(100 / 3)
    assert (second["num_rollouts"], second["missing_num_rollouts"], second["rollout_infos"]) == (0, 1, [])
    assert "mean/reward" not in second


def test_a_retried_rollout_is_expected_once() -> None:
    [group] = aggregate([row(0, 0, 0.0, rollout_state="failed"), row(0, 0, 1.0)])["group_level_metrics"]
    assert (group["num_rollouts"], group["expected_num_rollouts"]) == (1, 1)


def test_a_rollout_scored_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="task 4, repeat 1"):
        aggregate([row(4, 1, 1.0), row(4, 1, 1.0)])


def test_an_environments_own_metrics_go_over_the_standard_ones() -> None:
    metrics = aggregate(
        [row(0, 0, 1.0), row(1, 0, 0.0)],
        compute_metrics=lambda tasks: {
            "mean/reward": 7.0,
            "solved": len(tasks),
            "per_task_metrics": [{"_ng_task_index": 1, "difficulty": "hard"}],
        },
        get_key_metrics=lambda computed: {"solved": computed["solved"]},
    )

    assert metrics["agent_metrics"]["mean/reward"] == 7.0
    assert metrics["key_metrics"] == {"solved": 2}
    assert "per_task_metrics" not in metrics["agent_metrics"]
    assert [group.get("difficulty") for group in metrics["group_level_metrics"]] == [None, "hard"]


def test_repeats_have_entries_of_their_own() -> None:
    metrics = aggregate([row(0, 0, 1.0), row(0, 1, 0.0), row(1, 0, 0.0)])
    first, second = metrics["repeat_level_metrics"]

    assert (first["_ng_rollout_index"], first["sample_count"], first["missing_count"]) == (0, 2, 0)
    assert first["mean/reward"] == 0.5
    assert first["sem/reward"] == pytest.approx(0.5)
    assert first["p25/reward"] == 0.25
    assert first["ci_low_95/reward"] == pytest.approx(0.5 - 12.7062 * 0.5, rel=1e-5)
    assert (second["_ng_rollout_index"], second["sample_count"], second["missing_count"]) == (1, 1, 1)
    assert second["sem/reward"] is None
    assert metrics["agent_metrics"]["num_repeats"] == 2
    assert metrics["agent_metrics"]["mean_across_repeats/mean/reward"] == 0.25
    assert metrics["agent_metrics"]["se_across_repeats/mean/reward"] == pytest.approx(0.25)
    assert metrics["key_metrics"] == {"mean/reward": pytest.approx(1 / 3)}


@pytest.mark.parametrize("rows", [[], [{"rollout_state": "failed", "_ng_task_index": 0}]])
def test_without_a_score_there_are_no_metrics(rows: list[dict]) -> None:
    def fail(_: object) -> dict:
        raise AssertionError("hooks see scored rollouts only")

    metrics = aggregate(rows, compute_metrics=fail, get_key_metrics=fail)

    assert metrics["agent_metrics"] == metrics["key_metrics"] == {}
    assert metrics["repeat_level_metrics"] == []
    assert len(metrics["group_level_metrics"]) == len(rows)


def test_the_answer_is_json_and_the_rows_are_left_alone() -> None:
    rows = [row(0, 0, 1.0, response=USAGE), row(0, 1, 0.0)]
    before = dumps(rows)
    dumps(aggregate(rows))
    assert dumps(rows) == before
