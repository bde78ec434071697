"""The Gymnasium agent between a scripted model and a staircase, reached by method calls and over HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer

from polygym import (
    Action,
    FailureClass,
    GymnasiumServer,
    JsonObject,
    RolloutContext,
    RolloutFailure,
    Session,
    Stage,
    Step,
    TaskFields,
    ToolError,
    function_call,
    new_response,
    new_usage,
    output_message,
    tool,
)
from polygym.channels.embedded import EmbeddedAgent, EmbeddedModel, EmbeddedResources
from polygym.channels.http import HttpResources, HttpServer
from polygym.fleet.serving import edge_app
from polygym.protocol.calls import Resources
from polygym.protocol.errors import ConfigError
from polygym.servers.models import ModelServer
from responses_api_agents.gymnasium_agent.app import GymnasiumAgent

CONFIG = Path(__file__).parent.parent / "configs" / "gymnasium_agent.yaml"
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


@asynccontextmanager
async def reached(stairs: Stairs, *, over_http: bool) -> AsyncIterator[Resources]:
    """The channel to the environment: method calls, or HTTP as to another process or machine."""
    channel = EmbeddedResources(stairs)
    if not over_http:
        yield channel
        return
    async with TestServer(edge_app(channel)) as server:
        connection = HttpServer("stairs", str(server.make_url("")))
        try:
            yield HttpResources(connection)
        finally:
            await connection.close()


def make_stairs(**fields: Any) -> Stairs:
    return Stairs("stairs", Stairs.parse_config(fields, "test"), World())


def roll_out(
    *turns: Any, row: JsonObject = ROW, over_http: bool = False, stairs: Stairs | None = None, **fields: Any
) -> tuple[JsonObject, ScriptedModel]:
    """The verified row of one rollout with a model that answers `turns`."""
    world, model = World(), ScriptedModel(*turns)

    async def main() -> JsonObject:
        async with reached(stairs or make_stairs(), over_http=over_http) as world.channel:
            world.policy = EmbeddedModel(model)
            config = GymnasiumAgent.parse_config({**REFERENCES, **fields}, "test")
            agent = EmbeddedAgent(GymnasiumAgent("stairs_gymnasium_agent", config, world))
            return await agent.run(row, RolloutContext("0-0"))

    return asyncio.run(main()), model


def says(text: str) -> list[JsonObject]:
    return [output_message(text, message_id="m1")]


def climbs(*call_ids: str, name: str = "climb", arguments: str = "{}") -> list[JsonObject]:
    return [function_call(name, arguments, call_id=each, item_id=f"fc_{each}") for each in call_ids]


def user(text: str) -> JsonObject:
    return {"type": "message", "role": "user", "content": text}


def output_of(call_id: str, text: str) -> JsonObject:
    return {"type": "function_call_output", "call_id": call_id, "output": text}


THOUGHT: JsonObject = {"type": "reasoning", "id": "r1", "summary": [], "encrypted_content": "abc"}
BOTTOM = user("You are at the bottom.")


@pytest.mark.parametrize("over_http", [False, True])
def test_texts_are_stepped_and_observations_shown_until_the_episode_is_over(over_http: bool) -> None:
    verified, model = roll_out([THOUGHT, *says("up")], says("up"), over_http=over_http)

    assert verified["response"]["output"] == [
        THOUGHT,
        *says("up"),
        user("Step 1."),
        *says("up"),
        user("You are at the top."),
    ]
    assert (verified["reward"], verified["steps"], verified["terminated"], verified["truncated"]) == (2, 2, True, False)
    task = [user("Climb."), BOTTOM]
    assert [request["input"] for request in model.requests] == [
        task,
        [*task, THOUGHT, *says("up"), user("Step 1.")],
    ]
    assert verified["response"]["status"] == "completed"
    assert verified["response"]["usage"]["total_tokens"] == 22


@pytest.mark.parametrize("over_http", [False, True])
def test_tool_calls_are_stepped_and_get_the_observations_as_their_outputs(over_http: bool) -> None:
    verified, model = roll_out(climbs("c1"), climbs("c2", "c3"), over_http=over_http)

    assert verified["response"]["output"] == [
        *climbs("c1"),
        output_of("c1", "Step 1."),
        *climbs("c2", "c3"),
        output_of("c2", "You are at the top."),
        output_of("c3", '{"error":"The episode is over."}'),
    ]
    assert verified["reward"] == 2.0
    assert [each["name"] for each in model.requests[0]["tools"]] == ["climb"]


def test_the_row_says_what_the_model_was_asked_and_offered() -> None:
    verified, model = roll_out(climbs("c1"))

    assert verified["responses_create_params"] == model.requests[0]
    assert ROW["responses_create_params"] == {"input": "Climb.", "temperature": 0.5}


def test_observations_may_be_pictures() -> None:
    _, model = roll_out(says("up"), row={**ROW, "picture": True})

    assert model.requests[0]["input"][-1]["content"] == [
        {"type": "input_image", "image_url": "data:image/png;base64,AA=="}
    ]


@pytest.mark.parametrize("over_http", [False, True])
def test_the_step_limit_truncates_the_episode_and_is_verified(over_http: bool) -> None:
    verified, model = roll_out(says("up"), row={**ROW, "steps_to_go": 9}, max_steps=3, over_http=over_http)

    assert len(model.requests) == 3
    assert verified["response"]["output"][-1] == user("Step 3.")
    assert verified["response"]["incomplete_details"] == {"reason": "max_steps"}
    assert (verified["reward"], verified["terminated"], verified["truncated"]) == (3.0, False, True)


def test_an_episode_that_is_over_at_the_step_limit_is_complete() -> None:
    verified, _ = roll_out(says("up"), max_steps=2)

    assert (verified["response"]["status"], verified["terminated"]) == ("completed", True)


def test_actions_without_sense_are_explained_to_the_model() -> None:
    verified, model = roll_out(says("down"), climbs("c1", name="fly"), climbs("c2", arguments="{"), climbs("c3"))

    shown = model.requests[3]["input"]
    assert shown[3] == user("Say up.")
    assert "There is no tool 'fly'" in json.loads(shown[5]["output"])["error"]
    assert "Invalid tool call arguments" in json.loads(shown[7]["output"])["error"]
    assert verified["invalid_actions"] == 3
    assert verified["terminated"] is True


@pytest.mark.parametrize(("output", "reason"), [([], "empty_output"), ([THOUGHT], "incomplete_reasoning")])
def test_a_turn_without_an_answer_ends_the_episode_as_incomplete(output: list[JsonObject], reason: str) -> None:
    verified, model = roll_out(says("up"), output)

    assert len(model.requests) == 2
    assert verified["response"]["status"] == "incomplete"
    assert verified["response"]["metadata"]["ng_termination_reason"] == reason
    assert (verified["reward"], verified["truncated"]) == (1.0, True)


def test_a_response_that_was_cut_short_is_not_acted_upon() -> None:
    cut: JsonObject = {"output": climbs("c1"), "incomplete_details": {"reason": "max_output_tokens"}}

    verified, _ = roll_out(cut)

    assert verified["response"]["output"] == climbs("c1")
    assert (verified["steps"], verified["reward"]) == (0, 0.0)


@pytest.mark.parametrize("over_http", [False, True])
@pytest.mark.parametrize(
    ("fields", "turn", "failure_class", "stage"),
    [
        ({"breaks_at": "reset"}, says("up"), FailureClass.SEED_ERROR, Stage.SEED),
        ({"breaks_at": "step"}, says("up"), FailureClass.TOOL_ERROR, Stage.TOOL),
        ({"breaks_at": "step"}, climbs("c1"), FailureClass.TOOL_ERROR, Stage.TOOL),
        ({"breaks_at": "verify"}, says("up"), FailureClass.VERIFIER_ERROR, Stage.VERIFY),
        ({"steps_to_go": "many"}, says("up"), FailureClass.SEED_ERROR, Stage.SEED),
        (
            {},
            RolloutFailure(FailureClass.MODEL_UNAVAILABLE, Stage.MODEL, "down"),
            FailureClass.MODEL_UNAVAILABLE,
            Stage.MODEL,
        ),
    ],
)
def test_failures_are_named_as_everywhere_and_the_session_is_closed(
    over_http: bool, fields: JsonObject, turn: Any, failure_class: FailureClass, stage: Stage
) -> None:
    stairs = make_stairs()

    with pytest.raises(RolloutFailure) as caught:
        roll_out(turn, row={**ROW, **fields}, over_http=over_http, stairs=stairs)

    assert (caught.value.failure_class, caught.value.stage) == (failure_class, stage)
    assert stairs.closed == (0 if fields.get("steps_to_go") else 1)


def test_a_lost_environment_is_named_so() -> None:
    async def main() -> None:
        world = World()
        connection = HttpServer("stairs", "http://127.0.0.1:9")
        world.channel, world.policy = HttpResources(connection), EmbeddedModel(ScriptedModel(says("up")))
        agent = GymnasiumAgent("agent", GymnasiumAgent.parse_config(REFERENCES, "test"), world)
        try:
            await agent.run(ROW, RolloutContext("0-0"))
        finally:
            await connection.close()

    with pytest.raises(RolloutFailure) as caught:
        asyncio.run(main())

    assert caught.value.failure_class is FailureClass.ENVIRONMENT_LOST


class ForeignStairs:
    """Another implementation's environment: only /reset, /step and /close, one cookie, the row in every body."""

    def __init__(self, step: Any = None) -> None:
        self.bodies: list[tuple[str, JsonObject]] = []
        self.step = step

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/{route}", self.answer)
        return app

    async def answer(self, request: web.Request) -> web.Response:
        route = request.match_info["route"]
        self.bodies.append((route, await request.json()))
        if route == "reset":
            info = {"supports_explicit_close": True}
            response = web.json_response({"observation": "You are at the bottom.", "info": info})
            response.set_cookie("Env___stairs", "abc")
            return response
        assert request.cookies["Env___stairs"] == "abc"
        if route != "step":
            return web.json_response({}, status=200 if route == "close" else 404)
        if self.step is not None:
            return web.json_response(self.step)
        count = sum(made == "step" for made, _ in self.bodies)
        outputs = [{"call_id": "c1", "output": "creak"}]
        return web.json_response(
            {
                "observation": f"Step {count}.",
                "reward": 0.5,
                "terminated": count == 2,
                "truncated": False,
                "info": {"tool_outputs": outputs} if count == 1 else {"height": 2},
            }
        )


