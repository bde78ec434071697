"""The random baseline as a model server: what it answers, what it honours, that it ends and repeats itself."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from polygym import FailureClass, JsonObject, RolloutContext, RolloutFailure, check_response, function_call_output
from responses_api_models.random_model.app import RandomModel

CONFIG = Path(__file__).parent.parent / "configs" / "random_model.yaml"
CITY: JsonObject = {
    "type": "function",
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
TIME: JsonObject = {"type": "function", "name": "get_time", "parameters": None}
IMPOSSIBLE: JsonObject = {"type": "function", "name": "impossible", "parameters": {"type": "string"}}
HOSTED: JsonObject = {"type": "web_search"}


def make(**fields: Any) -> RandomModel:
    """A random model with these fields."""
    return RandomModel("policy_model", RandomModel.parse_config(fields, "test"), None)  # type: ignore[arg-type]


def ask(params: JsonObject, *, rollout_id: str = "0-0", **fields: Any) -> JsonObject:
    """The answer to `params`, checked for what every Response must have."""
    answer = asyncio.run(make(**fields).responses({"input": "hi", **params}, RolloutContext(rollout_id)))
    assert check_response(answer) is None
    return answer


def kinds(answer: JsonObject) -> list[str]:
    return [item["type"] for item in answer["output"]]


def many(params: JsonObject, **fields: Any) -> list[JsonObject]:
    """The answers of many rollouts."""
    return [ask(params, rollout_id=f"{index}-0", **fields) for index in range(60)]


def test_without_tools_it_says_that_it_is_the_baseline() -> None:
    answer = ask({})

    assert kinds(answer) == ["message"]
    assert "random baseline, not a language model" in answer["output"][0]["content"][0]["text"]
    assert answer["model"] == "random"
    assert answer["status"] == "completed"


def test_with_tools_it_sometimes_calls_and_sometimes_answers() -> None:
    answers = many({"tools": [CITY]})

    assert {kinds(answer)[0] for answer in answers} == {"message", "function_call"}


def test_calls_have_arguments_that_satisfy_the_schema() -> None:
    calls = [item for answer in many({"tools": [CITY, TIME], "tool_choice": "required"}) for item in answer["output"]]

    assert {call["name"] for call in calls} == {"get_weather", "get_time"}
    for call in calls:
        schema = CITY["parameters"] if call["name"] == "get_weather" else {"type": "object"}
        Draft202012Validator(schema).validate(json.loads(call["arguments"]))


def test_several_calls_at_once_have_ids_of_their_own() -> None:
    answers = many({"tools": [CITY]}, parallel_call_probability=1, tool_call_probability=1)

    for answer in answers:
        assert set(kinds(answer)) == {"function_call"}
        assert len(answer["output"]) >= 2
        assert len({call["call_id"] for call in answer["output"]}) == len(answer["output"])


def test_no_parallel_calls_where_they_are_switched_off() -> None:
    params = {"tools": [CITY], "parallel_tool_calls": False}

    answers = many(params, parallel_call_probability=1, tool_call_probability=1)

    assert [len(answer["output"]) for answer in answers] == [1] * len(answers)


@pytest.mark.parametrize("choice", ["none", {"type": "web_search"}])
def test_no_call_where_none_is_allowed(choice: Any) -> None:
    answers = many({"tools": [CITY, HOSTED], "tool_choice": choice}, tool_call_probability=1)

    assert {tuple(kinds(answer)) for answer in answers} == {("message",)}


@pytest.mark.parametrize(
    "choice",
    [
        "required",
        {"type": "function", "name": "get_time"},
        {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "get_time"}]},
    ],
)
def test_a_call_where_one_is_demanded(choice: Any) -> None:
    answers = many({"tools": [CITY, TIME], "tool_choice": choice}, tool_call_probability=0)

    names = {item["name"] for answer in answers for item in answer["output"]}
    assert names == ({"get_weather", "get_time"} if choice == "required" else {"get_time"})


def test_allowed_tools_that_are_not_demanded_may_be_called() -> None:
    choice = {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "get_time"}]}

    answers = many({"tools": [CITY, TIME], "tool_choice": choice})

    assert {item.get("name", "an answer") for answer in answers for item in answer["output"]} == {
        "get_time",
        "an answer",
    }


@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({"input": None}, "'input'"),
        ({"input": 3}, "'input'"),
        ({"input": [{}, "x"]}, "'input'"),
        ({"tools": True}, "'tools'"),
        ({"tools": [[]]}, "'tools'"),
        ({"tool_choice": {"type": "allowed_tools", "tools": 3}}, "tool_choice.tools"),
    ],
)
def test_a_request_that_is_none_is_refused(params: JsonObject, named: str) -> None:
    with pytest.raises(RolloutFailure, match=named) as caught:
        ask(params)

    assert caught.value.failure_class is FailureClass.MODEL_REJECTED


def test_a_demanded_tool_that_is_not_offered_is_refused() -> None:
    with pytest.raises(RolloutFailure, match="'get_wether'") as caught:
        ask({"tools": [CITY], "tool_choice": {"type": "function", "name": "get_wether"}})

    assert caught.value.failure_class is FailureClass.MODEL_REJECTED


@pytest.mark.parametrize("tool", [HOSTED, IMPOSSIBLE])
def test_a_tool_that_cannot_be_called_is_left_alone(tool: JsonObject) -> None:
    alone = many({"tools": [tool]}, tool_call_probability=1)
    beside = many({"tools": [tool, TIME]}, tool_call_probability=1)

    assert {tuple(kinds(answer)) for answer in alone} == {("message",)}
    assert {item["name"] for answer in beside for item in answer["output"]} == {"get_time"}


@pytest.mark.parametrize("choice", ["auto", "required"])
def test_a_conversation_comes_to_an_end(choice: str) -> None:
    conversation: list[JsonObject] = [{"role": "user", "content": "hi"}]
    for _ in range(4):
        params = {"input": conversation, "tools": [CITY], "tool_choice": choice}
        answer = ask(params, tool_call_probability=1, max_tool_calls=3, parallel_call_probability=0)
        conversation += answer["output"]
        if kinds(answer) == ["message"]:
            break
        conversation.append(function_call_output(answer["output"][0]["call_id"], "cold"))

    assert sum(item.get("type") == "function_call" for item in conversation) == 3
    assert conversation[-1]["type"] == "message"


def without_time(answer: JsonObject) -> JsonObject:
    return {key: value for key, value in answer.items() if key != "created_at"}


def test_the_same_conversation_gets_the_same_answer_whatever_else_is_asked() -> None:
    params = {"input": [{"role": "user", "content": "hi"}], "tools": [CITY, TIME]}

    async def run() -> list[JsonObject]:
        model = make()
        contexts = [RolloutContext(f"{index}-0") for index in (3, 1, 2, 1, 3, 3)]
        return list(await asyncio.gather(*(model.responses(params, context) for context in contexts)))

    third, first, second, first_again, third_again, _ = map(without_time, asyncio.run(run()))

    assert first == first_again == without_time(ask(params, rollout_id="1-0"))
    assert third == third_again
    assert len({str(answer) for answer in (first, second, third)}) == 3


def test_a_new_attempt_at_a_rollout_gets_the_same_answer() -> None:
    assert without_time(ask({"tools": [CITY]}, rollout_id="4-1-a2")) == without_time(
        ask({"tools": [CITY]}, rollout_id="4-1")
    )


@pytest.mark.parametrize("change", [{"seed": 1}, {"rollout_id": "0-1"}])
def test_another_seed_or_rollout_gets_another_answer(change: Any) -> None:
    assert ask({}, **change)["id"] != ask({})["id"]


def test_a_longer_conversation_gets_another_answer() -> None:
    assert ask({"input": "hi there"})["id"] != ask({"input": "hi"})["id"]


def test_usage_counts_words() -> None:
    usage = ask({"input": "one two three", "instructions": "four five"})["usage"]

    assert usage["input_tokens"] >= 5
    assert usage["output_tokens"] > 0
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]


def test_the_request_is_left_as_it_was() -> None:
    params = {"input": [{"role": "user", "content": "hi"}], "tools": [CITY], "tool_choice": "required"}
    before = json.dumps(params)

    ask(params)

    assert json.dumps(params) == before


def test_it_speaks_chat_completions_too() -> None:
    tool = {"type": "function", "function": {"name": "get_weather", "parameters": CITY["parameters"]}}
    params = {"messages": [{"role": "user", "content": "hi"}], "tools": [tool], "tool_choice": "required"}

    completion = asyncio.run(make().chat_completions(params, RolloutContext("0-0")))

    call = completion["choices"][0]["message"]["tool_calls"][0]["function"]
    assert call["name"] == "get_weather"
    assert isinstance(json.loads(call["arguments"])["city"], str)


def test_the_shipped_configuration_has_every_field_at_its_default() -> None:
    fields = yaml.safe_load(CONFIG.read_text())["policy_model"]["responses_api_models"]["random_model"]

    config = RandomModel.parse_config(fields, "test")

    assert RandomModel.unknown_fields(config) == []
    assert config == RandomModel.parse_config({}, "test")
