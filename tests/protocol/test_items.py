"""Items of the Responses API and what is read from them."""

from typing import Any

import pytest
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage

from polygym.protocol.items import (
    FunctionCall,
    function_call,
    function_call_output,
    function_calls,
    input_items,
    is_message,
    output_message,
    output_text,
    text_of,
)
from polygym.protocol.json import JsonObject


def test_made_items_are_what_the_official_client_expects() -> None:
    message = ResponseOutputMessage.model_validate(output_message("hi", message_id="msg_1"))
    call = ResponseFunctionToolCall.model_validate(function_call("add", "{}", call_id="call_1", item_id="fc_1"))

    assert message.content[0].text == "hi"  # type: ignore[union-attr]
    assert (call.call_id, call.name, call.arguments) == ("call_1", "add", "{}")


def test_a_string_is_one_user_message() -> None:
    assert input_items("hi") == [{"role": "user", "content": "hi", "type": "message"}]


def test_adding_to_the_items_leaves_the_params_as_they_were() -> None:
    given: list[JsonObject] = [{"role": "user", "content": "hi"}]

    input_items(given).append({"role": "user", "content": "more"})

    assert given == [{"role": "user", "content": "hi"}]


@pytest.mark.parametrize(
    ("text", "arguments"),
    [('{"a": 1}', {"a": 1}), ("", {}), (" \n", {}), ("{}", {})],
)
def test_arguments_are_decoded(text: str, arguments: JsonObject) -> None:
    call = FunctionCall("call_1", "add", text)

    assert (call.parse(), call.arguments, call.is_valid) == (arguments, arguments, True)


@pytest.mark.parametrize("text", ["{", "[1]", "null", '"a"', "{'a': 1}"])
def test_arguments_that_are_no_object_are_no_arguments(text: str) -> None:
    call = FunctionCall("call_1", "add", text)

    with pytest.raises(ValueError, match=r"JSON object|line 1 column"):
        call.parse()
    assert (call.arguments, call.is_valid) == ({}, False)


def test_calls_are_found_in_order_among_other_items() -> None:
    items = [
        {"type": "reasoning", "summary": []},
        function_call("add", '{"a": 1}', call_id="call_1", item_id="fc_1"),
        function_call_output("call_1", "2"),
        {"type": "function_call", "call_id": None, "name": None, "arguments": None},
        {"role": "user", "content": "hi"},
    ]

    assert list(function_calls(items)) == [FunctionCall("call_1", "add", '{"a": 1}'), FunctionCall("", "", "")]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("plain", "plain"),
        (None, ""),
        ([], ""),
        (
            [{"type": "input_text", "text": "a"}, {"type": "output_text", "text": "b"}, {"type": "text", "text": "c"}],
            "abc",
        ),
        ([{"type": "input_image", "image_url": "u"}, {"type": "refusal", "refusal": "no"}], ""),
        ([{"type": "output_text", "text": None}, {"type": "output_text"}], ""),
    ],
)
def test_the_text_of_content_is_its_text_parts(content: Any, text: str) -> None:
    assert text_of(content) == text


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ({"type": "message", "role": "user", "content": ""}, True),
        ({"role": "user", "content": ""}, True),
        ({"type": None, "role": "user", "content": ""}, True),
        ({"type": "function_call", "call_id": "call_1"}, False),
        ({"type": "additional_tools", "role": "developer"}, False),
        ({"type": "message"}, False),
    ],
)
def test_a_message_is_known_by_its_role(item: JsonObject, expected: bool) -> None:
    assert is_message(item) is expected


def test_only_what_the_assistant_said_is_output_text() -> None:
    items = [
        {"role": "user", "content": "question"},
        output_message("one ", message_id="msg_1"),
        function_call("add", "{}", call_id="call_1", item_id="fc_1"),
        {"role": "assistant", "content": "two"},
    ]

    assert output_text(items) == "one two"


@pytest.mark.parametrize("kind", [None, 5, [None], {"type": "output_text"}])
def test_a_part_of_no_known_kind_has_no_text(kind: Any) -> None:
    assert text_of([{"type": kind, "text": "hidden"}, {"type": "output_text", "text": "shown"}]) == "shown"
