"""One record of everything that was observed of a rollout: by its agent, and by the capture of its model calls.

What one source lacks another fills in; what no source has becomes a gap, never a guess.
"""

import logging
from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from nemo_gym.keys import ROLLOUT_INDEX_KEY_NAME, TASK_INDEX_KEY_NAME
from nemo_gym.rollout_correlation import maybe_rollout_id_from_run_body
from nemo_gym.rollout_observability import (
    AgentInvocation,
    AgentObservationBundle,
    ObservationGap,
    ToolCallObservation,
    TrajectoryModelCall,
    TrajectoryRecord,
    TrajectoryResponseMetadata,
    TrajectoryToolCall,
    TrajectoryTurn,
)

TRAJECTORY: Final = "ng_trajectory"
OBSERVATIONS: Final = "ng_agent_observations"
CAPTURE: Final = "ng_model_call_capture"
PAYLOADS: Final = ("request", "response", "request_raw", "response_raw")
"""What makes captured calls large."""
TASK_NAMES: Final = ("task_id", "problem_id", "instance_id")
"""Fields of a row that may name its task, the first first."""
TOKEN_FIELDS: Final = {
    "prompt_tokens": "tokens_in",
    "completion_tokens": "tokens_out",
    "reasoning_tokens": "tokens_reasoning",
    "total_tokens": "tokens_total",
    "cached_tokens": "cached_tokens",
}
"""Token counts of a trajectory's call, by the names that the capture gives them."""

Fields = dict[str, Any]
log = logging.getLogger("nemo_gym.trajectory")


def is_observed(result: Mapping[str, Any]) -> bool:
    """Whether anything was observed of a rollout."""
    return any(key in result for key in (CAPTURE, OBSERVATIONS, TRAJECTORY))


def has_gap(result: Mapping[str, Any], code: str) -> bool:
    """Whether the agent says that something with this code is missing."""
    for key in (TRAJECTORY, OBSERVATIONS):
        observed = result.get(key)
        gaps = observed.get("gaps") if isinstance(observed, Mapping) else None
        if isinstance(gaps, list) and any(isinstance(gap, Mapping) and gap.get("code") == code for gap in gaps):
            return True
    return False


def identity_of(row: Mapping[str, Any]) -> tuple[str, str]:
    """Task and rollout of a row. Raises KeyError when it says neither, ValueError for an id that cannot be one."""
    named = next((row[name] for name in TASK_NAMES if row.get(name) is not None), None)
    task_id = str(row[TASK_INDEX_KEY_NAME] if named is None else named)
    rollout_id = maybe_rollout_id_from_run_body(row)
    return task_id, rollout_id or f"{row[TASK_INDEX_KEY_NAME]}-{row[ROLLOUT_INDEX_KEY_NAME]}"


def attach_trajectory_record(row: Mapping[str, Any], result: Fields) -> None:
    """Put the record into `result`, which keeps what was captured apart from the payloads that the record now has.

    When there is trouble `result` says so in a gap and keeps the payloads.
    """
    try:
        record = build_trajectory_record(row, result)
        result[TRAJECTORY] = record.model_dump(mode="json")
    except Exception as error:
        log.warning("the trajectory of a rollout could not be put together", exc_info=True)
        result.pop(TRAJECTORY, None)
        _note_failure(row, result, ObservationGap(code="trajectory_projection_failed", detail=type(error).__name__))
        return
    for call in _captured(result).get("calls") or ():
        if isinstance(call, dict):
            for payload in PAYLOADS:
                call.pop(payload, None)


