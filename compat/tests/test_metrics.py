from nemo_gym.pass_metrics import compute_pass_majority_metrics, compute_subset_metrics, highest_k_metrics
from nemo_gym.reward_profile import compute_aggregate_metrics

TASKS = [
    [{"reward": 1.0, "answer": "a", "kind": "easy"}, {"reward": 0.0, "answer": "b"}],
    [{"reward": 0.0, "answer": None, "kind": "hard"}, {"reward": 0.0, "answer": None}],
]


def test_pass_and_majority_are_percentages_for_every_k() -> None:
    metrics = compute_pass_majority_metrics(TASKS, answer_key="answer").metrics
    assert metrics["pass@1/accuracy"] == 25.0
    assert metrics["pass@2/accuracy"] == 50.0
    assert metrics["majority@2/accuracy"] == 25.0
    assert metrics["pass@1[avg-of-2]/no_answer"] == 50.0


def test_the_metrics_of_the_greatest_k_are_found_without_those_of_scatter() -> None:
    metrics = compute_pass_majority_metrics(TASKS).metrics
    assert highest_k_metrics(metrics, "pass@1[avg-of-{k}]") == {"pass@1[avg-of-2]/accuracy": 25.0}


def test_subsets_are_named_by_the_first_rollout() -> None:
    assert compute_subset_metrics(TASKS, "kind")["easy/pass@2/accuracy"] == 100.0


def test_groups_keep_their_task_and_numbers_that_are_missing_are_not_counted() -> None:
    answers = [
        {"_ng_task_index": 1, "_ng_rollout_index": 0, "reward": 1.0, "turns": 3},
        {"_ng_task_index": 1, "_ng_rollout_index": 1, "reward": 0.0},
        {"_ng_task_index": 0, "_ng_rollout_index": 0, "reward": 0.5, "is_cut": True},
    ]
    result = compute_aggregate_metrics(answers)
    assert [group["_ng_task_index"] for group in result.group_level_metrics] == [0, 1]
    assert result.agent_metrics["mean/reward"] == 0.5
    assert result.agent_metrics["mean/turns"] == 3.0
    assert result.key_metrics["mean/is_cut"] == 1.0
    assert "std/turns" not in result.agent_metrics