def roll_out_abroad(foreign: ForeignStairs, *turns: Any, **fields: Any) -> JsonObject:
    async def main() -> JsonObject:
        world = World()
        async with TestServer(foreign.app()) as server:
            connection = HttpServer("stairs", str(server.make_url("")))
            world.channel, world.policy = HttpResources(connection), EmbeddedModel(ScriptedModel(*turns))
            config = GymnasiumAgent.parse_config({**REFERENCES, "begin_with": "reset", **fields}, "test")
            try:
                return await GymnasiumAgent("agent", config, world).run(ROW, RolloutContext("0-0"))
            finally:
                await connection.close()

    return asyncio.run(main())


def test_environments_of_other_implementations_are_reset_stepped_and_closed() -> None:
    foreign = ForeignStairs()

    verified = roll_out_abroad(foreign, climbs("c1"), says("up"))

    assert [route for route, _ in foreign.bodies] == ["reset", "step", "step", "close"]
    assert all(body["steps_to_go"] == 2 for route, body in foreign.bodies if route != "close")
    assert foreign.bodies[1][1]["response"]["output"] == climbs("c1")
    assert verified["response"]["output"] == [
        *climbs("c1"),
        output_of("c1", "creak"),
        user("Step 1."),
        *says("up"),
        user("Step 2."),
    ]
    assert (verified["reward"], verified["steps"], verified["terminated"]) == (1.0, 2, True)
    assert verified["info"] == {"height": 2}
    assert verified["responses_create_params"]["input"] == [user("Climb."), BOTTOM]


