"""The multi-turn agent with the environment's user: whose turn it is, when it ends, its configuration."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from polygym import FailureClass, JsonObject, RolloutContext, RolloutFailure, RolloutView, Stage
from polygym.protocol.errors import ConfigError
from polygym.protocol.items import user_message
from responses_api_agents.multi_turn_agent.app import MultiTurnAgent
from responses_api_agents.multi_turn_agent.tests.conversations import (
    REFERENCES,
    ROW,
    Desk,
    Scripted,
    World,
    act,
    make,
    output_of,
    reason,
    roll_out,
    say,
)

CONFIG = Path(__file__).parent.parent / "configs" / "multi_turn_agent.yaml"


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
