"""Ctrl-C and SIGTERM while a collection runs, and how it looks in a terminal meanwhile."""

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.commands import ECHO, environment, free_port, gym, gym_running, interrupt, names_in, rows, wait_for

LETTERS = ("--resources-server", "letters", *ECHO)
ECHO_FIELD = "++policy_model.responses_api_models.echo"


def slow_run(gate: Path) -> tuple[str, ...]:
    """A run of four rollouts, two of which wait for the file `gate`."""
    waiting = (f"{ECHO_FIELD}.gate={gate}", f"{ECHO_FIELD}.waits_at=b")
    return ("eval", "run", *LETTERS, "-o", "out.jsonl", "--num-repeats", "2", "--concurrency", "1", *waiting)


def test_the_first_ctrl_c_finishes_what_is_in_flight(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with gym_running(*slow_run(gate), cwd=tmp_path) as process:
        wait_for(tmp_path / "gate.waiting")
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        said = process.stderr.readline()
        gate.touch()
        _, err = process.communicate()

    assert said.startswith("Finishing the rollouts in flight")
    assert process.returncode == 130
    assert "3 of 4 rollouts have a reward" in err and "--resume" in err and "Traceback" not in err
    assert [row["responses_create_params"]["input"] for row in rows(tmp_path / "out.jsonl")] == ["A", "A", "b"]
    assert (tmp_path / "out_aggregate_metrics.json").exists()


def test_what_is_not_finished_within_the_grace_time_is_cancelled_and_resumed(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with gym_running(*slow_run(gate), "--grace-s", "0.1", cwd=tmp_path) as process:
        wait_for(tmp_path / "gate.waiting")
        code, _, err = interrupt(process)
    written = names_in(tmp_path)
    cut_short = rows(tmp_path / "out.jsonl")
    gate.touch()
    resumed = gym(*slow_run(gate), "--resume", cwd=tmp_path)

    assert code == 130
    assert err.startswith("Finishing the rollouts in flight, for 0.1 s at most")
    assert "2 of 4 rollouts have a reward. Missing: 2 not run to the end." in err
    assert "out_aggregate_metrics.json" in written
    failed = [row["_ng_failure_class"] for row in rows(tmp_path / "out_failures.jsonl")]
    assert (len(cut_short), failed) == (2, ["cancelled"])
    assert resumed.returncode == 0
    keys = [(row["_ng_task_index"], row["_ng_rollout_index"]) for row in rows(tmp_path / "out.jsonl")]
    assert sorted(keys) == [(0, 0), (0, 1), (1, 0), (1, 1)]


def test_ctrl_c_while_the_endpoint_is_waited_for_leaves_everything_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "out.jsonl").write_text("precious\n")
    where = ("--search-dir", ECHO[1], "--resources-server", "letters", "--model-type", "openai_model", "-m", "m")
    waiting = ("--model-url", f"http://127.0.0.1:{free_port()}/v1", "--wait-for-model", "60")
    with gym_running("eval", "run", *where, *waiting, "-o", "out.jsonl", "--overwrite", cwd=tmp_path) as process:
        assert process.stderr is not None
        process.stderr.readline()
        code, out, err = interrupt(process)

    assert (code, out) == (130, "")
    assert "nothing was written" in err and "Traceback" not in err
    assert names_in(tmp_path) == ["out.jsonl"]
    assert (tmp_path / "out.jsonl").read_text() == "precious\n"


@pytest.mark.parametrize(("signals", "code"), [((signal.SIGINT, signal.SIGINT), 130), ((signal.SIGTERM,), 143)])
def test_a_run_that_is_cut_short_resumes_to_the_same_rows(
    tmp_path: Path, signals: tuple[signal.Signals, ...], code: int
) -> None:
    gate = tmp_path / "gate"
    with gym_running(*slow_run(gate), cwd=tmp_path) as process:
        wait_for(tmp_path / "gate.waiting")
        assert process.stderr is not None
        for number in signals[:-1]:
            process.send_signal(number)
            process.stderr.readline()
        ended, _, err = interrupt(process, signals[-1])
    cut_short = rows(tmp_path / "out.jsonl")
    gate.touch()
    resumed = gym(*slow_run(gate), "--resume", cwd=tmp_path)

    assert ended == code
    assert "2 of 4 rollouts have a reward" in err and "Traceback" not in err
    assert len(cut_short) == 2
    assert resumed.returncode == 0
    found = rows(tmp_path / "out.jsonl")
    assert found[:2] == cut_short
    assert sorted((row["_ng_task_index"], row["_ng_rollout_index"]) for row in found) == [
        (0, 0),
        (0, 1),
        (1, 0),
        (1, 1),
    ]


def test_ctrl_c_before_anything_has_ended_leaves_nothing(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with gym_running(*slow_run(gate), f"{ECHO_FIELD}.waits_at='*'", cwd=tmp_path) as process:
        wait_for(tmp_path / "gate.waiting")
        code, _, err = interrupt(process, signal.SIGTERM)

    assert code == 143
    assert "nothing was written" in err
    assert names_in(tmp_path) == ["gate.waiting"]


def test_a_terminal_gets_a_table_while_the_run_goes_on(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    controller, terminal = pty.openpty()
    command = [sys.executable, "-m", "polygym.cli", *slow_run(gate)]
    with subprocess.Popen(command, cwd=tmp_path, env=environment(), stdout=terminal, stderr=terminal) as process:
        shown = b""
        while b"2/4" not in shown:
            shown += os.read(controller, 4096)
        gate.touch()
        assert process.wait() == 0
    os.close(terminal)
    os.close(controller)

    assert b"mean reward" in shown
    assert b"letters_agent" in shown
