from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polygym import FunctionCall, JsonObject, RolloutView, function_call, function_call_output, output_message


def view(*output: Any, **response: Any) -> RolloutView:
    return RolloutView({"input": "x"}, {"output": list(output), **response})


def call(name: str, arguments: str, call_id: str) -> JsonObject:
    return function_call(name, arguments, call_id=call_id, item_id=f"fc_{call_id}")


CONVERSATION: list[JsonObject] = [
    {"type": "reasoning", "summary": [{"type": "summary_text", "text": "First"}], "content": None},
    output_message("Let me look. ", message_id="m1"),
    call("look", '{"city": "Rome"}', "c1"),
    call("look", '{"city": ', "c2"),
    call("add", '{"a": 1}', "c3"),
    function_call_output("c1", "sunny"),
    function_call_output("c2", '{"error":"…"}'),
    function_call_output("c3", [{"type": "input_text", "text": "2"}, {"type": "input_image", "image_url": "u"}]),
    {"type": "message", "role": "user", "content": "And?"},
    {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "then"}, {"text": "this"}]},
    output_message("It is sunny.", message_id="m2"),
]


def test_texts_are_those_of_the_assistant() -> None:
    rollout = view(*CONVERSATION)

    assert rollout.output_text == "Let me look. It is sunny."
    assert rollout.final_text == "It is sunny."
    assert [message["id"] for message in rollout.messages] == ["m1", "m2"]
    assert [message["content"] for message in rollout.user_messages] == ["And?"]
    assert rollout.reasoning == "First\nthen\nthis"


def test_calls_have_parsed_arguments_and_what_they_got_back() -> None:
    rollout = view(*CONVERSATION)

    assert [call.name for call in rollout.function_calls] == ["look", "look", "add"]
    first, broken = rollout.calls_of("look")
    assert (first.arguments, first.is_valid) == ({"city": "Rome"}, True)
    assert (broken.arguments, broken.is_valid) == ({}, False)
    assert rollout.calls_of("Look") == []
    assert rollout.called("add") and not rollout.called("subtract")
    assert rollout.output_of(first) == "sunny"
    assert rollout.output_of(rollout.calls_of("add")[0]) == "2"
    assert rollout.output_of(FunctionCall("c9", "look", "{}")) is None
    assert rollout.tool_outputs["c1"] == "sunny"


def test_arguments_that_came_as_an_object_are_taken_as_one() -> None:
    item = call("look", "", "c1") | {"arguments": {"city": "Rome"}}

    assert view(item).function_calls[0].arguments == {"city": "Rome"}


def test_a_rollout_in_which_nothing_was_said() -> None:
    for response in ({}, {"output": None}, {"output": []}, {"output": "text"}):
        rollout = RolloutView({}, response)
        assert (rollout.output, rollout.output_text, rollout.final_text, rollout.reasoning) == ([], "", "", "")
        assert (rollout.messages, rollout.function_calls, rollout.tool_outputs) == ([], [], {})


@pytest.mark.parametrize(
    ("response", "is_complete"),
    [
        ({}, True),
        ({"status": "completed", "incomplete_details": None}, True),
        ({"status": "incomplete"}, False),
        ({"incomplete_details": {"reason": "max_output_tokens"}}, False),
    ],
)
def test_a_rollout_that_was_cut_short_is_not_complete(response: JsonObject, is_complete: bool) -> None:
    assert view(**response).is_complete is is_complete


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "text", "x"]), inner),
    max_leaves=4,
)
kinds = st.sampled_from(["message", "reasoning", "function_call", "function_call_output", "other"])
keys = st.sampled_from(["role", "content", "summary", "call_id", "name", "arguments", "output"])
odd_items = st.builds(
    lambda kind, fields, role: {"type": kind, **role, **fields},
    kinds,
    st.dictionaries(keys, values | st.just([{"type": "output_text", "text": "x"}]), max_size=5),
    st.sampled_from([{"role": "assistant"}, {"role": "user"}, {}]),
)


@given(st.lists(odd_items | values, max_size=5))
def test_a_view_of_anything_can_be_read(output: list[Any]) -> None:
    rollout = view(*output)

    assert isinstance(rollout.output_text + rollout.final_text + rollout.reasoning, str)
    assert all(isinstance(call.arguments, dict) for call in rollout.function_calls)
    assert all(isinstance(rollout.output_of(call), str | None) for call in rollout.function_calls)
    assert len(rollout.tool_outputs) + len(rollout.messages) + len(rollout.user_messages) <= len(output)
