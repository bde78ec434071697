"""`--max-cost`, `--max-total-tokens` and prices: what a run may take, what it says it took, and how it goes on."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from tests.cli.commands import COMPONENTS, Ended, model_endpoint, names_in, rows, write_rows

GymHere: TypeAlias = Callable[..., Ended]

TASKS = [{"responses_create_params": {"input": text}, "agent_ref": {"name": "letters_agent"}} for text in "ABCDEFGH"]
PRICES = "+prices={tiny: {input: 2, cached_input: 1, output: 10}}"
"""The endpoint's calls take 100 tokens of input, 40 of them cached, and 20 of output: $0.00036 each."""
COST = (60 * 2 + 40 * 1 + 20 * 10) / 1e6


WHERE = ("--search-dir", str(COMPONENTS), "--resources-server", "letters", "--model-type", "openai_model")


class Runs:
    """`gym eval run` with one rollout in flight."""

    def __init__(self, gym_here: GymHere, folder: Path) -> None:
        self.folder = folder
        self._gym = gym_here
        write_rows(folder / "tasks.jsonl", *TASKS)

    def __call__(self, url: str, *arguments: str) -> Ended:
        what = ("-m", "tiny", "--model-url", url, "-i", "tasks.jsonl", "-o", "out.jsonl", "--concurrency", "1")
        return self._gym("eval", "run", *WHERE, *what, *arguments)


@pytest.fixture
def run(gym_here: GymHere, tmp_path: Path) -> Runs:
    return Runs(gym_here, tmp_path)


def summary(folder: Path) -> dict[str, Any]:
    (entry,) = json.loads((folder / "out_aggregate_metrics.json").read_text())
    found: dict[str, Any] = entry["summary"]
    return found


@pytest.mark.parametrize(
    ("limit", "more", "said"),
    [
        (("--max-cost", "0.001", PRICES), ("--max-cost", "9", PRICES), "$0.0011 of $0.0010 (--max-cost)"),
        (("--max-total-tokens", "300"), ("--max-total-tokens", "5000"), "360 of 300 tokens (--max-total-tokens)"),
    ],
)
def test_a_run_whose_budget_is_used_up_stops_cleanly_and_goes_on_with_a_larger_one(
    run: Runs, limit: tuple[str, ...], more: tuple[str, ...], said: str
) -> None:
    with model_endpoint() as (url, requests):
        stopped = run(url, *limit)
        cut_short = rows(run.folder / "out.jsonl")
        again = run(url, *limit, "--resume")
        assert len(requests) == 3
        finished = run(url, *more, "--resume")

    assert (stopped.returncode, again.returncode, finished.returncode) == (4, 4, 0)
    assert f"The budget is used up: {said}" in stopped.stderr
    assert "3 of 8 rollouts have a reward" in stopped.stderr
    assert "360 of them in an earlier run" in again.stdout
    assert len(cut_short) == 3
    assert len({row["_ng_task_index"] for row in rows(run.folder / "out.jsonl")}) == 8
    assert f"Model calls took {8 * 120} tokens" in finished.stdout


def test_a_run_that_ends_before_its_budget_does_is_complete(run: Runs) -> None:
    with model_endpoint() as (url, _):
        done = run(url, "--max-total-tokens", str(8 * 120))

    assert done.returncode == 0


def test_what_was_spent_stands_in_rows_table_summary_and_aggregate(run: Runs) -> None:
    with model_endpoint() as (url, _):
        done = run(url, PRICES)

    for row in rows(run.folder / "out.jsonl"):
        assert row["_ng_cost_usd"] == pytest.approx(COST)
        counted = {"input": 100, "cached": 40, "cache_written": 0, "output": 20, "calls": 1}
        assert row["_ng_usage"] == {"policy_model": counted}
    assert summary(run.folder)["cost_usd"] == pytest.approx(8 * COST)
    header, line = done.stdout.splitlines()[1:3]
    assert line.split()[header.replace("mean reward", "mean").replace("95 % interval", "95 - i").split().index("cost")]
    assert "$0.0029" in line
    assert f"Model calls took 960 tokens, ${8 * COST:.4f}." in done.stdout


def test_without_prices_or_a_budget_nothing_is_counted(run: Runs) -> None:
    with model_endpoint() as (url, _):
        done = run(url)

    assert "_ng_usage" not in rows(run.folder / "out.jsonl")[0]
    assert "Model calls took" not in done.stdout and "cost" not in done.stdout
    assert summary(run.folder)["cost_usd"] is None


def test_the_budget_is_the_whole_runs_with_several_workers(run: Runs) -> None:
    write_rows(run.folder / "tasks.jsonl", *(TASKS * 50))
    with model_endpoint(latency_s=0.02) as (url, requests):
        stopped = run(url, "--workers", "2", "--concurrency", "2", "--max-cost", str(20 * COST), PRICES)
        first = len(requests)
        assert 20 <= first < 400
        again = run(url, "--workers", "2", "--max-cost", str(20 * COST), PRICES, "--resume")
        assert len(requests) == first

    assert (stopped.returncode, again.returncode) == (4, 4)
    assert len(rows(run.folder / "out.jsonl")) == first
    assert summary(run.folder)["cost_usd"] == pytest.approx(first * COST)


def test_a_worker_that_has_used_the_budget_up_alone_does_not_wait_to_be_told(run: Runs) -> None:
    write_rows(run.folder / "tasks.jsonl", *(TASKS * 100))
    with model_endpoint() as (url, requests):
        stopped = run(url, "--workers", "2", "--concurrency", "2", "--max-total-tokens", "120")

    assert stopped.returncode == 4
    assert 1 <= len(requests) <= 4
    assert len(rows(run.folder / "out.jsonl")) == len(requests)


@pytest.mark.parametrize("arguments", [("--max-cost", "1"), ("--max-total-tokens", "0")])
def test_a_budget_that_cannot_be_held_is_refused_before_anything_runs(run: Runs, arguments: tuple[str, ...]) -> None:
    with model_endpoint() as (url, requests):
        done = run(url, *arguments)

    assert done.returncode == 2
    assert "there is no price for policy_model" in done.stderr or "max_total_tokens" in done.stderr
    assert (requests, names_in(run.folder)) == ([], ["tasks.jsonl"])
