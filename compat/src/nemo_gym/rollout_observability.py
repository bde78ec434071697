"""What agents and model servers saw of a rollout: invocations, turns, calls, sandboxes, and what they could not see."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, Optional

from pydantic import BaseModel, ConfigDict, Field, model_validator

from nemo_gym.config_types import ModelServerRef
from nemo_gym.openai_types.items import NeMoGymResponseInputItem
from nemo_gym.openai_types.responses import NeMoGymResponse


class ObservationModel(BaseModel):
    """Base of all observations; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)


class ModelCallRef(ObservationModel):
    """A model call, by its id, or by server and response."""

    model_call_id: Optional[str] = None
    model_ref: Optional[ModelServerRef] = None
    response_id: Optional[str] = None

    @model_validator(mode="after")
    def validate_join_key(self) -> "ModelCallRef":
        """One of the two ways must be complete."""
        if not self.model_call_id and (self.model_ref is None or not self.response_id):
            raise ValueError("model_call_id or both model_ref and response_id are required")
        return self


class TrajectoryTokenStats(ObservationModel):
    """Tokens of a model call."""

    prompt_tokens: Optional[int] = Field(default=None, ge=0)
    completion_tokens: Optional[int] = Field(default=None, ge=0)
    reasoning_tokens: Optional[int] = Field(default=None, ge=0)
    total_tokens: Optional[int] = Field(default=None, ge=0)
    cached_tokens: Optional[int] = Field(default=None, ge=0)


class TrajectoryResponseMetadata(ObservationModel):
    """How a model call ended."""

    response_id: Optional[str] = None
    model_ref: Optional[ModelServerRef] = None
    model: Optional[str] = None
    dialect: Optional[str] = None
    status_code: Optional[int] = None
    response_status: Optional[str] = None
    finish_reason: Optional[str] = None
    error_category: Optional[str] = None
    latency_ttft_ms: Optional[float] = Field(default=None, ge=0)


class TrajectoryModelCall(ObservationModel):
    """A model call."""

    model_call_id: Optional[str] = None
    started_at: Optional[float] = None
    completed_at: Optional[float] = None
    duration_ms: Optional[float] = Field(default=None, ge=0)
    request: Optional[Any] = None
    response: Optional[Any] = None
    response_metadata: TrajectoryResponseMetadata = Field(default_factory=TrajectoryResponseMetadata)
    token_stats: TrajectoryTokenStats = Field(default_factory=TrajectoryTokenStats)


class TrajectoryTurn(ObservationModel):
    """One turn of an invocation."""

    invocation_id: str
    task_id: str
    rollout_id: str
    turn_no: int = Field(ge=1, description="Counted within the invocation.")
    timestamp: float
    question: Optional[Any] = None
    answer: Optional[Any] = None
    reasoning_content: Optional[Any] = None
    resolved: Optional[bool] = None
    step_count: int = Field(ge=0, description="Steps of the invocation so far.")
    model_calls: list[ModelCallRef] = Field(default_factory=list)


class AgentInvocation(ObservationModel):
    """One conversation of an agent or of one that it started."""

    kind: Literal["agent_invocation"] = "agent_invocation"
    invocation_id: str
    parent_invocation_id: Optional[str] = None
    spawned_by_tool_call_id: Optional[str] = None
    status: Literal["completed", "failed", "incomplete", "unknown"] = Field(
        default="unknown", description="What the harness says of it."
    )
    duration_ms: Optional[float] = Field(default=None, ge=0)
    error_type: Optional[str] = None
    model_calls: list[ModelCallRef] = Field(default_factory=list)
    conversation: list[NeMoGymResponseInputItem] = Field(
        default_factory=list, description="Its items, as far as the harness shows them."
    )


class ToolCallObservation(ObservationModel):
    """One tool call's time and outcome."""

    kind: Literal["tool_call"] = "tool_call"
    invocation_id: str
    tool_call_id: str
    sandbox_id: Optional[str] = Field(default=None, description="The sandbox it ran in, with others perhaps.")
    tool_name: Optional[str] = None
    started_at: Optional[float] = None
    completed_at: Optional[float] = None
    duration_ms: Optional[float] = Field(default=None, ge=0)
    timing_source: Optional[Literal["executor", "artifact", "harness"]] = None
    status: Literal["completed", "failed", "timeout", "cancelled", "incomplete", "unknown"] = "unknown"
    error_type: Optional[str] = None

    @model_validator(mode="after")
    def validate_timing(self) -> "ToolCallObservation":
        """It does not end before it starts."""
        if self.started_at is not None and self.completed_at is not None and self.completed_at < self.started_at:
            raise ValueError("completed_at must not precede started_at")
        return self


