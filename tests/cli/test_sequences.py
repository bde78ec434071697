"""`gym dataset sequences`."""

from pathlib import Path

import pytest

from polygym.cli.program import run_program
from polygym.protocol.json import JsonObject, dumps, loads


def rollout(environment: str, *prompts: list[int]) -> JsonObject:
    answers = [
        {
            "type": "message",
            "role": "assistant",
            "content": [],
            "prompt_token_ids": prompt,
            "generation_token_ids": [7],
            "generation_log_probs": [-0.5],
        }
        for prompt in prompts
    ]
    return {
        "_ng_task_index": 3,
        "_ng_rollout_index": 1,
        "agent_ref": {"name": environment},
        "response": {"output": answers},
        "reward": 0.5,
        "rollout_state": "scored",
        "question": "?",
    }


def written(path: Path, *rows: JsonObject) -> Path:
    path.write_bytes(b"".join(dumps(row) + b"\n" for row in rows))
    return path


def test_sequences_are_written_with_what_a_trainer_needs_and_breaks_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = written(tmp_path / "a.jsonl", rollout("math", [1], [1, 7, 2]))
    second = written(tmp_path / "b.jsonl", rollout("code", [1], [2]))

    code = run_program(["dataset", "sequences", str(first), str(second), "--output", str(tmp_path / "out.jsonl")])

    assert code == 0
    shown = capsys.readouterr().out.splitlines()
    assert [line.split() for line in shown[1:3]] == [
        ["math", "1", "0", "2", "0", "1", "0", "2", "2"],
        ["code", "1", "0", "2", "0", "2", "1", "2", "2"],
    ]
    assert shown[3].endswith("out.jsonl: 3 sequences")
    rows = [loads(line) for line in (tmp_path / "out.jsonl").read_bytes().splitlines()]
    assert rows[0] == {
        "reward": 0.5,
        "rollout_state": "scored",
        "agent_ref": {"name": "math"},
        "_ng_task_index": 3,
        "_ng_rollout_index": 1,
        "sequence_index": 0,
        "token_ids": [1, 7, 2, 7],
        "loss_mask": [0, 1, 0, 1],
        "log_probs": [0.0, -0.5, 0.0, -0.5],
    }
    assert [row["sequence_index"] for row in rows] == [0, 0, 1]


def test_without_an_output_sequences_are_only_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rollouts = written(tmp_path / "a.jsonl", rollout("math", [1], [2]))

    assert run_program(["dataset", "sequences", str(rollouts), "--json"]) == 0

    assert loads(capsys.readouterr().out)["math"]["breaks"] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]


def test_a_rollout_whose_tokens_do_not_belong_together_is_named_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = rollout("math", [1])
    wrong["response"]["output"][0]["generation_log_probs"] = []
    rollouts = written(tmp_path / "a.jsonl", rollout("math", [1]), wrong)

    code = run_program(["dataset", "sequences", str(rollouts), "--output", str(tmp_path / "out.jsonl")])

    assert code == 2
    assert "a.jsonl:2: response.output[0]: 1 generated tokens need as many" in capsys.readouterr().err
    assert not (tmp_path / "out.jsonl").exists()


def test_rollouts_that_were_collected_without_token_ids_are_pointed_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plain = rollout("code", [1])
    for field in ("prompt_token_ids", "generation_token_ids", "generation_log_probs"):
        del plain["response"]["output"][0][field]
    silent = rollout("chat")
    rollouts = written(tmp_path / "a.jsonl", rollout("math", [1]), plain, silent)

    assert run_program(["dataset", "sequences", str(rollouts)]) == 0

    assert caplog.messages == ["code: no model call has token ids. Was return_token_id_information on?"]
