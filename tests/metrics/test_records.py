"""What a rollout's record is taken to say."""

import math

import pytest

from polygym.metrics.records import Work, columns_of, numbers_of, reward_of, state_of, work_of
from polygym.protocol.rollouts import RolloutState


@pytest.mark.parametrize(
    ("record", "state"),
    [
        ({"reward": 0.0}, RolloutState.SCORED),
        ({"reward": True}, RolloutState.SCORED),
        ({"reward": 1, "rollout_state": "scored"}, RolloutState.SCORED),
        ({"reward": 1.0, "rollout_state": "masked"}, RolloutState.MASKED),
        ({"reward": 1.0, "mask_sample": True}, RolloutState.MASKED),
        ({"reward": 1.0, "instance_config": {"mask_sample": True}}, RolloutState.MASKED),
        ({"reward": 1.0, "rollout_state": "failed"}, RolloutState.FAILED),
        ({"reward": 1.0, "rollout_state": "unresolved"}, RolloutState.UNRESOLVED),
        ({"reward": 0.0, "_ng_failure_class": "judge_failed"}, RolloutState.FAILED),
        ({"reward": math.nan}, RolloutState.FAILED),
        ({"reward": math.inf, "rollout_state": "scored"}, RolloutState.FAILED),
        ({"reward": math.nan, "rollout_state": "masked"}, RolloutState.FAILED),
        ({"reward": None}, RolloutState.FAILED),
        ({"reward": "1.0"}, RolloutState.FAILED),
        ({}, RolloutState.FAILED),
    ],
)
def test_a_record_is_scored_only_with_a_finite_reward_and_no_failure(record: dict, state: RolloutState) -> None:
    assert state_of(record) is state
    assert (reward_of(record) is not None) == (state in (RolloutState.SCORED, RolloutState.MASKED))


def test_a_state_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="done"):
        state_of({"reward": 1.0, "rollout_state": "done"})


def test_numbers_are_finite_top_level_fields_and_token_counts() -> None:
    record = {
        "reward": 0.5,
        "is_correct": True,
        "length": 12,
        "broken": math.nan,
        "endless": math.inf,
        "name": "x",
        "nothing": None,
        "reward_components": {"format": 1, "content": 0.5, "broken": math.nan, "name": "x"},
        "_ng_task_index": 3,
        "_ng_attempt_index": 1,
        "response": {"usage": {"input_tokens": 7, "output_tokens": 2, "total_tokens": 9, "input_tokens_details": {}}},
    }

    assert numbers_of(record) == {
        "reward": 0.5,
        "is_correct": 1.0,
        "length": 12.0,
        "reward_components/format": 1.0,
        "reward_components/content": 0.5,
        "input_tokens": 7.0,
        "output_tokens": 2.0,
        "total_tokens": 9.0,
    }


def test_columns_hold_the_numbers_of_the_records_that_have_them() -> None:
    records = [
        {"reward": 1, "length": 5, "note": "x", "reward_components": {"format": 1.0}},
        {"reward": 0.5, "length": None, "note": 2, "response": {"usage": {"input_tokens": 3}}},
        {"reward": False, "broken": math.nan, "reward_components": "none"},
    ]

    assert columns_of(records) == {
        "reward": [1.0, 0.5, 0.0],
        "length": [5.0],
        "note": [2.0],
        "reward_components/format": [1.0],
        "input_tokens": [3.0],
    }
    assert columns_of([]) == {}


def test_a_field_stands_in_for_a_token_count_where_the_usage_has_none() -> None:
    records = [{"input_tokens": 5}, {"input_tokens": 9, "response": {"usage": {"input_tokens": 7}}}, {}]
    assert columns_of(records) == {"input_tokens": [5.0, 7.0]}
    assert [numbers_of(record) for record in records] == [{"input_tokens": 5.0}, {"input_tokens": 7.0}, {}]


def test_keys_that_are_no_text_are_read_as_they_are_written() -> None:
    record = {"reward": 1.0, 1: 2, 2: "x", "reward_components": {3: 0.5, "_ng_own": 1}}
    assert numbers_of(record) == {"reward": 1.0, "1": 2.0, "reward_components/3": 0.5, "reward_components/_ng_own": 1.0}


def test_components_that_are_no_object_add_no_numbers() -> None:
    assert numbers_of({"reward": 1.0, "reward_components": [1.0]}) == {"reward": 1.0}


@pytest.mark.parametrize("response", [None, "text", {}, {"usage": None}, {"usage": {"input_tokens": None}}])
def test_a_response_without_usage_adds_no_token_counts(response: object) -> None:
    assert numbers_of({"reward": 1.0, "response": response}) == {"reward": 1.0}


CALL = {"type": "function_call", "name": "look", "arguments": "{}"}
MESSAGE = {"type": "message", "role": "assistant", "content": []}


def tool_output(text: object) -> dict:
    return {"type": "function_call_output", "call_id": "1", "output": text}


@pytest.mark.parametrize(
    ("output", "work"),
    [
        ([], Work(0, 0, 0)),
        ([MESSAGE], Work(1, 0, 0)),
        ([{"type": "reasoning"}, CALL, tool_output("sunny"), MESSAGE], Work(2, 1, 0)),
        ([CALL, CALL, tool_output('{"error": "no"}'), tool_output('{"a": 1}'), MESSAGE], Work(2, 2, 1)),
        ([CALL, tool_output('{"error":"no"}'), CALL, tool_output('{"error":null}')], Work(2, 2, 1)),
        ([CALL, tool_output('{"error" torn')], Work(1, 1, 0)),
        ([CALL, tool_output([{"type": "input_text", "text": "x"}]), "garbage"], Work(2, 1, 0)),
    ],
)
def test_work_is_read_from_the_items_of_the_output(output: list, work: Work) -> None:
    assert work_of({"response": {"output": output}}) == work


@pytest.mark.parametrize("record", [{}, {"response": None}, {"response": {"usage": {}}}])
def test_without_an_output_the_work_is_unknown(record: dict) -> None:
    assert work_of(record) is None
