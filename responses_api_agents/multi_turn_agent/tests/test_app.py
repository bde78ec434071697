"""The multi-turn agent between a scripted policy, a small environment and each kind of user."""

import asyncio
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
from polygym.protocol.items import user_message
from responses_api_agents.multi_turn_agent.app import MultiTurnAgent
from responses_api_agents.multi_turn_agent.users import OPENING, SILENCE

CONFIG = Path(__file__).parent.parent / "configs" / "multi_turn_agent.yaml"


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
USER_MODEL: JsonObject = {"user": "model", "user_model_server": {"type": "responses_api_models", "name": "user_model"}}
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


# The environment's user


def test_the_users_messages_stand_in_the_output_between_the_turns() -> None:
    verified, world = roll_out(Scripted([act("c1")], [say("a")], [say("b")]), replies=["and?", None])

    first = [act("c1"), output_of("c1", "call 1"), say("a")]
    assert verified["response"]["output"] == [*first, user_message("and?"), say("b")]
    assert world.desk.heard == [first, [*first, user_message("and?"), say("b")]]
    assert (reason(verified), verified["num_turns"], verified["reward"]) == ("user_done", 2, 1.0)
    assert verified["response"]["status"] == "completed"
    assert world.models["policy_model"].requests[2]["input"] == [
        *ROW["responses_create_params"]["input"],
        *first,
        user_message("and?"),
    ]
    assert "user_usage" not in verified
    assert world.desk.closed == 1


def test_an_environment_without_a_user_makes_it_a_single_turn() -> None:
    verified, _ = roll_out(Scripted([say("a")]))

    assert verified["response"]["output"] == [say("a")]
    assert verified["num_turns"] == 1


def test_usage_is_the_policys_alone() -> None:
    verified, _ = roll_out(Scripted([act("c1")], [say("a")], [say("b")]), replies=["and?", None])

    assert verified["response"]["usage"]["total_tokens"] == 33


def test_a_task_without_a_users_message_begins_with_one() -> None:
    row = {"responses_create_params": {"input": [{"role": "system", "content": "You help."}]}}

    verified, world = roll_out(Scripted([say("a")]), replies=["good morning", None], row=row)

    assert verified["response"]["output"] == [user_message("good morning"), say("a")]
    assert world.desk.heard[0] == []


def test_a_user_who_never_says_anything_ends_the_rollout_before_the_policy_speaks() -> None:
    verified, world = roll_out(Scripted([say("a")]), row={"responses_create_params": {"input": []}})

    assert verified["response"]["output"] == []
    assert (reason(verified), verified["num_turns"]) == ("user_done", 0)
    assert world.models["policy_model"].requests == []


def test_a_failing_user_of_the_environment_fails_the_rollout() -> None:
    failure = RolloutFailure(FailureClass.USER_ERROR, Stage.USER, "the user raised")

    with pytest.raises(RolloutFailure, match="the user raised"):
        roll_out(Scripted([say("a")]), replies=[failure])


# Ends


def test_the_turn_limit_ends_the_conversation_with_the_policys_answer() -> None:
    verified, world = roll_out(Scripted([say("a")], [say("b")]), replies=["again"], max_turns=2)

    assert verified["response"]["output"] == [say("a"), user_message("again"), say("b")]
    assert (reason(verified), verified["num_turns"]) == ("max_turns", 2)
    assert RolloutView({}, verified["response"]).is_complete
    assert len(world.desk.heard) == 1


def test_a_stop_phrase_of_the_policy_ends_the_conversation() -> None:
    policy = Scripted([say("a")], [say("BYE")], [say("c")])

    verified, _ = roll_out(policy, replies=["again"], stop_phrases=["BYE"])

    assert (reason(verified), len(policy.requests)) == ("stop_phrase", 2)


def test_a_users_stop_phrase_does_not_count() -> None:
    verified, _ = roll_out(Scripted([say("a")], [say("b")]), replies=["BYE", None], stop_phrases=["BYE"])

    assert (reason(verified), verified["num_turns"]) == ("user_done", 2)


def test_steps_are_counted_over_all_turns() -> None:
    policy = Scripted([act("c1")], [say("a")], [act("c2")], [act("c3")], [say("b")])

    verified, _ = roll_out(policy, replies=["again"], max_steps=3)

    assert len(policy.requests) == 3
    assert (reason(verified), verified["num_turns"]) == ("max_steps", 1)
    assert not RolloutView({}, verified["response"]).is_complete


