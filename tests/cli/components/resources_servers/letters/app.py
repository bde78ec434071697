"""Reward 1 for an answer in capital letters."""

from polygym import JsonObject, ResourcesServer, ResourcesServerConfig, RolloutView, Session

__all__ = ["Letters"]


class LettersConfig(ResourcesServerConfig):
    are_metrics_broken: bool = False


class Letters(ResourcesServer):
    config: LettersConfig

    def verify(self, rollout: RolloutView, session: Session) -> float:
        return float(rollout.final_text.isupper())

    def compute_metrics(self, tasks: list[list[JsonObject]]) -> JsonObject:
        if self.config.are_metrics_broken:
            raise ValueError("no metrics today")
        return {}
