"""The users that the agent brings along: the row's script, and a model in the user's role."""

from typing import Any

import pytest

from polygym import FailureClass, JsonObject, RolloutContext, RolloutFailure, Stage
from polygym.protocol.items import user_message
from responses_api_agents.multi_turn_agent.tests.conversations import ROW, Scripted, act, reason, roll_out, say
from responses_api_agents.multi_turn_agent.users import OPENING, SILENCE

USER_MODEL: JsonObject = {"user": "model", "user_model_server": {"type": "responses_api_models", "name": "user_model"}}


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
