"""The Gymnasium agent between a scripted model and a staircase, reached by method calls and over HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp.test_utils import RawTestServer

from polygym import FailureClass, JsonObject, RolloutContext, RolloutFailure, Stage
from polygym.channels.embedded import EmbeddedAgent, EmbeddedModel, EmbeddedResources
from polygym.channels.http import HttpResources, HttpServer
from polygym.fleet.serving import edge_of_channel
from polygym.protocol.calls import Resources
from polygym.protocol.errors import ConfigError
from responses_api_agents.gymnasium_agent.app import GymnasiumAgent
from responses_api_agents.gymnasium_agent.tests.stairs import (
    BOTTOM,
    REFERENCES,
    ROW,
    ScriptedModel,
    Stairs,
    World,
    climbs,
    make_stairs,
    output_of,
    says,
    user,
)

CONFIG = Path(__file__).parent.parent / "configs" / "gymnasium_agent.yaml"


@asynccontextmanager
async def reached(stairs: Stairs, *, over_http: bool) -> AsyncIterator[Resources]:
    """The channel to the environment: method calls, or HTTP as to another process or machine."""
    channel = EmbeddedResources(stairs)
    if not over_http:
        yield channel
        return
    async with RawTestServer(edge_of_channel(channel).answer) as server:
        connection = HttpServer("stairs", str(server.make_url("")))
        try:
            yield HttpResources(connection)
        finally:
            await connection.close()


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


THOUGHT: JsonObject = {"type": "reasoning", "id": "r1", "summary": [], "encrypted_content": "abc"}


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