class TrajectoryToolCall(ToolCallObservation):
    """The same with what the model saw."""

    output: Optional[Any] = None


class SandboxObservation(ObservationModel):
    """A sandbox's outcome and what it used."""

    kind: Literal["sandbox"] = "sandbox"
    role: Literal["agent", "verifier", "environment"]
    provider: Optional[str] = None
    sandbox_id: Optional[str] = None
    outcome: Literal["completed", "failed", "timeout", "oom", "sandbox_error", "cancelled", "unknown"] = "unknown"
    exit_code: Optional[int] = None
    wall_time_s: Optional[float] = Field(default=None, ge=0)
    cpu_time_s: Optional[float] = Field(default=None, ge=0, description="Of the whole sandbox, measured.")
    peak_memory_mib: Optional[float] = Field(default=None, ge=0, description="Measured, not the limit.")
    resource_usage_source: Optional[str] = None
    error_type: Optional[str] = None


class ContextCompactionObservation(ObservationModel):
    """A conversation was shortened."""

    kind: Literal["context_compaction"] = "context_compaction"
    invocation_id: str
    observed_at: Optional[float] = None
    trigger: Optional[str] = None
    tokens_before: Optional[int] = Field(default=None, ge=0, description="As the harness counts.")
    tokens_after: Optional[int] = Field(default=None, ge=0, description="As the harness counts.")
    outcome: Literal["completed", "failed", "aborted", "unknown"] = "unknown"
    summary: Optional[str] = None
    first_kept_item_id: Optional[str] = None
    before_model_call: Optional[ModelCallRef] = Field(default=None, description="The last call before.")
    model_calls: list[ModelCallRef] = Field(default_factory=list, description="The calls that did it.")
    after_model_call: Optional[ModelCallRef] = Field(default=None, description="The first call after.")


class ObservationGap(ObservationModel):
    """Something that could not be observed, or not be told whose it is."""

    code: str
    invocation_id: Optional[str] = None
    detail: Optional[str] = None


AgentObservationRecord = Annotated[
    AgentInvocation | ToolCallObservation | ContextCompactionObservation | SandboxObservation,
    Field(discriminator="kind"),
]


class AgentObservationBundle(ObservationModel):
    """What one agent server observed of one rollout."""

    source: str
    records: list[AgentObservationRecord] = Field(default_factory=list, description="In no order.")
    gaps: list[ObservationGap] = Field(default_factory=list)

    @model_validator(mode="after")
    def validate_identity(self) -> "AgentObservationBundle":
        """Invocations are told apart, and none is its own ancestor. Parents need not have been observed."""
        invocations = [record for record in self.records if isinstance(record, AgentInvocation)]
        parents = {one.invocation_id: one.parent_invocation_id for one in invocations}
        if len(parents) != len(invocations):
            raise ValueError("invocation_id must be unique within an observation bundle")
        for start in parents:
            ancestor, steps = parents[start], 0
            while ancestor in parents:
                ancestor, steps = parents[ancestor], steps + 1
                if steps > len(parents):
                    raise ValueError("parent_invocation_id must not form a cycle")
        return self


class TrajectoryRecord(ObservationModel):
    """A rollout with everything that was observed of it."""

    schema_version: Literal["1.0"] = "1.0"
    task_id: str
    rollout_id: str
    invocations: list[AgentInvocation] = Field(default_factory=list)
    turns: list[TrajectoryTurn] = Field(default_factory=list)
    model_calls: list[TrajectoryModelCall] = Field(default_factory=list)
    tool_calls: list[TrajectoryToolCall] = Field(default_factory=list)
    gaps: list[ObservationGap] = Field(default_factory=list)

    @model_validator(mode="after")
    def validate_identity(self) -> "TrajectoryRecord":
        """Ids are unique, and turns belong to the rollout."""
        _require_unique(
            [one.invocation_id for one in self.invocations], "invocation_id must be unique within a trajectory"
        )
        calls = [call.model_call_id for call in self.model_calls if call.model_call_id]
        _require_unique(calls, "model_call_id must be unique within a trajectory")
        if any((turn.task_id, turn.rollout_id) != (self.task_id, self.rollout_id) for turn in self.turns):
            raise ValueError("turn identity must match the trajectory")
        turns = [(turn.invocation_id, turn.turn_no) for turn in self.turns]
        _require_unique(turns, "turn number must be unique within an invocation")
        return self


def _require_unique(values: list[Any], complaint: str) -> None:
    if len(set(values)) != len(values):
        raise ValueError(complaint)


@dataclass(frozen=True, slots=True)
class AgentEpisode:
    """What an agent answered, and what it observed."""

    response: NeMoGymResponse
    observations: AgentObservationBundle


from nemo_gym.observation_joining import join_model_call_observations
