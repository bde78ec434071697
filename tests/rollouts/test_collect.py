import asyncio
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from polygym.protocol.calls import RolloutContext
from polygym.protocol.errors import InputError, OutputError, UserError
from polygym.protocol.failures import FailureClass, RolloutFailure, Stage
from polygym.rollouts.collect import Collection, CollectRequest
from polygym.rollouts.engine import LaneSettings, RetryPolicy
from polygym.rollouts.plan import InputFile, PlanRequest, Shard

QUICK = RetryPolicy(first_delay_s=0.001, first_probe_s=0.002)


class FakeAgent:
    """Answers each row with a reward, unless `fail` says how the attempt goes wrong."""

    def __init__(self, fail: Any = None, delay_s: float = 0.0) -> None:
        self.fail = fail
        self.delay_s = delay_s
        self.attempts: list[tuple[int, int, int]] = []

    async def run(self, row: dict[str, Any], context: RolloutContext) -> dict[str, Any]:
        key = (row["_ng_task_index"], row["_ng_rollout_index"], row.get("_ng_attempt_index", 0))
        self.attempts.append(key)
        await asyncio.sleep(self.delay_s)
        if self.fail is not None and (failure := self.fail(*key)) is not None:
            raise failure
        return {**row, "response": {"output": [], "usage": {"input_tokens": 2}}, "reward": float(row["answer"])}

    async def responses(self, params: dict[str, Any], context: RolloutContext) -> dict[str, Any]:
        raise NotImplementedError

    async def aggregate_metrics(self, verify_responses: list[dict[str, Any]]) -> dict[str, Any]:
        return {"agent_metrics": {"rows": len(verify_responses)}, "key_metrics": {}, "group_level_metrics": []}


def request(tmp_path: Path, rows: int = 6, **options: Any) -> CollectRequest:
    source = tmp_path / "in.jsonl"
    source.write_text(
        "".join(
            json.dumps(
                {
                    "responses_create_params": {"input": str(i)},
                    "answer": i,
                    "agent_ref": {"name": "ab"[i % 2]},
                }
            )
            + "\n"
            for i in range(rows)
        )
    )
    plan = PlanRequest([InputFile(source)], ["a", "b"], num_repeats=options.pop("num_repeats", None))
    return CollectRequest(plan, tmp_path / "out.jsonl", retries=QUICK, **options)


def run(what: CollectRequest, a: FakeAgent | None = None, b: FakeAgent | None = None) -> Collection:
    async def go() -> Collection:
        agents = {"a": a or FakeAgent(), "b": b or FakeAgent()}
        with Collection(what) as collection:
            await collection.run(agents)
            await collection.write_metrics(agents)
        return collection

    return asyncio.run(go())


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def keys(path: Path) -> list[tuple[int, int]]:
    return sorted((row["_ng_task_index"], row["_ng_rollout_index"]) for row in read(path))


def unavailable(status: int | None = 503) -> RolloutFailure:
    return RolloutFailure(FailureClass.MODEL_UNAVAILABLE, Stage.MODEL, "endpoint is down", http_status=status)


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


def test_an_output_that_exists_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out.jsonl").write_text("precious\n")
    with pytest.raises(OutputError, match="exists already"):
        run(request(tmp_path))
    assert (tmp_path / "out.jsonl").read_text() == "precious\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl"]


def test_overwriting_keeps_the_old_output_until_there_is_a_new_one(tmp_path: Path) -> None:
    run(request(tmp_path))
    before = (tmp_path / "out.jsonl").read_text()
    with pytest.raises(UserError):
        run(request(tmp_path, mode="overwrite"), *(FakeAgent(fail=lambda *_: unavailable(None)) for _ in "ab"))
    assert (tmp_path / "out.jsonl").read_text() == before
    run(request(tmp_path, rows=2, mode="overwrite"))
    assert keys(tmp_path / "out.jsonl") == [(0, 0), (1, 0)]


def test_an_output_in_an_unwritable_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    source = request(tmp_path)
    with pytest.raises(OutputError, match="cannot be written"):
        run(CollectRequest(source.plan, tmp_path / "file" / "out.jsonl"))


def test_two_runs_cannot_write_one_output(tmp_path: Path) -> None:
    with Collection(request(tmp_path)), pytest.raises(OutputError, match=f"another run is writing it.*{os.getpid()}"):
        run(request(tmp_path))
    run(request(tmp_path))
    assert len(keys(tmp_path / "out.jsonl")) == 6


