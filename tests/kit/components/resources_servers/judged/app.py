"""Asks a judge whether an answer is right."""

from polygym import ModelServerRef, ResourcesServer, ResourcesServerConfig, RolloutView, Session, TaskFields
from polygym.protocol.calls import RolloutContext
from polygym.protocol.items import output_text


class JudgedConfig(ResourcesServerConfig):
    judge_model_server: ModelServerRef


class JudgedTask(TaskFields):
    answer: str


class Judged(ResourcesServer[JudgedTask]):
    config: JudgedConfig

    async def verify(self, rollout: RolloutView, session: Session[JudgedTask]) -> float:
        judge = self.directory.model(self.config.judge_model_server)
        asked = f"Is '{rollout.final_text}' the same as '{session.task.answer}'?"
        response = await judge.responses({"input": asked}, RolloutContext(session.rollout_id))
        return float(output_text(response["output"]) == "yes")
