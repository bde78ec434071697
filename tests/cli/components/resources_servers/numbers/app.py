"""Reward 1 for the expected number as the answer."""

from polygym import ResourcesServer, RolloutView, Session, TaskFields

__all__ = ["Numbers"]


class NumberTask(TaskFields):
    expected: str


class Numbers(ResourcesServer[NumberTask]):
    def verify(self, rollout: RolloutView, session: Session[NumberTask]) -> float:
        return float(rollout.final_text == session.task.expected)