def test_no_step_left_for_a_new_turn_is_the_step_limit() -> None:
    policy = Scripted([say("a")])

    verified, _ = roll_out(policy, replies=["again"], max_steps=2, max_turns=None)

    assert len(policy.requests) == 2
    assert reason(verified) == "max_steps"
    assert verified["response"]["output"][-1] == user_message("again")


@pytest.mark.parametrize(
    ("turn", "why"),
    [
        ([], "empty_output"),
        ([{"type": "reasoning", "id": "r1", "summary": []}], "incomplete_reasoning"),
        ({"output": [say("cut o")], "incomplete_details": {"reason": "max_output_tokens"}, "metadata": {}}, None),
    ],
)
def test_an_incomplete_turn_ends_the_conversation(turn: Any, why: str | None) -> None:
    verified, world = roll_out(Scripted(turn), replies=["again"])

    assert (reason(verified), verified["num_turns"]) == (why, 0)
    assert world.desk.heard == []


# The scripted user


def test_the_rows_script_is_said_message_by_message() -> None:
    verified, world = roll_out(Scripted([say("a")]), user="script")

    assert verified["response"]["output"] == [say("a"), user_message("one"), say("a"), user_message("two"), say("a")]
    assert (reason(verified), verified["num_turns"]) == ("user_done", 3)
    assert world.desk.heard == []


def test_a_row_without_a_user_has_an_empty_script() -> None:
    row = {"responses_create_params": {"input": "hello"}}

    assert roll_out(Scripted([say("a")]), user="script", row=row)[0]["num_turns"] == 1


def test_a_users_fields_of_the_wrong_kind_are_refused() -> None:
    with pytest.raises(ValueError, match="script"):
        roll_out(Scripted([say("a")]), user="script", row={**ROW, "user": {"script": "one"}})


# The user model


def test_the_user_model_sees_the_conversation_from_the_other_side() -> None:
    user = Scripted([say("for ten")], [say("[[END]]")])

    verified, world = roll_out(Scripted([act("c1")], [say("how many?")], [say("done")]), voice=user, **USER_MODEL)

    first, second = (request["input"] for request in user.requests)
    assert first[0]["role"] == "system"
    assert "Who you are: Ada, a baker\nWhat you want: a cake for {12} people\n" in first[0]["content"]
    assert "write [[END]] instead" in first[0]["content"]
    assert [(item["role"], item["content"]) for item in first[1:]] == [("assistant", "hello"), ("user", "how many?")]
    assert [(item["role"], item["content"]) for item in second[3:]] == [("assistant", "for ten"), ("user", "done")]
    assert verified["response"]["output"][3] == user_message("for ten")
    assert (reason(verified), verified["num_turns"]) == ("user_done", 2)
    assert world.desk.heard == []


def test_the_user_models_usage_and_time_are_kept_apart() -> None:
    context = RolloutContext("4-1", limits_s={"model": 60.0, "user": 30.0})
    user = Scripted([say("more")], [say("[[END]]")])

    verified, _ = roll_out(Scripted([say("a")]), voice=user, context=context, **USER_MODEL)

    assert verified["user_usage"]["total_tokens"] == 22
    assert verified["response"]["usage"]["total_tokens"] == 22
    assert len(context.durations_s["user"]) == 2
    assert "model" not in context.durations_s
    assert {own.rollout_id for own in user.contexts} == {"4-1.user"}
    assert all(own is not context and own.limits_s == {"model": 30.0} for own in user.contexts)


def test_a_stop_token_in_a_message_ends_the_conversation_without_it() -> None:
    verified, _ = roll_out(
        Scripted([say("a")]), voice=Scripted([say("Thanks! DONE")]), user_stop_token="DONE", **USER_MODEL
    )

    assert verified["response"]["output"] == [say("a")]


def test_the_policy_cannot_end_the_conversation_with_the_users_token() -> None:
    user = Scripted([say("go on")], [say("[[END]]")])

    verified, _ = roll_out(Scripted([say("[[END]]")]), voice=user, **USER_MODEL)

    assert verified["num_turns"] == 2


def test_the_rows_instruction_and_the_configured_parameters_are_the_user_models() -> None:
    user = Scripted([say("[[END]]")])
    row = {**ROW, "user": {"system_prompt": "Be {rude}."}}

    roll_out(Scripted([say("a")]), voice=user, row=row, user_responses_create_params={"temperature": 1}, **USER_MODEL)

    assert user.requests[0]["input"][0]["content"] == "Be {rude}."
    assert user.requests[0]["temperature"] == 1


