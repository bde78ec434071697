"""The simple agent between a scripted model and a small environment that keeps count."""

import asyncio
import copy
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from polygym import (
    FailureClass,
    JsonObject,
    RolloutContext,
    RolloutFailure,
    RolloutView,
    Stage,
    function_call,
    new_response,
    new_usage,
    output_message,
)
from polygym.protocol.calls import AgentServerRef, ModelServerRef, ResourcesServerRef, ToolResult
from polygym.protocol.errors import ConfigError
from polygym.protocol.tasks import with_offered_tools
from responses_api_agents.simple_agent.app import SimpleAgent

CONFIG = Path(__file__).parent.parent / "configs" / "simple_agent.yaml"


class Counter:
    """An environment with one tool that adds up numbers; the reward is the total."""

    def __init__(self) -> None:
        self.seed: JsonObject = {}
        self.row: JsonObject = {}
        self.offered: list[JsonObject] = []
        self.total = 0
        self.opened = 0
        self.closed = 0

    @asynccontextmanager
    async def open(self, row: JsonObject, context: RolloutContext) -> AsyncIterator["Counter"]:
        self.row = with_offered_tools(row, {"tools": self.offered})
        self.opened += 1
        try:
            yield self
        finally:
            await self.close()

    @asynccontextmanager
    async def attach(self, context: RolloutContext) -> AsyncIterator["Counter"]:
        yield self

    async def call_tool(self, name: str, arguments: JsonObject) -> ToolResult:
        if name != "add" or "number" not in arguments:
            return ToolResult(json.dumps({"error": f"{name} needs a number"}), is_error=True)
        self.total += arguments["number"]
        return ToolResult(f"total {self.total}", is_error=False)

    async def verify(self, response: JsonObject) -> JsonObject:
        return {**self.row, "response": response, "reward": float(self.total)}

    async def close(self) -> None:
        self.closed += 1

    async def aggregate_metrics(self, verify_responses: list[JsonObject]) -> JsonObject:
        return {"agent_metrics": {"rows": len(verify_responses)}}


class ScriptedModel:
    """Gives prepared outputs in turn, the last one for ever, and keeps what it was asked."""

    def __init__(self, *turns: list[JsonObject] | JsonObject | RolloutFailure) -> None:
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

    async def chat_completions(self, params: JsonObject, context: RolloutContext) -> JsonObject:
        raise NotImplementedError


class World:
    """A directory with one environment and one model."""

    def __init__(self, model: ScriptedModel) -> None:
        self.scripted = model
        self.counter = Counter()

    def resources(self, ref: ResourcesServerRef) -> Counter:
        assert ref.name == "counter"
        return self.counter

    def model(self, ref: ModelServerRef) -> ScriptedModel:
        assert ref.name == "policy_model"
        return self.scripted

    def agent(self, ref: AgentServerRef) -> Any:
        raise NotImplementedError


ROW: JsonObject = {"responses_create_params": {"input": "count", "temperature": 0.5, "own": 1}, "answer": 42}


def make(world: World, **fields: Any) -> SimpleAgent:
    """An agent in `world`."""
    references = {
        "resources_server": {"type": "resources_servers", "name": "counter"},
        "model_server": {"type": "responses_api_models", "name": "policy_model"},
    }
    return SimpleAgent("counter_simple_agent", SimpleAgent.parse_config({**references, **fields}, "test"), world)


def roll_out(
    *turns: list[JsonObject] | JsonObject | RolloutFailure, row: JsonObject = ROW, **fields: Any
) -> tuple[JsonObject, World]:
    """The verified row of one rollout with a model that answers `turns`."""
    world = World(ScriptedModel(*turns))
    return asyncio.run(make(world, **fields).run(row, RolloutContext("0-0"))), world


def add(number: Any, call_id: str = "c1") -> JsonObject:
    return function_call("add", json.dumps({"number": number}), call_id=call_id, item_id=f"fc_{call_id}")


def call(name: str, arguments: str, call_id: str = "c1") -> JsonObject:
    return function_call(name, arguments, call_id=call_id, item_id=f"fc_{call_id}")


def output_of(call_id: str, text: str) -> JsonObject:
    return {"type": "function_call_output", "call_id": call_id, "output": text}


DONE = output_message("done", message_id="msg_1")
THOUGHT: JsonObject = {"type": "reasoning", "id": "r1", "summary": [], "encrypted_content": "abc"}


