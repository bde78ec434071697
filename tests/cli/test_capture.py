"""`--capture-model-calls`: the file beside the rollouts, wherever the model server lives."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.cli.commands import COMPONENTS, ECHO, Ended, model_endpoint, names_in, rows, write_rows

GymHere: TypeAlias = Callable[..., Ended]

TASKS = [{"responses_create_params": {"input": text}, "agent_ref": {"name": "letters_agent"}} for text in "ABCDEFGH"]
KEY = "sk-very-secret-key"


def run(gym_here: GymHere, url: str, folder: Path, *arguments: str) -> Ended:
    where = ("--search-dir", str(COMPONENTS), "--resources-server", "letters", "--model-type", "openai_model")
    write_rows(folder / "tasks.jsonl", *TASKS, {**TASKS[0], "responses_create_params": {"input": f"My key is {KEY}"}})
    what = ("-m", "tiny", "--model-url", url, "--model-api-key", KEY, "-i", "tasks.jsonl", "-o", "out.jsonl")
    return gym_here("eval", "run", *where, *what, *arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--capture-model-calls",),
        ("+observability_enabled=true",),
        ("--capture-model-calls", "--workers", "2"),
        ("--capture-model-calls", "++policy_model.responses_api_models.openai_model.placement=process"),
    ],
)
def test_every_call_is_written_down_wherever_its_server_lives(
    gym_here: GymHere, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    with model_endpoint() as (url, requests):
        done = run(gym_here, url, tmp_path, *arguments)

    assert done.returncode == 0, done.stderr
    calls = rows(tmp_path / "out_model_calls.jsonl")
    assert Counter(call["rollout_id"] for call in calls) == Counter(f"{task}-0" for task in range(9))
    assert {call["request"]["input"] for call in calls} == {*"ABCDEFGH", "My key is ****"}
    assert {call["usage"]["output_tokens"] for call in calls} == {20}
    assert KEY not in (tmp_path / "out_model_calls.jsonl").read_text()
    assert {call["endpoint_requests"][0]["status"] for call in calls} == {200}
    assert len(requests) == 9
    for row in rows(tmp_path / "out.jsonl"):
        summed = row["ng_model_call_capture"]
        assert summed["rollout_id"] == f"{row['_ng_task_index']}-0"
        assert summed["metrics"]["model_calls"] == 1 and summed["metrics"]["latency_s"] > 0
    assert f"calls:    {Path('out_model_calls.jsonl')}" in done.stdout


def test_the_file_goes_on_with_the_run_and_is_replaced_with_it(gym_here: GymHere, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    field = "++policy_model.responses_api_models.echo"
    what = ("eval", "run", "--resources-server", "letters", *ECHO, "-o", "out.jsonl")
    failing = (f"{field}.gate={gate}", f"{field}.fails_at=b", "--capture-model-calls")

    first = gym_here(*what, *failing)
    calls = (tmp_path / "out_model_calls.jsonl").read_text()
    (tmp_path / "out_model_calls.jsonl").write_text(calls + '{"torn')
    gate.touch()
    second = gym_here(*what, *failing, "--resume")
    whole = (tmp_path / "out_model_calls.jsonl").read_text()
    third = gym_here(*what, "--overwrite")

    assert (first.returncode, second.returncode, third.returncode) == (3, 0, 0)
    assert sorted(json.loads(line)["status"] for line in calls.splitlines()) == ["completed", "failed"]
    assert whole.startswith(calls) and len(whole.splitlines()) == 3
    assert "out_model_calls.jsonl" not in names_in(tmp_path)


def test_without_the_option_nothing_is_written_down(gym_here: GymHere, tmp_path: Path) -> None:
    with model_endpoint() as (url, _):
        run(gym_here, url, tmp_path)

    assert "out_model_calls.jsonl" not in names_in(tmp_path)
    assert "ng_model_call_capture" not in rows(tmp_path / "out.jsonl")[0]
