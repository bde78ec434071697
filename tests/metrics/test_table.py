"""The end table: aligned, complete, and without columns that say nothing."""

import pytest

from polygym.metrics.running import EnvironmentMetrics, overall
from polygym.metrics.table import component_lines, environment_table, failure_lines, incomplete_lines


def rollout(reward: float, task: int, tokens: int = 100) -> dict:
    usage = {"input_tokens": tokens, "output_tokens": 0, "total_tokens": tokens}
    return {
        "reward": reward,
        "_ng_task_index": task,
        "response": {"usage": usage, "output": [{"type": "message"}]},
    }


def collect(rewards: list[float], *, repeats: int = 1, tokens: int = 100) -> EnvironmentMetrics:
    metrics = EnvironmentMetrics()
    for position, reward in enumerate(rewards):
        metrics.add(rollout(reward, position // repeats, tokens), {"model": [1.5]})
    return metrics


def test_each_environment_has_an_aligned_line() -> None:
    words, weather = collect([1.0, 0.0, 1.0, 1.0]), collect([0.25, 0.75], tokens=12_345)
    words.add_failure("timeout")

    lines = environment_table({"words": words.snapshot(), "a_long_name": weather.snapshot()}, overall([words, weather]))

    assert lines == [
        "environment  done  scored  failed  mean reward    95 % interval  tokens  steps  model p50 s  p95 s",
        "words           5       4       1        0.750   0.256 to 0.963     400    1.0         1.50   1.50",
        "a_long_name     2       2       0        0.500  -2.677 to 3.677   24.7k    1.0         1.50   1.50",
        "all             7       6       1        0.667   0.207 to 1.126   25.1k    1.0         1.50   1.50",
    ]


def test_the_parts_of_a_reward_are_shown_below_the_table() -> None:
    parts, whole = EnvironmentMetrics(), collect([1.0])
    for task, form in enumerate((1.0, 0.0)):
        parts.add({**rollout(form, task), "reward_components": {"form": form, "content": 0.25}})

    assert component_lines({"parts": parts.snapshot(), "whole": whole.snapshot()}) == [
        "parts: content 0.250, form 0.500"
    ]


def test_repeats_bring_pass_at_k() -> None:
    [_, line] = environment_table({"words": collect([1.0, 0.0, 0.0, 0.0, 1.0, 1.0], repeats=2).snapshot()})
    assert "0.667 (k=2)" in line


def test_pass_at_k_is_shown_for_a_k_that_most_tasks_have() -> None:
    metrics = collect([1.0, 0.0, 0.0, 0.0, 1.0, 1.0], repeats=2)
    for _ in range(2):
        metrics.add(rollout(1.0, 0))
    [_, line] = environment_table({"words": metrics.snapshot()})
    assert "(k=2)" in line


def test_masked_and_unresolved_rollouts_are_shown_when_there_are_any() -> None:
    metrics = collect([1.0, 0.0])
    assert "masked" not in environment_table({"words": metrics.snapshot()})[0]
    metrics.add({**rollout(1.0, 9), "rollout_state": "masked"})
    metrics.add({"rollout_state": "unresolved", "_ng_failure_class": "timeout"})
    header = environment_table({"words": metrics.snapshot()})[0]
    assert "masked" in header
    assert "unresolved" in header


def test_an_environment_without_a_score_has_a_line_too() -> None:
    metrics = EnvironmentMetrics()
    metrics.add_failure("model_unavailable")
    [_, line] = environment_table({"words": metrics.snapshot()})
    assert line.split() == ["words", "1", "0", "1", "-", "-", "0", "-", "-", "-"]


def test_no_environments_leave_the_header() -> None:
    assert len(environment_table({})) == 1


@pytest.mark.parametrize(
    ("tokens", "shown"),
    [(999, "999"), (1000, "1.00k"), (12_345, "12.3k"), (999_999, "1000k"), (4_560_000, "4.56M"), (2 * 10**9, "2.00G")],
)
def test_large_token_counts_are_short(tokens: int, shown: str) -> None:
    [_, line] = environment_table({"words": collect([1.0], tokens=tokens).snapshot()})
    assert f" {shown} " in line


def test_failures_are_listed_by_class_most_first() -> None:
    lossy, sound = EnvironmentMetrics(), collect([1.0])
    for failure in ("timeout", "environment_lost", "timeout"):
        lossy.add_failure(failure)
    assert failure_lines({"lossy": lossy.snapshot(), "sound": sound.snapshot()}) == [
        "lossy: 2 timeout, 1 environment_lost"
    ]


def test_cut_short_rollouts_and_costs_have_columns_where_there_are_any() -> None:
    cut, whole = EnvironmentMetrics(), collect([1.0])
    for reason in ("max_output_tokens", "content_filter", "max_output_tokens"):
        response = {"output": [], "status": "incomplete", "incomplete_details": {"reason": reason}}
        cut.add({"reward": 0.0, "_ng_task_index": 0, "response": response, "_ng_cost_usd": 0.5})
    snapshots = {"cut": cut.snapshot(), "whole": whole.snapshot()}

    header, *lines = environment_table(snapshots)

    assert "failed  incomplete  mean" in header and "tokens   cost  steps" in header
    assert [line.split()[4] for line in lines] == ["3", "0"]
    assert "$1.50" in lines[0] and "$" not in lines[1]
    assert incomplete_lines(snapshots) == ["cut: incomplete: 2 max_output_tokens, 1 content_filter"]