def test_an_answer_without_tool_calls_ends_the_rollout() -> None:
    verified, world = roll_out([DONE])

    assert verified["response"]["output"] == [DONE]
    assert verified["response"]["status"] == "completed"
    assert verified["answer"] == 42
    assert len(world.scripted.requests) == 1
    assert world.counter.closed == 1


def test_tool_outputs_go_back_to_the_model_and_every_item_into_the_response() -> None:
    verified, world = roll_out([THOUGHT, add(2)], [add(3, "c2")], [DONE])

    steps = [THOUGHT, add(2), output_of("c1", "total 2"), add(3, "c2"), output_of("c2", "total 5")]
    assert verified["response"]["output"] == [*steps, DONE]
    assert verified["reward"] == 5
    user = {"role": "user", "content": "count", "type": "message"}
    assert [request["input"] for request in world.scripted.requests] == [[user], [user, *steps[:3]], [user, *steps]]


def test_every_call_asks_with_the_tasks_parameters() -> None:
    _, world = roll_out([add(1)], [DONE])

    for request in world.scripted.requests:
        assert {**request, "input": None} == {"input": None, "temperature": 0.5, "own": 1}


@pytest.mark.parametrize("skip_verification", [False, True])
def test_the_tools_that_the_environment_offers_go_to_the_model_and_into_the_row(skip_verification: bool) -> None:
    world = World(ScriptedModel([add(1)], [DONE]))
    world.counter.offered = [{"type": "function", "name": "add", "parameters": {}}]
    agent = make(world, skip_verification=skip_verification)

    verified = asyncio.run(agent.run(ROW, RolloutContext("0-0")))

    assert [request["tools"] for request in world.scripted.requests] == [world.counter.offered] * 2
    assert verified["responses_create_params"]["tools"] == world.counter.offered
    assert "tools" not in ROW["responses_create_params"]


def test_usage_is_summed_over_the_steps() -> None:
    verified, _ = roll_out([add(1)], [add(1)], [DONE])

    usage = verified["response"]["usage"]
    assert (usage["input_tokens"], usage["output_tokens"], usage["total_tokens"]) == (30, 3, 33)


def test_parallel_calls_are_carried_out_in_their_order() -> None:
    verified, _ = roll_out([add(1, "c1"), add(2, "c2"), add(3, "c3")], [DONE])

    outputs = [item for item in verified["response"]["output"] if item["type"] == "function_call_output"]
    assert outputs == [output_of("c1", "total 1"), output_of("c2", "total 3"), output_of("c3", "total 6")]


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (call("add", '{"number": '), "Invalid tool call arguments: "),
        (call("add", "[1]"), "Invalid tool call arguments: arguments must be a JSON object"),
        (call("add", "nonsense"), "Invalid tool call arguments: "),
        (call("add", ""), "add needs a number"),
        (call("subtract", "{}"), "subtract needs a number"),
    ],
)
def test_what_is_wrong_with_a_call_comes_back_to_the_model(made: JsonObject, said: str) -> None:
    verified, world = roll_out([made], [add(7)], [DONE])

    output = world.scripted.requests[1]["input"][-1]
    assert output["call_id"] == "c1"
    assert said in json.loads(output["output"])["error"]
    assert verified["reward"] == 7


def test_the_step_limit_ends_the_rollout_as_incomplete() -> None:
    verified, world = roll_out([add(1)], max_steps=3)

    assert len(world.scripted.requests) == 3
    assert verified["reward"] == 3
    assert verified["response"]["status"] == "incomplete"
    assert verified["response"]["incomplete_details"] == {"reason": "max_steps"}
    assert verified["response"]["output"][-1] == output_of("c1", "total 3")


def test_an_answer_at_the_step_limit_is_complete() -> None:
    verified, _ = roll_out([add(1)], [DONE], max_steps=2)

    assert verified["response"]["status"] == "completed"
    assert verified["response"]["incomplete_details"] is None


def test_without_a_step_limit_the_model_decides() -> None:
    verified, world = roll_out(*([[add(1)]] * 150), [DONE], max_steps=None)

    assert len(world.scripted.requests) == 151
    assert verified["reward"] == 150


def test_a_response_that_was_cut_short_ends_the_rollout_without_calling_its_tools() -> None:
    cut: JsonObject = {
        "output": [call("add", '{"numb')],
        "status": "incomplete",
        "incomplete_details": {"reason": "max_output_tokens"},
    }

    verified, world = roll_out(cut)

    assert len(world.scripted.requests) == 1
    assert verified["response"]["output"] == cut["output"]
    assert verified["response"]["incomplete_details"] == {"reason": "max_output_tokens"}


