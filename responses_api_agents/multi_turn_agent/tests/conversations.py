"""Rollouts of the multi-turn agent between a scripted policy and a small environment."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from polygym import JsonObject, RolloutContext, RolloutFailure, function_call, new_response, new_usage, output_message
from polygym.protocol.calls import AgentServerRef, ModelServerRef, ResourcesServerRef, ToolResult
from responses_api_agents.multi_turn_agent.app import MultiTurnAgent


class Desk:
    """An environment whose user says what a test wants, and whose one tool counts."""

    def __init__(self, replies: list[str | None | RolloutFailure]) -> None:
        self.replies = replies
        self.heard: list[list[JsonObject]] = []
        self.row: JsonObject = {}
        self.seed: JsonObject = {}
        self.calls = 0
        self.closed = 0

    @asynccontextmanager
    async def open(self, row: JsonObject, context: RolloutContext) -> AsyncIterator["Desk"]:
        self.row = row
        try:
            yield self
        finally:
            self.closed += 1

    @asynccontextmanager
    async def attach(self, context: RolloutContext) -> AsyncIterator["Desk"]:
        self.row = {}
        yield self

    async def call_tool(self, name: str, arguments: JsonObject) -> ToolResult:
        self.calls += 1
        return ToolResult(f"call {self.calls}", is_error=False)

    async def next_user_message(self, response: JsonObject) -> str | None:
        self.heard.append(response["output"])
        reply = self.replies[min(len(self.heard), len(self.replies)) - 1]
        if isinstance(reply, RolloutFailure):
            raise reply
        return reply

    async def verify(self, response: JsonObject) -> JsonObject:
        return {**self.row, "response": response, "reward": 1.0}

    async def close(self) -> None:
        self.closed += 1

    async def aggregate_metrics(self, verify_responses: list[JsonObject]) -> JsonObject:
        return {}


class Scripted:
    """A model that gives prepared outputs in turn, the last one for ever."""

    def __init__(self, *turns: list[JsonObject] | JsonObject | RolloutFailure) -> None:
        self.turns = turns
        self.requests: list[JsonObject] = []
        self.contexts: list[RolloutContext] = []

    async def responses(self, params: JsonObject, context: RolloutContext) -> JsonObject:
        self.requests.append(params)
        self.contexts.append(context)
        turn = self.turns[min(len(self.requests), len(self.turns)) - 1]
        if isinstance(turn, RolloutFailure):
            raise turn
        if isinstance(turn, dict):
            return turn
        return new_response(params, turn, model="scripted", usage=new_usage(10, 1))

    async def chat_completions(self, params: JsonObject, context: RolloutContext) -> JsonObject:
        raise NotImplementedError


class World:
    """A directory with one environment, a policy and a user model."""

    def __init__(self, policy: Scripted, user: Scripted, desk: Desk) -> None:
        self.models = {"policy_model": policy, "user_model": user}
        self.desk = desk

    def resources(self, ref: ResourcesServerRef) -> Desk:
        return self.desk

    def model(self, ref: ModelServerRef) -> Scripted:
        return self.models[ref.name]

    def agent(self, ref: AgentServerRef) -> Any:
        raise NotImplementedError


def say(text: str) -> JsonObject:
    return output_message(text, message_id=f"msg_{text}")


def act(call_id: str) -> JsonObject:
    return function_call("act", "{}", call_id=call_id, item_id=f"fc_{call_id}")


def output_of(call_id: str, text: str) -> JsonObject:
    return {"type": "function_call_output", "call_id": call_id, "output": text}


REFERENCES: JsonObject = {
    "resources_server": {"type": "resources_servers", "name": "desk"},
    "model_server": {"type": "responses_api_models", "name": "policy_model"},
}
ROW: JsonObject = {
    "responses_create_params": {
        "input": [{"role": "system", "content": "You help."}, {"role": "user", "content": "hello"}]
    },
    "user": {"script": ["one", "two"], "persona": "Ada, a baker", "goal": "a cake for {12} people"},
}


def make(world: World, **fields: Any) -> MultiTurnAgent:
    return MultiTurnAgent("desk_agent", MultiTurnAgent.parse_config({**REFERENCES, **fields}, "test"), world)


def roll_out(
    policy: Scripted,
    *,
    voice: Scripted | None = None,
    replies: list[str | None | RolloutFailure] | None = None,
    row: JsonObject = ROW,
    context: RolloutContext | None = None,
    **fields: Any,
) -> tuple[JsonObject, World]:
    """The verified row of one rollout; `voice` is the user model."""
    world = World(policy, voice or Scripted([say("?")]), Desk([None] if replies is None else replies))
    return asyncio.run(make(world, **fields).run(row, context or RolloutContext("0-0"))), world


def reason(verified: JsonObject) -> str | None:
    found: str | None = (verified["response"]["metadata"] or {}).get("ng_termination_reason")
    return found
