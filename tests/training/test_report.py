"""Counts of token sequences, by environment."""

from polygym.protocol.json import JsonObject
from polygym.training.report import token_reports


def rollout(environment: str | None, *calls: tuple[list[int], list[int]]) -> JsonObject:
    items = [
        {
            "type": "message",
            "role": "assistant",
            "content": [],
            "prompt_token_ids": prompt,
            "generation_token_ids": generated,
            "generation_log_probs": [-1.0] * len(generated),
        }
        for prompt, generated in calls
    ]
    row: JsonObject = {"response": {"output": items}}
    return row if environment is None else {**row, "agent_ref": {"name": environment}}


def test_breaks_are_counted_by_environment() -> None:
    whole = rollout("math", ([1], [2]), ([1, 2, 3], [4, 5]))
    broken = rollout("code", ([1], [2]), ([1, 9], [4]), ([1, 9, 4], [5]))

    reports = token_reports([whole, broken, whole])

    assert list(reports) == ["math", "code"]
    assert reports["math"].to_json() == {
        "rollouts": 2,
        "without_tokens": 0,
        "calls": 4,
        "calls_without_tokens": 0,
        "sequences": 2,
        "breaks": 0,
        "rollouts_with_breaks": 0,
        "read_tokens": 4,
        "generated_tokens": 6,
    }
    assert (reports["math"].read_tokens, reports["math"].generated_tokens) == (4, 6)
    assert (reports["code"].sequences, reports["code"].breaks, reports["code"].rollouts_with_breaks) == (2, 1, 1)


def test_rollouts_without_tokens_are_counted_apart() -> None:
    silent = {"response": {"output": [{"type": "message", "role": "assistant", "content": []}]}}

    (report,) = token_reports([silent, rollout(None, ([1], [2]))]).values()

    assert (report.rollouts, report.without_tokens, report.calls_without_tokens, report.sequences) == (2, 1, 1, 1)


def test_a_row_of_no_environment_is_counted_under_none() -> None:
    assert list(token_reports([rollout(None), {**rollout(None), "agent_ref": "math"}])) == ["none"]