def _note_failure(row: Mapping[str, Any], result: Fields, gap: ObservationGap) -> None:
    places = [result[key] for key in (CAPTURE, OBSERVATIONS) if isinstance(result.get(key), dict)]
    gaps = places[0].setdefault("gaps", []) if places else None
    if isinstance(gaps, list):
        gaps.append(gap.model_dump(mode="json", exclude_none=True))
        return
    try:
        task_id, rollout_id = identity_of(row)
    except (KeyError, ValueError):
        log.warning("a rollout has no identity that its gap could be noted under", exc_info=True)
        return
    result[TRAJECTORY] = TrajectoryRecord(task_id=task_id, rollout_id=rollout_id, gaps=[gap]).model_dump(mode="json")


def without_observations(result: Mapping[str, Any]) -> Fields:
    """The result as it is shown to others: no trajectory, no payloads of captured calls."""
    shown = {key: value for key, value in result.items() if key not in {TRAJECTORY, CAPTURE}}
    capture = result.get(CAPTURE)
    if isinstance(capture, Mapping):
        kept = {key: value for key, value in capture.items() if key != "calls"}
        calls = capture.get("calls")
        if isinstance(calls, list):
            kept["calls"] = [
                {key: value for key, value in call.items() if key not in PAYLOADS}
                for call in calls
                if isinstance(call, Mapping)
            ]
        shown[CAPTURE] = kept
    return shown


def build_trajectory_record(row: Mapping[str, Any], result: Mapping[str, Any]) -> TrajectoryRecord:
    """The record, from the agent's own trajectory, its observations, and the captured calls, each where present."""
    assembly = _Assembly(*identity_of(row))
    if isinstance(result.get(TRAJECTORY), dict):
        assembly.take_trajectory(result[TRAJECTORY])
    if result.get(OBSERVATIONS) is not None:
        assembly.take_observations(result[OBSERVATIONS])
    assembly.take_capture(_captured(result))
    return assembly.record()


def _captured(result: Mapping[str, Any]) -> Mapping[str, Any]:
    capture = result.get(CAPTURE)
    return capture if isinstance(capture, Mapping) else {}


