"""The Gymnasium agent in environments of other implementations, and where there is none."""

import asyncio
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from polygym import FailureClass, JsonObject, RolloutContext, RolloutFailure, Stage
from polygym.channels.embedded import EmbeddedModel
from polygym.channels.http import HttpResources, HttpServer
from responses_api_agents.gymnasium_agent.app import GymnasiumAgent
from responses_api_agents.gymnasium_agent.tests.stairs import (
    BOTTOM,
    REFERENCES,
    ROW,
    ScriptedModel,
    World,
    climbs,
    output_of,
    says,
    user,
)


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