@pytest.mark.parametrize(
    ("output", "reason"),
    [([], "empty_output"), ([THOUGHT], "incomplete_reasoning"), ([THOUGHT] * 2, "incomplete_reasoning")],
)
def test_a_turn_without_an_answer_ends_the_rollout_as_incomplete(output: list[JsonObject], reason: str) -> None:
    turn = {**new_response({"metadata": {"own": "kept"}}, output, model="m"), "usage": None}

    verified, world = roll_out([add(1)], turn)

    assert len(world.scripted.requests) == 2
    assert verified["response"]["status"] == "incomplete"
    assert verified["response"]["metadata"] == {"own": "kept", "ng_termination_reason": reason}
    assert not RolloutView(ROW["responses_create_params"], verified["response"]).is_complete


def test_items_of_unknown_kinds_pass_through() -> None:
    unknown: JsonObject = {"type": "hologram_call", "id": "h1", "beam": {"colour": "blue"}}
    message: JsonObject = {**DONE, "prompt_token_ids": [1, 2], "generation_token_ids": [3]}

    verified, world = roll_out([unknown, add(1)], [message])

    assert verified["response"]["output"][0] == unknown
    assert verified["response"]["output"][-1] == message
    assert world.scripted.requests[1]["input"][1] == unknown


def test_neither_the_row_nor_a_response_of_the_model_is_changed() -> None:
    row = {"responses_create_params": {"input": [{"role": "user", "content": "count"}], "metadata": {"a": "b"}}}
    turn = new_response({}, [add(1)], model="m", usage=new_usage(1, 1))
    row_before, turn_before = copy.deepcopy(row), copy.deepcopy(turn)

    roll_out(turn, row=row, max_steps=2)

    assert row == row_before
    assert turn == turn_before


def test_what_the_model_was_asked_stays_as_it_was_while_the_rollout_goes_on() -> None:
    _, world = roll_out([add(1)], [add(1)], [DONE])

    assert [len(request["input"]) for request in world.scripted.requests] == [1, 3, 5]


def test_a_failing_model_fails_the_rollout_and_closes_the_session() -> None:
    failure = RolloutFailure(FailureClass.MODEL_UNAVAILABLE, Stage.MODEL, "down")
    world = World(ScriptedModel([add(1)], failure))

    with pytest.raises(RolloutFailure, match="down"):
        asyncio.run(make(world).run(ROW, RolloutContext("0-0")))

    assert world.counter.closed == 1


def test_verification_can_be_skipped() -> None:
    verified, world = roll_out([add(5)], [DONE], skip_verification=True, skip_verification_reward=0.25)

    assert verified["reward"] == 0.25
    assert verified["verification_skipped"] is True
    assert verified["answer"] == 42
    assert len(verified["response"]["output"]) == 3
    assert world.counter.closed == 1


def test_the_conversation_alone_uses_the_callers_session_and_is_not_verified() -> None:
    world = World(ScriptedModel([add(2)], [DONE]))
    params = ROW["responses_create_params"]

    response = asyncio.run(make(world).responses(params, RolloutContext("0-0")))

    assert response["output"] == [add(2), output_of("c1", "total 2"), DONE]
    assert "reward" not in response
    assert (world.counter.opened, world.counter.closed) == (0, 0)


def test_metrics_are_the_environments() -> None:
    world = World(ScriptedModel([DONE]))

    assert asyncio.run(make(world).aggregate_metrics([{}, {}])) == {"agent_metrics": {"rows": 2}}


def test_a_step_limit_of_zero_is_refused() -> None:
    with pytest.raises(ConfigError, match="max_steps"):
        make(World(ScriptedModel([DONE])), max_steps=0)


def test_the_shipped_configuration_has_every_field_at_its_default() -> None:
    fields = yaml.safe_load(CONFIG.read_text())["simple_agent"]["responses_api_agents"]["simple_agent"]
    assert fields["resources_server"]["name"] == "???"

    config = SimpleAgent.parse_config(fields, "test")

    assert SimpleAgent.unknown_fields(config) == []
    references = {"resources_server": fields["resources_server"], "model_server": fields["model_server"]}
    assert config == SimpleAgent.parse_config(references, "test")