@pytest.mark.parametrize(
    "answer", [[1], "up", {"reward": "much"}, {"info": {"tool_outputs": [{}]}}, {"reward": None}, {"info": [1]}]
)
def test_answers_that_are_no_steps_are_failures_of_the_environment(answer: Any) -> None:
    foreign = ForeignStairs(step=answer)

    with pytest.raises(RolloutFailure) as caught:
        roll_out_abroad(foreign, says("up"))

    assert (caught.value.failure_class, caught.value.stage) == (FailureClass.TOOL_ERROR, Stage.TOOL)
    assert foreign.bodies[-1][0] == "close"


def test_an_environment_without_step_is_refused_with_a_hint() -> None:
    async def refuse(request: web.Request) -> web.Response:
        return web.json_response({}, status=200 if request.path != "/step" else 404)

    async def main() -> None:
        world, app = World(), web.Application()
        app.router.add_post("/{route}", refuse)
        async with TestServer(app) as server:
            connection = HttpServer("stairs", str(server.make_url("")))
            world.channel, world.policy = HttpResources(connection), EmbeddedModel(ScriptedModel(says("up")))
            agent = GymnasiumAgent("agent", GymnasiumAgent.parse_config(REFERENCES, "test"), world)
            try:
                await agent.run(ROW, RolloutContext("0-0"))
            finally:
                await connection.close()

    with pytest.raises(RolloutFailure, match="gymnasium_agent is for environments with reset and step"):
        asyncio.run(main())


def test_the_shipped_configuration_has_every_field_at_its_default() -> None:
    fields = yaml.safe_load(CONFIG.read_text())["gymnasium_agent"]["responses_api_agents"]["gymnasium_agent"]
    assert fields["resources_server"]["name"] == "???"

    config = GymnasiumAgent.parse_config(fields, "test")

    assert GymnasiumAgent.unknown_fields(config) == []
    references = {"resources_server": fields["resources_server"], "model_server": fields["model_server"]}
    assert config == GymnasiumAgent.parse_config(references, "test")


def test_a_step_limit_of_zero_is_refused() -> None:
    with pytest.raises(ConfigError, match="max_steps"):
        GymnasiumAgent.parse_config({**REFERENCES, "max_steps": 0}, "test")
