"""How far a run is, by environment: counts that a display may read at any time."""

from dataclasses import dataclass, field

from polygym.protocol.failures import RolloutFailure


@dataclass
class AgentProgress:
    """One agent's rollouts in this run."""

    total: int
    """Planned, those that an earlier run finished included."""
    done: int = 0
    """Ended with a reward, those of an earlier run included."""
    failed: int = 0
    """Ended without one."""
    retried: int = 0
    """Attempts that failed and are tried again."""
    reward_sum: float = 0.0
    scored: int = 0
    """Rollouts that `reward_sum` is over: those of this run."""
    last_failure: RolloutFailure | None = None

    @property
    def mean_reward(self) -> float | None:
        """Over this run's rewards; None before the first."""
        return self.reward_sum / self.scored if self.scored else None


@dataclass
class Progress:
    """All agents of a run."""

    agents: dict[str, AgentProgress] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Planned rollouts."""
        return sum(agent.total for agent in self.agents.values())

    @property
    def done(self) -> int:
        """Rollouts with a reward."""
        return sum(agent.done for agent in self.agents.values())

    @property
    def failed(self) -> int:
        """Rollouts that ended without one."""
        return sum(agent.failed for agent in self.agents.values())
