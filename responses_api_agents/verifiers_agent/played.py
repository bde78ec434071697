"""What an environment of the library makes of a rollout. The same for both generations of the library."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from polygym import FailureClass, JsonObject, RolloutFailure, Stage
from responses_api_agents.verifiers_agent.bridge import Bridge
from responses_api_agents.verifiers_agent.recording import Recording

_ERRORS: Final[dict[str, tuple[FailureClass, Stage]]] = {
    "InfraError": (FailureClass.ENVIRONMENT_LOST, Stage.TOOL),
    "SandboxError": (FailureClass.ENVIRONMENT_LOST, Stage.TOOL),
    "TunnelError": (FailureClass.ENVIRONMENT_LOST, Stage.TOOL),
    "ToolError": (FailureClass.TOOL_ERROR, Stage.TOOL),
    "ToolsetError": (FailureClass.TOOL_ERROR, Stage.TOOL),
    "TaskError": (FailureClass.VERIFIER_ERROR, Stage.VERIFY),
    "TimeoutError": (FailureClass.TIMEOUT, Stage.ROLLOUT),
}
"""What the library's errors are here; `agent_error` for all others."""


@dataclass(frozen=True, slots=True)
class Problem:
    """An error that the library has recorded in place of a reward."""

    kind: str
    """Name of its class."""
    message: str

    def failure(self) -> RolloutFailure:
        """The error as the rollout engine knows it."""
        failure_class, stage = _ERRORS.get(self.kind, (FailureClass.AGENT_ERROR, Stage.AGENT))
        return RolloutFailure(failure_class, stage, f"verifiers: {self.kind}: {self.message}")


@dataclass(frozen=True, slots=True)
class Played:
    """A rollout that the library has played and scored."""

    reward: float
    metrics: dict[str, float] = field(default_factory=dict)
    fields: JsonObject = field(default_factory=dict)
    """Further fields of the output row."""
    conversation: list[JsonObject] = field(default_factory=list)
    """All chat messages, when the library keeps them as such."""
    problem: Problem | None = None


class LibraryEnvironment(ABC):
    """An environment of the library, loaded."""

    @abstractmethod
    async def play(self, row: JsonObject, recording: Recording, bridge: Bridge) -> Played:
        """One rollout of the task that the row names. Raises InputError for a row without a task."""

    @abstractmethod
    def rows(self) -> Iterator[JsonObject]:
        """A row for each task of the environment, without `vf_env_id`."""

    @abstractmethod
    async def close(self) -> None:
        """Let go of what it holds."""
