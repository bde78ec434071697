"""A staircase to climb, a scripted model that climbs it, and the directory that knows both."""

from typing import Any, Literal

from polygym import (
    Action,
    GymnasiumServer,
    JsonObject,
    RolloutContext,
    RolloutFailure,
    Session,
    Step,
    TaskFields,
    ToolError,
    function_call,
    new_response,
    new_usage,
    output_message,
    tool,
)
from polygym.channels.embedded import EmbeddedModel
from polygym.protocol.calls import Resources
from polygym.servers.models import ModelServer

ROW: JsonObject = {"responses_create_params": {"input": "Climb.", "temperature": 0.5}, "steps_to_go": 2}


class StairsTask(TaskFields):
    steps_to_go: int = 2
    picture: bool = False
    breaks_at: Literal["reset", "step", "verify"] | None = None


class Stairs(GymnasiumServer[StairsTask, list[str]]):
    """A reward for each step up; at the top it is over."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.closed = 0

    def reset(self, session: Session[StairsTask, list[str]]) -> tuple[Any, JsonObject]:
        if session.task.breaks_at == "reset":
            raise OSError("no stairs")
        if session.task.picture:
            return [{"type": "input_image", "image_url": "data:image/png;base64,AA=="}], {}
        return "You are at the bottom.", {}

    @tool
    def climb(self, session: Session[StairsTask, list[str]]) -> Step:
        """One step up."""
        if session.task.breaks_at == "step":
            raise OSError("the step is rotten")
        session.state.append("up")
        is_top = len(session.state) == session.task.steps_to_go
        return Step("You are at the top." if is_top else f"Step {len(session.state)}.", 1.0, terminated=is_top)

    def step(self, action: Action, session: Session[StairsTask, list[str]]) -> Step:
        if action.text != "up":
            raise ToolError("Say up.")
        return self.climb(session)

    def verify(self, rollout: Any, session: Session[StairsTask, list[str]]) -> Any:
        if session.task.breaks_at == "verify":
            raise OSError("no scales")
        return super().verify(rollout, session)

    def close_session(self, session: Session[StairsTask, list[str]]) -> None:
        self.closed += 1


class ScriptedModel(ModelServer):
    """Gives prepared outputs in turn, the last one for ever, and keeps what it was asked."""

    def __init__(self, *turns: Any) -> None:
        super().__init__("policy_model", ModelServer.parse_config({}, "test"), World())
        self.turns = turns
        self.requests: list[JsonObject] = []

    async def responses(self, params: JsonObject, context: RolloutContext) -> JsonObject:
        self.requests.append(params)
        turn = self.turns[min(len(self.requests), len(self.turns)) - 1]
        if isinstance(turn, RolloutFailure):
            raise turn
        if isinstance(turn, dict):
            return turn
        return new_response(params, turn, model="scripted", usage=new_usage(10, 1))


class World:
    """A directory with one environment and one model."""

    channel: Resources
    policy: EmbeddedModel

    def resources(self, ref: Any) -> Resources:
        return self.channel

    def model(self, ref: Any) -> EmbeddedModel:
        return self.policy

    def agent(self, ref: Any) -> Any:
        raise NotImplementedError


REFERENCES: JsonObject = {
    "resources_server": {"type": "resources_servers", "name": "stairs"},
    "model_server": {"type": "responses_api_models", "name": "policy_model"},
}


def make_stairs(**fields: Any) -> Stairs:
    return Stairs("stairs", Stairs.parse_config(fields, "test"), World())


def says(text: str) -> list[JsonObject]:
    return [output_message(text, message_id="m1")]


def climbs(*call_ids: str, name: str = "climb", arguments: str = "{}") -> list[JsonObject]:
    return [function_call(name, arguments, call_id=each, item_id=f"fc_{each}") for each in call_ids]


def user(text: str) -> JsonObject:
    return {"type": "message", "role": "user", "content": text}


def output_of(call_id: str, text: str) -> JsonObject:
    return {"type": "function_call_output", "call_id": call_id, "output": text}


BOTTOM = user("You are at the bottom.")
