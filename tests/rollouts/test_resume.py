"""Runs that are stopped, killed, resumed or repeated, and the output that is there already."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from polygym.protocol.errors import OutputError, UserError
from polygym.rollouts.collect import Collection
from tests.rollouts.small_runs import FakeAgent, keys, read, request, run, unavailable


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


KILLED = """
import asyncio, sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from polygym.rollouts.collect import Collection
from tests.rollouts.small_runs import FakeAgent, request
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
        command = [sys.executable, "-c", KILLED, str(tmp_path), *sys.path]
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