class _Assembly:
    """A record in the making."""

    def __init__(self, task_id: str, rollout_id: str) -> None:
        self._task_id, self._rollout_id = task_id, rollout_id
        self._gaps: list[ObservationGap] = []
        self._invocations: list[AgentInvocation] = []
        self._turns: list[TrajectoryTurn] = []
        self._calls: list[TrajectoryModelCall] = []
        self._tools: list[TrajectoryToolCall] = []

    def _gap(self, code: str, detail: str | None = None) -> None:
        self._gaps.append(ObservationGap(code=code, detail=detail))

    def take_trajectory(self, fields: Fields) -> None:
        """What the agent put together itself; the row says whose it is."""
        try:
            told = TrajectoryRecord.model_validate(fields)
        except ValidationError as error:
            self._gap("producer_trajectory_invalid", type(error).__name__)
            return
        mine = {"task_id": self._task_id, "rollout_id": self._rollout_id}
        wrong = [name for name, value in mine.items() if getattr(told, name) != value]
        if wrong:
            self._gap("producer_trajectory_identity_mismatch", ",".join(wrong))
        self._turns = [turn.model_copy(update=mine) for turn in told.turns] if wrong else list(told.turns)
        self._gaps.extend(told.gaps)
        self._invocations = list(told.invocations)
        self._tools, self._calls = list(told.tool_calls), list(told.model_calls)

    def take_observations(self, fields: Any) -> None:
        """Invocations that are new, and what is told of tool calls."""
        try:
            bundle = AgentObservationBundle.model_validate(fields)
            self._gaps.extend(bundle.gaps)
            known = {one.invocation_id for one in self._invocations}
            for record in bundle.records:
                if isinstance(record, AgentInvocation) and record.invocation_id not in known:
                    self._invocations.append(record)
            self._take_tools([record for record in bundle.records if isinstance(record, ToolCallObservation)])
        except ValidationError as error:
            self._gap("agent_observations_invalid", type(error).__name__)

    def _take_tools(self, observed: list[ToolCallObservation]) -> None:
        outputs = {
            (invocation.invocation_id, item.call_id): item.output
            for invocation in self._invocations
            for item in invocation.conversation
            if item.type == "function_call_output"
        }
        places = {(tool.invocation_id, tool.tool_call_id): index for index, tool in enumerate(self._tools)}
        for tool in observed:
            key = (tool.invocation_id, tool.tool_call_id)
            place = places.get(key)
            before = None if place is None else self._tools[place]
            fields = before.model_dump(mode="json") if before else {}
            told = tool.model_dump(mode="json", exclude_none=True)
            if before and before.status != "unknown" and tool.status == "unknown":
                del told["status"]
            fields |= told
            if key in outputs:
                fields["output"] = outputs[key]
            merged = TrajectoryToolCall.model_validate(fields)
            if place is None:
                places[key] = len(self._tools)
                self._tools.append(merged)
            else:
                self._tools[place] = merged

    def take_capture(self, capture: Mapping[str, Any]) -> None:
        """Calls that passed through a model server: each once, over what the agent told of it."""
        places = {call.model_call_id: index for index, call in enumerate(self._calls) if call.model_call_id}
        for fields in capture.get("calls") or ():
            if isinstance(fields, Mapping):
                call = _captured_call(fields)
                place = places.pop(call.model_call_id, None) if call.model_call_id else None
                if place is None:
                    self._calls.append(call)
                else:
                    self._calls[place] = _over(self._calls[place], call)
        for gap in capture.get("gaps") or ():
            if isinstance(gap, Mapping):
                try:
                    self._gaps.append(ObservationGap.model_validate(gap))
                except ValidationError:
                    self._gap("model_call_capture_gap_invalid")

    def record(self) -> TrajectoryRecord:
        """The record, with a gap for each part that nobody had."""
        if not self._calls:
            self._gap("model_calls_unavailable")
        if not self._turns:
            self._gap("turns_unavailable")
        if not any(invocation.conversation for invocation in self._invocations):
            self._gap("conversation_unavailable")
        return TrajectoryRecord(
            task_id=self._task_id,
            rollout_id=self._rollout_id,
            invocations=self._invocations,
            turns=sorted(self._turns, key=lambda turn: (turn.timestamp, turn.invocation_id, turn.turn_no)),
            model_calls=self._calls,
            tool_calls=self._tools,
            gaps=list({(gap.code, gap.invocation_id, gap.detail): gap for gap in self._gaps}.values()),
        )


def _captured_call(fields: Mapping[str, Any]) -> TrajectoryModelCall:
    response = fields.get("response")
    metadata = {name: fields[name] for name in TrajectoryResponseMetadata.model_fields if fields.get(name) is not None}
    if isinstance(response, Mapping) and isinstance(response.get("status"), str):
        metadata.setdefault("response_status", response["status"])
    counts = {name: fields.get(captured) for name, captured in TOKEN_FIELDS.items()}
    return TrajectoryModelCall.model_validate(
        {
            "model_call_id": fields.get("model_call_id"),
            "started_at": fields.get("started_at"),
            "completed_at": fields.get("completed_at"),
            "duration_ms": fields.get("latency_total_ms"),
            "request": _first(fields.get("request"), fields.get("request_raw")),
            "response": _first(response, fields.get("response_raw")),
            "response_metadata": metadata,
            "token_stats": {name: count for name, count in counts.items() if type(count) is int and count >= 0},
        }
    )


def _first(value: Any, otherwise: Any) -> Any:
    return otherwise if value is None else value


def _over(before: TrajectoryModelCall, call: TrajectoryModelCall) -> TrajectoryModelCall:
    """`before` with everything that `call` knows in its place."""
    merged, told = before.model_dump(mode="json"), call.model_dump(mode="json", exclude_none=True)
    for name in ("response_metadata", "token_stats"):
        merged[name] |= told.pop(name)
    return TrajectoryModelCall.model_validate(merged | told)
