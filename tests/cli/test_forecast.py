"""What `gym eval run` checks and says before the first model call, and `--dry-run`, which stops there."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.commands import (
    COMPONENTS,
    ECHO,
    Ended,
    free_port,
    gym,
    gym_running,
    interrupt,
    model_endpoint,
    names_in,
    read_until,
    rows,
    write_rows,
)

LETTERS = ("--resources-server", "letters", *ECHO)
BOTH = ("--resources-server", "numbers", *LETTERS)
ECHO_FIELD = "++policy_model.responses_api_models.echo"
OPENAI = ("--search-dir", str(COMPONENTS), "--resources-server", "letters", "--model-type", "openai_model", "-m", "m")


def task(text: str, agent: str, **fields: object) -> dict[str, object]:
    return {"responses_create_params": {"input": text}, "agent_ref": {"name": agent}, **fields}


def test_a_dry_run_checks_everything_calls_no_model_and_leaves_nothing(tmp_path: Path) -> None:
    with model_endpoint() as (url, requests):
        done = gym("eval", "run", *OPENAI, "--model-url", url, "--dry-run", "-o", "deep/er/out.jsonl", cwd=tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert requests == []
    assert "policy_model: its endpoint is there" in done.stdout
    assert "2 rollouts to run with 1 agent, 2 model calls or more." in done.stdout
    assert names_in(tmp_path) == []


def test_a_dry_run_needs_no_output_and_says_what_each_agent_has_to_do(
    tmp_path: Path, gym_here: Callable[..., Ended]
) -> None:
    tools = {"input": "7", "tools": [{"type": "function", "name": "add"}]}
    with_tools = {"responses_create_params": tools, "expected": "7", "agent_ref": {"name": "numbers_agent"}}
    write_rows(tmp_path / "in.jsonl", task("A", "letters_agent"), with_tools)

    done = gym_here("eval", "run", *BOTH, "-i", "in.jsonl", "--num-repeats", "3", "--dry-run")

    assert done.returncode == 0
    table = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines()}
    assert table["letters_agent"] == ["3", "3", "or", "more", "TaskFields"]
    assert table["numbers_agent"] == ["3", "6", "or", "more", "NumberTask"]
    assert "policy_model: not probed" in done.stdout
    assert names_in(tmp_path) == ["in.jsonl"]


def test_a_dry_run_leaves_an_output_that_exists_alone(tmp_path: Path, gym_here: Callable[..., Ended]) -> None:
    failed = gym_here("eval", "run", *BOTH, f"{ECHO_FIELD}.fails_at=b", "-o", "out.jsonl")
    with (tmp_path / "out.jsonl").open("a") as output:
        output.write('{"torn')
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}

    refused = gym_here("eval", "run", *BOTH, "--dry-run", "-o", "out.jsonl")
    resumed = gym_here("eval", "run", *BOTH, f"{ECHO_FIELD}.fails_at=b", "--dry-run", "--resume", "-o", "out.jsonl")
    replaced = gym_here("eval", "run", *BOTH, "--dry-run", "--overwrite", "-o", "out.jsonl")

    assert (failed.returncode, refused.returncode, resumed.returncode, replaced.returncode) == (3, 2, 0, 0)
    assert "1 rollout to run (4 of 5 are done)" in resumed.stdout
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_dry_run_on_a_running_fleet_says_what_it_cannot_check(tmp_path: Path) -> None:
    head = f"++head_server.port={free_port()}"
    write_rows(tmp_path / "in.jsonl", task("A", "letters_agent"))
    with gym_running("env", "start", *LETTERS, head, cwd=tmp_path) as process:
        read_until(process, "Ctrl-C")
        done = gym("eval", "run", "--no-serve", head, "-i", "in.jsonl", "--dry-run", cwd=tmp_path)
        interrupt(process)

    assert done.returncode == 0
    assert "nothing: its environment is in another process" in done.stdout


@pytest.mark.parametrize("is_dry", [True, False])
def test_a_row_that_does_not_fit_its_environment_is_named_before_anything_runs(
    tmp_path: Path, gym_here: Callable[..., Ended], is_dry: bool
) -> None:
    good, bad = task("1", "numbers_agent", expected="1"), task("2", "numbers_agent", expected=2)
    write_rows(tmp_path / "in.jsonl", task("A", "letters_agent"), good, bad)

    done = gym_here("eval", "run", *BOTH, "-i", "in.jsonl", "-o", "out.jsonl", *(["--dry-run"] if is_dry else []))

    assert done.returncode == 2
    assert "in.jsonl:3: the row does not fit NumberTask: expected: " in done.stderr
    assert (done.stdout, names_in(tmp_path)) == ("", ["in.jsonl"])


@pytest.mark.parametrize("is_dry", [True, False])
@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_is_refused_is_found_before_anything_runs(tmp_path: Path, status: int, is_dry: bool) -> None:
    with model_endpoint(probe_status=status) as (url, requests):
        arguments = (*OPENAI, "--model-url", url, "-o", "out.jsonl", *(["--dry-run"] if is_dry else []))
        done = gym("eval", "run", *arguments, cwd=tmp_path)

    assert done.returncode == 2
    assert f"{url}/models answered {status}" in done.stderr and "Check the API key" in done.stderr
    assert (requests, names_in(tmp_path)) == ([], [])


@pytest.mark.parametrize("status", [200, 404, 405, 429, 500, 501])
def test_any_other_answer_to_the_probe_will_do(tmp_path: Path, status: int) -> None:
    with model_endpoint(probe_status=status) as (url, _):
        done = gym("eval", "run", *OPENAI, "--model-url", url, "-o", "out.jsonl", cwd=tmp_path)

    assert (done.returncode, done.stderr) == (0, "")


def test_nobody_at_the_endpoint_is_found_by_a_dry_run(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}/v1"

    done = gym("eval", "run", *OPENAI, "--model-url", url, "--dry-run", cwd=tmp_path)

    assert done.returncode == 2
    assert url in done.stderr and "cannot be reached" in done.stderr and "Traceback" not in done.stderr


def test_an_endpoint_that_is_waited_for_may_come_up_after_the_run(tmp_path: Path) -> None:
    port = free_port()
    arguments = (*OPENAI, "--model-url", f"http://127.0.0.1:{port}/v1", "-o", "out.jsonl", "--wait-for-model", "30")
    with gym_running("eval", "run", *arguments, cwd=tmp_path) as process:
        assert process.stderr is not None
        said = process.stderr.readline()
        assert names_in(tmp_path) == [".out.jsonl.lock", ".out_materialized_inputs.jsonl.unfinished"]
        with model_endpoint(port=port):
            process.communicate(timeout=20)

    assert "policy_model: waiting 30 s at most for its endpoint: " in said
    assert process.returncode == 0
    assert len(rows(tmp_path / "out.jsonl")) == 2


def test_waiting_for_an_endpoint_ends(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}/v1"

    done = gym("eval", "run", *OPENAI, "--model-url", url, "-o", "out.jsonl", "--wait-for-model", "0.1", cwd=tmp_path)

    assert done.returncode == 2
    assert "cannot be reached" in done.stderr
    assert names_in(tmp_path) == []


def test_the_beginning_says_how_much_there_is_to_do(tmp_path: Path) -> None:
    failing = (*BOTH, f"{ECHO_FIELD}.fails_at=b", "-o", "out.jsonl")
    first = gym("eval", "run", *failing, cwd=tmp_path)
    resumed = gym("eval", "run", *failing, "--resume", cwd=tmp_path)

    assert first.stdout.startswith("5 rollouts to run with 2 agents, 5 model calls or more.\n")
    assert resumed.stdout.startswith("1 rollout to run (4 of 5 are done) with 1 agent, 1 model call or more.\n")
