"""One run from its rows to its records: what is tried again, what fails, what ends it at once."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from polygym.protocol.calls import RolloutContext
from polygym.protocol.errors import InputError, OutputError, UserError
from polygym.protocol.failures import FailureClass, RolloutFailure, Stage
from polygym.rollouts.collect import CollectRequest
from polygym.rollouts.engine import LaneSettings, RetryPolicy
from polygym.rollouts.plan import Shard
from tests.rollouts.small_runs import QUICK, FakeAgent, keys, read, request, run, unavailable


def test_every_row_gets_its_response_reward_and_identity(tmp_path: Path) -> None:
    run(request(tmp_path, num_repeats=2))
    rows = read(tmp_path / "out.jsonl")
    assert keys(tmp_path / "out.jsonl") == [(task, repeat) for task in range(6) for repeat in range(2)]
    for row in rows:
        assert row["reward"] == row["answer"]
        assert row["rollout_state"] == "scored"
        assert row["agent_ref"]["name"] == "ab"[row["answer"] % 2]
        assert row["response"]["usage"] == {"input_tokens": 2}
    assert len(read(tmp_path / "out_materialized_inputs.jsonl")) == 12
    assert (tmp_path / "out_failures.jsonl").read_text() == ""
    entries = json.loads((tmp_path / "out_aggregate_metrics.json").read_text())
    assert {e["agent_ref"]["name"]: e["agent_metrics"]["rows"] for e in entries} == {"a": 6, "b": 6}
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


def test_a_failure_that_may_pass_is_tried_again_as_a_fresh_attempt(tmp_path: Path) -> None:
    agent = FakeAgent(fail=lambda task, repeat, attempt: unavailable() if task == 2 and attempt < 2 else None)
    collection = run(request(tmp_path), a=agent)
    assert keys(tmp_path / "out.jsonl") == [(task, 0) for task in range(6)]
    assert [key for key in agent.attempts if key[0] == 2] == [(2, 0, 0), (2, 0, 1), (2, 0, 2)]
    failures = read(tmp_path / "out_failures.jsonl")
    assert [(row["_ng_attempt_index"], row["rollout_state"]) for row in failures] == [(0, None), (1, None)]
    assert collection.progress.failed == 0


def test_a_failure_never_becomes_a_reward_and_the_others_go_on(tmp_path: Path) -> None:
    agent = FakeAgent(fail=lambda task, repeat, attempt: unavailable() if task == 2 else None)
    collection = run(request(tmp_path), a=agent)
    assert keys(tmp_path / "out.jsonl") == [(task, 0) for task in (0, 1, 3, 4, 5)]
    last = read(tmp_path / "out_failures.jsonl")[-1]
    assert (last["rollout_state"], last["_ng_failure_class"], last["_ng_attempt_index"]) == (
        "unresolved",
        "model_unavailable",
        2,
    )
    assert "reward" not in last and "response" not in last
    assert (collection.progress.done, collection.progress.failed) == (5, 1)


def test_a_failure_that_would_only_repeat_is_not_tried_again(tmp_path: Path) -> None:
    broken = RolloutFailure(FailureClass.VERIFIER_ERROR, Stage.VERIFY, "no")
    agent = FakeAgent(fail=lambda task, repeat, attempt: broken if task == 0 else None)
    run(request(tmp_path), a=agent)
    assert [(row["rollout_state"], row["_ng_attempt_index"]) for row in read(tmp_path / "out_failures.jsonl")] == [
        ("failed", 0)
    ]


@pytest.mark.parametrize("reward", [float("nan"), float("inf"), None, "1", True, [1.0]])
def test_an_answer_without_a_finite_reward_is_a_verifier_failure(tmp_path: Path, reward: Any) -> None:
    class Odd(FakeAgent):
        async def run(self, row: dict[str, Any], context: RolloutContext) -> dict[str, Any]:
            return {**await super().run(row, context), "reward": reward}

    run(request(tmp_path), a=Odd())
    assert keys(tmp_path / "out.jsonl") == [(1, 0), (3, 0), (5, 0)]
    assert {row["_ng_failure_class"] for row in read(tmp_path / "out_failures.jsonl")} == {"verifier_error"}


@pytest.mark.parametrize(
    "failure",
    [
        unavailable(None),
        RolloutFailure(FailureClass.MODEL_REJECTED, Stage.MODEL, "check the key", http_status=401),
        RolloutFailure(FailureClass.MODEL_REJECTED, Stage.MODEL, "wrong url", http_status=404),
        RolloutFailure(FailureClass.MODEL_REJECTED, Stage.MODEL, "redirects", http_status=307),
    ],
)
def test_an_endpoint_that_refuses_the_first_call_ends_the_run_and_leaves_nothing(
    tmp_path: Path, failure: RolloutFailure
) -> None:
    with pytest.raises(UserError, match=failure.message):
        run(request(tmp_path), *(FakeAgent(fail=lambda *_: failure) for _ in "ab"))
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


@pytest.mark.parametrize("reward", [10**400, {1, 2}])
def test_a_record_that_cannot_be_counted_or_written_is_a_failure_of_its_agent_alone(
    tmp_path: Path, reward: Any
) -> None:
    class Odd(FakeAgent):
        async def run(self, row: dict[str, Any], context: RolloutContext) -> dict[str, Any]:
            odd = {"odd": reward} if isinstance(reward, set) else {"reward": reward}
            return {**await super().run(row, context), **odd}

    collection = run(request(tmp_path), a=Odd())
    assert (collection.progress.agents["a"].failed, collection.progress.agents["b"].done) == (3, 3)
    assert {row["_ng_failure_class"] for row in read(tmp_path / "out_failures.jsonl")} == {"agent_error"}


def test_a_cancellation_that_the_run_did_not_ask_for_is_a_failure(tmp_path: Path) -> None:
    def cancelled(task: int, *_: int) -> Any:
        return asyncio.CancelledError("a library gave up") if task == 2 else None

    collection = run(request(tmp_path), a=FakeAgent(fail=cancelled))
    assert (collection.progress.done, collection.progress.failed) == (5, 1)
    assert [row["_ng_failure_class"] for row in read(tmp_path / "out_failures.jsonl")] == ["agent_error"]


def test_an_automatic_concurrency_rises_while_it_pays(tmp_path: Path) -> None:
    collection = run(request(tmp_path, rows=1500, concurrency=None), *(FakeAgent(delay_s=0.01) for _ in "ab"))
    assert collection.progress.done == 1500
    assert collection.settled is not None and "throughput rose" in collection.settled


def test_an_output_in_an_unwritable_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    source = request(tmp_path)
    with pytest.raises(OutputError, match="cannot be written"):
        run(CollectRequest(source.plan, tmp_path / "file" / "out.jsonl"))


def test_a_model_that_is_down_is_waited_for_without_spending_attempts(tmp_path: Path) -> None:
    calls = 0

    def down_for_a_while(*_: int) -> RolloutFailure | None:
        nonlocal calls
        calls += 1
        return unavailable() if 1 < calls < 14 else None

    agents = [FakeAgent(fail=down_for_a_while) for _ in "ab"]
    collection = run(request(tmp_path, rows=40, concurrency=8), *agents)
    assert (collection.progress.done, collection.progress.failed) == (40, 0)


@pytest.mark.parametrize("failure_class", [FailureClass.MODEL_UNAVAILABLE, FailureClass.ENVIRONMENT_LOST])
def test_a_lone_rollout_that_finds_nobody_there_waits_without_spending_attempts(
    tmp_path: Path, failure_class: FailureClass
) -> None:
    calls = 0

    def down_for_a_while(*_: int) -> RolloutFailure | None:
        nonlocal calls
        calls += 1
        return RolloutFailure(failure_class, Stage.TOOL, "nobody", is_nobody_there=True) if 1 < calls < 9 else None

    collection = run(request(tmp_path, rows=6, concurrency=1), *[FakeAgent(fail=down_for_a_while) for _ in "ab"])
    assert (collection.progress.done, collection.progress.failed) == (6, 0)


def test_a_model_that_stays_away_ends_the_wait_and_the_rest_is_recorded(tmp_path: Path) -> None:
    impatient = RetryPolicy(first_delay_s=0.001, wait_for_model_s=0.0)
    agents = [FakeAgent(fail=lambda task, *_: unavailable() if task > 3 else None) for _ in "ab"]
    what = replace(request(tmp_path, rows=40, concurrency=1), retries=impatient)
    collection = run(what, *agents)
    assert collection.progress.done + collection.progress.failed == 40
    failures = read(tmp_path / "out_failures.jsonl")
    ended = [row["_ng_task_index"] for row in failures if row["rollout_state"] == "unresolved"]
    assert sorted(ended) == sorted(set(range(40)) - {key[0] for key in keys(tmp_path / "out.jsonl")})


def test_a_rollout_that_takes_too_long_fails_and_the_others_do_not_notice(tmp_path: Path) -> None:
    lanes = {"a": LaneSettings(timeout_s=0.05, max_attempts=1)}
    collection = run(request(tmp_path, lanes=lanes), a=FakeAgent(delay_s=30))
    assert {row["_ng_failure_class"] for row in read(tmp_path / "out_failures.jsonl")} == {"timeout"}
    assert (collection.progress.agents["a"].failed, collection.progress.agents["b"].done) == (3, 3)


def test_an_endpoint_that_is_awaited_may_be_away_at_the_first_calls(tmp_path: Path) -> None:
    agents = [FakeAgent(fail=lambda task, repeat, attempt: unavailable(None) if attempt < 1 else None) for _ in "ab"]
    what = replace(request(tmp_path), retries=replace(QUICK, is_model_awaited=True))
    assert run(what, *agents).progress.done == 6


def test_an_endpoint_that_is_awaited_may_still_not_refuse_us(tmp_path: Path) -> None:
    refused = RolloutFailure(FailureClass.MODEL_REJECTED, Stage.MODEL, "check the key", http_status=401)
    what = replace(request(tmp_path), retries=replace(QUICK, is_model_awaited=True))
    with pytest.raises(UserError, match="check the key"):
        run(what, *(FakeAgent(fail=lambda *_: refused) for _ in "ab"))


def test_an_empty_shard_leaves_its_empty_files(tmp_path: Path) -> None:
    what = request(tmp_path, rows=2)
    run(replace(what, plan=replace(what.plan, shard=Shard(3, 4))))
    assert read(tmp_path / "out.jsonl") == read(tmp_path / "out_materialized_inputs.jsonl") == []
    assert json.loads((tmp_path / "out_run.json").read_text())["shard"] == "3/4"
    assert json.loads((tmp_path / "out_aggregate_metrics.json").read_text()) == []


def test_a_row_that_is_refused_leaves_no_trace_not_even_a_folder(tmp_path: Path) -> None:
    def refuse(agent: str, row: dict[str, Any]) -> None:
        raise InputError("answer: too long")

    what = replace(request(tmp_path), output=tmp_path / "deep" / "er" / "out.jsonl", check_row=refuse)
    with pytest.raises(InputError, match=r"in.jsonl:1: answer: too long"):
        run(what)
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


def test_the_metrics_file_has_the_numbers_of_the_running_metrics(tmp_path: Path) -> None:
    collection = run(request(tmp_path, num_repeats=2))
    entries = json.loads((tmp_path / "out_aggregate_metrics.json").read_text())
    found = {entry["agent_ref"]["name"]: entry["summary"] for entry in entries}
    expected = {name: metrics.snapshot() for name, metrics in collection.metrics.items()}
    assert found == json.loads(json.dumps(expected))


def test_an_automatic_concurrency_says_where_it_settled(tmp_path: Path) -> None:
    settled = run(request(tmp_path, concurrency=None)).settled
    assert settled is not None and settled.startswith("concurrency settled at 8")
    assert run(request(tmp_path, mode="overwrite")).settled is None