def test_a_user_model_may_open_the_conversation_and_hears_a_silent_policy() -> None:
    user = Scripted([say("hi")], [say("hello?")], [say("[[END]]")])
    silent = {"type": "web_search_call", "id": "w1", "status": "completed"}

    verified, _ = roll_out(
        Scripted([silent], [say("a")]), voice=user, row={"responses_create_params": {"input": []}}, **USER_MODEL
    )

    assert [request["input"][-1]["content"] for request in user.requests] == [OPENING, SILENCE, "a"]
    assert verified["response"]["output"] == [user_message("hi"), silent, user_message("hello?"), say("a")]


@pytest.mark.parametrize(
    ("turn", "seen", "said"),
    [
        (RolloutFailure(FailureClass.MODEL_UNAVAILABLE, Stage.MODEL, "down"), FailureClass.ENVIRONMENT_LOST, "down"),
        (RolloutFailure(FailureClass.MODEL_RATE_LIMITED, Stage.MODEL, "429"), FailureClass.ENVIRONMENT_LOST, "429"),
        (RolloutFailure(FailureClass.TIMEOUT, Stage.MODEL, "late"), FailureClass.ENVIRONMENT_LOST, "late"),
        (RolloutFailure(FailureClass.MODEL_REJECTED, Stage.MODEL, "key"), FailureClass.USER_ERROR, "key"),
        ([say("  ")], FailureClass.ENVIRONMENT_LOST, "it gave no text"),
        ([], FailureClass.ENVIRONMENT_LOST, "it gave no text"),
    ],
)
def test_a_failing_user_model_is_the_users_failure(turn: Any, seen: FailureClass, said: str) -> None:
    context = RolloutContext("0-0")

    with pytest.raises(RolloutFailure, match=said) as caught:
        roll_out(Scripted([say("a")]), voice=Scripted(turn), context=context, **USER_MODEL)

    assert (caught.value.failure_class, caught.value.stage) == (seen, Stage.USER)
    assert caught.value.message.startswith("desk_agent, user: a model other than the policy failed")
    assert len(context.durations_s["user"]) == 1


def test_a_failing_policy_is_the_policys_failure() -> None:
    down = RolloutFailure(FailureClass.MODEL_UNAVAILABLE, Stage.MODEL, "down")

    with pytest.raises(RolloutFailure) as caught:
        roll_out(Scripted([say("a")], down), voice=Scripted([say("more")]), **USER_MODEL)

    assert caught.value is down


# Configuration


def test_the_conversation_alone_uses_the_callers_session() -> None:
    world = World(Scripted([say("a")]), Scripted([say("?")]), Desk(["and?", None]))

    response = asyncio.run(make(world).responses(ROW["responses_create_params"], RolloutContext("0-0")))

    assert response["output"] == [say("a"), user_message("and?"), say("a")]
    assert world.desk.closed == 0


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"user": "model"}, "'user: model' needs a user_model_server"),
        ({"user": "nobody"}, "user: "),
        ({"user_system_prompt": "You are {name}."}, "KeyError"),
        ({"user_system_prompt": "You are {}."}, "IndexError"),
        ({"user_system_prompt": "You are {."}, "other braces have to be doubled"),
        ({"stop_phrases": [""]}, "must not be empty"),
        ({"user_stop_token": ""}, "user_stop_token"),
        ({"max_turns": 0}, "max_turns"),
        ({"max_steps": 0}, "max_steps"),
    ],
)
def test_a_configuration_that_cannot_work_is_refused(fields: JsonObject, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        MultiTurnAgent.parse_config({**REFERENCES, **fields}, "test")


def test_the_shipped_configuration_has_every_field_at_its_default() -> None:
    fields = yaml.safe_load(CONFIG.read_text())["multi_turn_agent"]["responses_api_agents"]["multi_turn_agent"]
    assert fields["resources_server"]["name"] == "???"

    config = MultiTurnAgent.parse_config(fields, "test")

    assert MultiTurnAgent.unknown_fields(config) == []
    references = {"resources_server": fields["resources_server"], "model_server": fields["model_server"]}
    assert config == MultiTurnAgent.parse_config(references, "test")
    assert json.dumps(config.model_dump(mode="json"))