def test_resuming_runs_what_is_missing_and_cuts_a_torn_line(tmp_path: Path) -> None:
    run(request(tmp_path, num_repeats=2))
    lines = (tmp_path / "out.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "out.jsonl").write_bytes(b"".join(lines[:5]) + lines[5][:40])
    agents = FakeAgent(), FakeAgent()
    collection = run(request(tmp_path, num_repeats=2, mode="resume"), *agents)
    assert keys(tmp_path / "out.jsonl") == [(task, repeat) for task in range(6) for repeat in range(2)]
    assert sum(len(agent.attempts) for agent in agents) == 7
    assert collection.progress.done == 12


def test_a_corrupt_line_in_the_middle_is_pointed_out(tmp_path: Path) -> None:
    run(request(tmp_path))
    lines = (tmp_path / "out.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "out.jsonl").write_text("".join([*lines[:2], "garbage\n", *lines[3:]]))
    with pytest.raises(OutputError, match=r"out.jsonl:3: not a rollout"):
        run(request(tmp_path, mode="resume"))


def test_stopping_finishes_what_is_in_flight_and_can_be_resumed(tmp_path: Path) -> None:
    async def go() -> None:
        agents = {"a": FakeAgent(delay_s=0.05), "b": FakeAgent(delay_s=0.05)}
        with Collection(request(tmp_path, rows=8, concurrency=2)) as collection:
            asyncio.get_running_loop().call_later(0.02, collection.stop)
            await collection.run(agents)

    asyncio.run(go())
    assert len(keys(tmp_path / "out.jsonl")) == 2
    run(request(tmp_path, rows=8, mode="resume"))
    assert keys(tmp_path / "out.jsonl") == [(task, 0) for task in range(8)]


def test_a_resumed_run_notices_what_has_changed(tmp_path: Path) -> None:
    run(request(tmp_path, setup={"model": {"name": "small"}}))
    with pytest.raises(OutputError, match=r"servers.model.name: was \"small\", is \"large\""):
        run(request(tmp_path, setup={"model": {"name": "large"}}, mode="resume"))
    with pytest.raises(OutputError, match=r"inputs.*in.jsonl: was"):
        run(request(tmp_path, rows=7, setup={"model": {"name": "small"}}, mode="resume"))
    run(request(tmp_path, rows=7, setup={"model": {"name": "large"}}, mode="force"))
    assert len(keys(tmp_path / "out.jsonl")) == 6


def test_a_rollout_that_is_there_twice_is_pointed_out(tmp_path: Path) -> None:
    run(request(tmp_path))
    lines = (tmp_path / "out.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "out.jsonl").write_text("".join([*lines, lines[0]]))
    with pytest.raises(OutputError, match="is there twice"):
        run(request(tmp_path, mode="resume"))


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


KILLED = """
import asyncio, sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from test_collect import FakeAgent, Collection, request
async def main(directory):
    agents = {"a": FakeAgent(delay_s=0.004), "b": FakeAgent(delay_s=0.006)}
    with Collection(request(directory, rows=60, concurrency=3, mode="resume")) as collection:
        print("running", flush=True)
        await collection.run(agents)
asyncio.run(main(Path(sys.argv[1])))
"""


def test_a_run_killed_again_and_again_ends_with_every_row_once(tmp_path: Path) -> None:
    kills = 0
    for delay_s in [0.01, 0.03, 0.02, 0.05, 0.04, 10.0, 10.0]:
        command = [sys.executable, "-c", KILLED, str(tmp_path), str(Path(__file__).parent), *sys.path]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert process.stdout is not None and process.stdout.readline() == b"running\n"
        try:
            process.wait(delay_s)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.wait()
        process.stdout.close()
    assert process.returncode == 0 and kills >= 3
    assert keys(tmp_path / "out.jsonl") == [(task, 0) for task in range(60)]


def test_what_is_not_finished_within_the_grace_time_is_cancelled_and_run_on_resume(tmp_path: Path) -> None:
    async def go() -> Collection:
        agents = {"a": FakeAgent(delay_s=0.05), "b": FakeAgent(delay_s=60)}
        with Collection(request(tmp_path, rows=8, concurrency=2)) as collection:
            asyncio.get_running_loop().call_later(0.02, collection.stop, 0.2)
            await collection.run(agents)
        return collection

    collection = asyncio.run(go())
    assert keys(tmp_path / "out.jsonl") == [(0, 0)]
    failures = read(tmp_path / "out_failures.jsonl")
    assert [(row["_ng_task_index"], row["_ng_failure_class"]) for row in failures] == [(1, "cancelled")]
    assert (collection.progress.done, collection.progress.failed) == (1, 0)
    run(request(tmp_path, rows=8, mode="resume"))
    assert keys(tmp_path / "out.jsonl") == [(task, 0) for task in range(8)]


def test_a_second_reason_to_stop_does_not_take_the_grace_time_away(tmp_path: Path) -> None:
    async def go() -> None:
        agents = {"a": FakeAgent(), "b": FakeAgent(delay_s=60)}
        with Collection(request(tmp_path, rows=4)) as collection:
            async with asyncio.TaskGroup() as group:
                group.create_task(collection.run(agents))
                while collection.progress.done < 2:  # noqa: ASYNC110
                    await asyncio.sleep(0.001)
                collection.stop(0.05)
                collection.stop()

    asyncio.run(go())

    assert keys(tmp_path / "out.jsonl") == [(0, 0), (2, 0)]
    assert [row["_ng_failure_class"] for row in read(tmp_path / "out_failures.jsonl")] == ["cancelled"] * 2


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
