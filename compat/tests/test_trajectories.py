"""Trajectory records: what agents and captured calls tell of a rollout, in one place."""

from typing import Any

from nemo_gym.rollout_observability import TrajectoryRecord
from nemo_gym.trajectory_records import attach_trajectory_record, build_trajectory_record, without_observations

ROW = {"_ng_task_index": 4, "_ng_rollout_index": 1, "instance_id": 0}


def observed() -> dict[str, Any]:
    conversation = [
        {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "a door"},
    ]
    invocation = {"kind": "agent_invocation", "invocation_id": "main", "conversation": conversation}
    tool = {"kind": "tool_call", "invocation_id": "main", "tool_call_id": "c1", "status": "completed"}
    return {"source": "harness", "records": [invocation, tool], "gaps": [{"code": "no_sandbox"}]}


def captured(**more: Any) -> dict[str, Any]:
    call = {"model_call_id": "m1", "response_id": "r1", "request": {"input": "q"}, "response": {"status": "completed"}}
    return {"calls": [{**call, "latency_total_ms": 5.0, "tokens_in": 7, "cached_tokens": None, **more}]}


def test_a_record_joins_observations_and_captured_calls() -> None:
    record = build_trajectory_record(ROW, {"ng_agent_observations": observed(), "ng_model_call_capture": captured()})
    assert (record.task_id, record.rollout_id) == ("0", "4-1")
    assert [(tool.tool_call_id, tool.output) for tool in record.tool_calls] == [("c1", "a door")]
    (call,) = record.model_calls
    assert (call.request, call.duration_ms, call.token_stats.prompt_tokens) == ({"input": "q"}, 5.0, 7)
    assert (call.response_metadata.response_id, call.response_metadata.response_status) == ("r1", "completed")
    assert [gap.code for gap in record.gaps] == ["no_sandbox", "turns_unavailable"]


def test_what_was_captured_goes_over_what_the_agent_told_and_the_row_says_whose_it_is() -> None:
    told = TrajectoryRecord(task_id="other", rollout_id="4-1").model_dump()
    told["model_calls"] = [{"model_call_id": "m1", "started_at": 2.0, "token_stats": {"completion_tokens": 9}}]
    told["turns"] = [
        {"invocation_id": "main", "task_id": "other", "rollout_id": "4-1", "turn_no": turn, "timestamp": time}
        | {"step_count": 1}
        for turn, time in ((2, 20.0), (1, 10.0))
    ]
    record = build_trajectory_record(ROW, {"ng_trajectory": told, "ng_model_call_capture": captured()})
    (call,) = record.model_calls
    assert (call.started_at, call.token_stats.prompt_tokens, call.token_stats.completion_tokens) == (2.0, 7, 9)
    assert [(turn.turn_no, turn.task_id) for turn in record.turns] == [(1, "0"), (2, "0")]
    assert ("producer_trajectory_identity_mismatch", "task_id") in {(gap.code, gap.detail) for gap in record.gaps}


def test_payloads_move_into_the_record_and_stay_where_it_cannot_be_made() -> None:
    result: dict[str, Any] = {"ng_model_call_capture": captured()}
    attach_trajectory_record(ROW, result)
    assert "request" not in result["ng_model_call_capture"]["calls"][0]
    assert result["ng_trajectory"]["model_calls"][0]["request"] == {"input": "q"}
    twice = {"calls": captured()["calls"] * 2}
    broken: dict[str, Any] = {"ng_model_call_capture": twice}
    attach_trajectory_record(ROW, broken)
    assert "ng_trajectory" not in broken
    assert broken["ng_model_call_capture"]["calls"][0]["request"] == {"input": "q"}
    assert broken["ng_model_call_capture"]["gaps"][0]["code"] == "trajectory_projection_failed"


def test_what_is_shown_to_others_has_no_payloads() -> None:
    shown = without_observations({"reward": 1.0, "ng_trajectory": {}, "ng_model_call_capture": captured()})
    assert shown.keys() == {"reward", "ng_model_call_capture"}
    assert shown["ng_model_call_capture"]["calls"][0].keys() & {"request", "response"} == set()
