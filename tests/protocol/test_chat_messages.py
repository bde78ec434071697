"""Conversations in Chat Completions and the Responses API, case by case."""

from typing import Any

import pytest

from polygym.protocol.chat import chat_params_to_responses, responses_params_to_chat
from polygym.protocol.json import JsonObject

USER = {"role": "user", "content": "hi"}
TOKENS = {"prompt_token_ids": [1, 2], "generation_token_ids": [3], "generation_log_probs": [-0.5]}


def to_input(*messages: Any) -> list[JsonObject]:
    """The input items for chat messages."""
    items: list[JsonObject] = chat_params_to_responses({"messages": list(messages)})["input"]
    return items


def to_messages(*items: Any, **options: Any) -> list[JsonObject]:
    """The chat messages for input items."""
    messages: list[JsonObject] = responses_params_to_chat({"input": list(items)}, **options)["messages"]
    return messages


def call(call_id: str, **fields: Any) -> JsonObject:
    """A function call item."""
    return {"type": "function_call", "call_id": call_id, "name": "add", "arguments": "{}", **fields}


def tool_call(call_id: str, **fields: Any) -> JsonObject:
    """A tool call of a chat message."""
    return {"id": call_id, "type": "function", "function": {"name": "add", "arguments": "{}"}, **fields}


def output_message(text: str, **fields: Any) -> JsonObject:
    """An assistant's message with one text."""
    part = {"type": "output_text", "text": text, "annotations": []}
    return {"type": "message", "role": "assistant", "content": [part], **fields}


def test_reasoning_message_and_parallel_calls_of_a_turn_become_one_message() -> None:
    messages = to_messages(
        {"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
        output_message("let me see", id="msg_1", status="completed"),
        call("a", id="fc_1", status="completed"),
        call("b", id="fc_2", status="completed"),
        {"type": "function_call_output", "call_id": "a", "output": "1"},
        {"type": "function_call_output", "call_id": "b", "output": [{"type": "input_text", "text": "2"}]},
    )

    assert messages == [
        {
            "role": "assistant",
            "content": "let me see",
            "reasoning_content": "hm",
            "reasoning": "hm",
            "tool_calls": [tool_call("a"), tool_call("b")],
        },
        {"role": "tool", "tool_call_id": "a", "content": "1"},
        {"role": "tool", "tool_call_id": "b", "content": [{"type": "text", "text": "2"}]},
    ]


def test_token_fields_of_the_last_item_are_on_the_message() -> None:
    (message,) = to_messages(output_message("ok"), call("a", **TOKENS))

    assert {name: message[name] for name in TOKENS} == TOKENS


def test_token_fields_of_a_message_are_on_the_last_item_of_its_turn() -> None:
    items = to_input(
        {"role": "assistant", "content": "ok", "tool_calls": [tool_call("a")], **TOKENS, "policy_epoch": 3}
    )

    assert items == [output_message("ok"), call("a", **TOKENS, policy_epoch=3)]


def test_an_item_with_token_fields_ends_its_turn() -> None:
    reasoning = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}], **TOKENS}

    first, second = to_messages(reasoning, output_message("two", **{**TOKENS, "prompt_token_ids": [1, 2, 3]}))

    assert (first["reasoning"], first["prompt_token_ids"]) == ("hm", [1, 2])
    assert (second["content"], second["prompt_token_ids"]) == ("two", [1, 2, 3])


def test_two_messages_in_a_row_stay_two() -> None:
    assert [message["content"] for message in to_messages(output_message("one"), output_message("two"))] == [
        "one",
        "two",
    ]


def test_what_follows_an_unanswered_call_stays_in_its_message() -> None:
    message, output = to_messages(
        output_message("well, "),
        call("a"),
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
        output_message("wait"),
        {"type": "function_call_output", "call_id": "a", "output": "1"},
    )

    assert message["tool_calls"] == [tool_call("a")]
    assert message["content"] == [{"type": "text", "text": "well, "}, {"type": "text", "text": "wait"}]
    assert message["reasoning"] == "hm"
    assert output["role"] == "tool"


def test_a_call_without_text_has_null_content() -> None:
    message = {"role": "assistant", "content": None, "tool_calls": [tool_call("a")]}

    assert to_messages(call("a")) == [message]
    assert to_messages(output_message(""), call("a")) == [message]
    for empty in (None, "", [], [{"type": "text", "text": ""}]):
        assert to_input({**message, "content": empty}) == [call("a")]


def test_reasoning_content_goes_before_its_summary() -> None:
    item = {
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": "in short"}],
        "content": [{"type": "reasoning_text", "text": "first"}, {"type": "reasoning_text", "text": "second"}],
    }

    (message,) = to_messages(item, reasoning_fields=("reasoning",))

    assert message == {"role": "assistant", "content": "", "reasoning": "first\n\nsecond"}


def test_empty_reasoning_says_nothing() -> None:
    assert to_messages(USER, {"type": "reasoning", "id": "rs_1", "summary": []}) == [USER]


@pytest.mark.parametrize(
    ("fields", "texts"),
    [
        ({"reasoning_content": "hm"}, ["hm"]),
        ({"reasoning": "hm"}, ["hm"]),
        ({"reasoning_content": "hm", "reasoning": "hm"}, ["hm"]),
        ({"reasoning_content": "hm", "reasoning": "oh"}, ["hm", "oh"]),
        ({"reasoning_content": "", "reasoning": None}, None),
    ],
)
def test_every_spelling_of_reasoning_is_read(fields: JsonObject, texts: list[str] | None) -> None:
    items = to_input({"role": "assistant", "content": "ok", **fields})

    summaries = [[part["text"] for part in item["summary"]] for item in items if item["type"] == "reasoning"]
    assert summaries == ([] if texts is None else [texts])
    assert items[-1] == output_message("ok")


def test_reasoning_details_are_kept_whole_and_read() -> None:
    details = [
        {"type": "reasoning.text", "text": "hm", "signature": "s"},
        {"type": "reasoning.summary", "summary": "in short"},
        {"type": "reasoning.encrypted", "data": "x"},
    ]

    reasoning, _ = items = to_input({"role": "assistant", "content": "ok", "reasoning_details": details})

    assert [part["text"] for part in reasoning["summary"]] == ["hm", "in short"]
    assert to_messages(*items)[0]["reasoning_details"] == details


def test_instructions_come_first() -> None:
    params = {"input": "hi", "instructions": "be brief"}

    assert responses_params_to_chat(params)["messages"] == [{"role": "system", "content": "be brief"}, USER]


def test_instructions_and_leading_system_texts_are_one_message() -> None:
    first, second = {"role": "developer", "content": "no jokes"}, {"role": "system", "content": "in French"}
    params = {"input": [first, second, USER, first], "instructions": "be brief"}

    assert responses_params_to_chat(params)["messages"] == [
        {"role": "system", "content": "be brief\n\nno jokes\n\nin French"},
        USER,
        first,
    ]


def test_without_instructions_system_messages_stay_as_they_are() -> None:
    messages = [{"role": "system", "content": "a"}, {"role": "developer", "content": "b"}]

    assert to_messages(*messages) == messages


@pytest.mark.parametrize(
    ("chat", "responses"),
    [
        ({"type": "text", "text": "a"}, {"type": "input_text", "text": "a"}),
        (
            {"type": "image_url", "image_url": {"url": "u", "detail": "low"}},
            {"type": "input_image", "image_url": "u", "detail": "low"},
        ),
        (
            {"type": "image_url", "image_url": {"url": "u"}},
            {"type": "input_image", "image_url": "u", "detail": "auto"},
        ),
        (
            {"type": "image_url", "image_url": {"url": "u", "max_patches": 4}},
            {"type": "input_image", "image_url": {"url": "u", "max_patches": 4}, "detail": "auto"},
        ),
        ({"type": "video_url", "video_url": {"url": "u"}}, {"type": "input_video", "video_url": "u"}),
        (
            {"type": "file", "file": {"file_id": "f", "filename": "a.pdf"}},
            {"type": "input_file", "file_id": "f", "filename": "a.pdf"},
        ),
        (
            {"type": "file", "file": {"file_data": "x"}, "prompt_cache_breakpoint": {"mode": "explicit"}},
            {"type": "input_file", "file_data": "x", "prompt_cache_breakpoint": {"mode": "explicit"}},
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "x", "format": "mp3"}},
            {"type": "input_audio", "input_audio": {"data": "x", "format": "mp3"}},
        ),
    ],
)
def test_content_parts_are_translated_both_ways(chat: JsonObject, responses: JsonObject) -> None:
    item = {"type": "message", "role": "user", "content": [responses]}
    message = {"role": "user", "content": [chat]}

    assert to_input(message) == [item]
    assert to_messages(item) == [message]


def test_a_citation_is_nested_in_a_chat_message() -> None:
    citation = {"url": "u", "title": "t", "start_index": 0, "end_index": 1}
    item = output_message("see u")
    item["content"][0]["annotations"] = [{"type": "url_citation", **citation}]

    (message,) = to_messages(item)

    assert message["annotations"] == [{"type": "url_citation", "url_citation": citation}]
    assert to_input(message) == [item]


def test_a_refusal_is_a_part_of_the_message() -> None:
    item = {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]}
    message = {"role": "assistant", "content": None, "refusal": "no"}

    assert to_input(message) == [item]
    assert to_messages(item) == [message]


def test_an_empty_answer_is_kept_as_an_empty_message() -> None:
    assert to_input({"role": "assistant", "content": None}) == [output_message("")]
    assert to_messages(output_message("")) == [{"role": "assistant", "content": ""}]


def test_the_fields_of_a_tool_call_come_back_on_the_tool_call() -> None:
    signature = {"google": {"thought_signature": "x"}}
    message = {"role": "assistant", "content": None, "tool_calls": [tool_call("a", extra_content=signature)]}

    items = to_input({**message, "tool_calls": [{**message["tool_calls"][0], "index": 0}]})

    assert items[0]["chat_tool_call_fields"] == {"extra_content": signature}
    assert to_messages(*items) == [message]


def test_a_field_that_the_item_uses_itself_is_kept_apart() -> None:
    message = {"role": "assistant", "content": None, "name": "solver", "tool_calls": [tool_call("a")]}

    (item,) = to_input(message)

    assert item == call("a", chat_message_fields={"name": "solver"})
    assert to_messages(item) == [message]


def test_a_foreign_field_of_an_item_takes_no_field_of_the_message() -> None:
    output = {"type": "function_call_output", "call_id": "a", "output": "1", "tool_call_id": "b", "role": "user"}

    assert to_messages(output) == [{"role": "tool", "tool_call_id": "a", "content": "1"}]


@pytest.mark.parametrize(("arguments", "text"), [(None, ""), ({"a": 1}, '{"a":1}'), ("{", "{")])
def test_arguments_become_text(arguments: Any, text: str) -> None:
    function = {"name": "add", "arguments": arguments}
    (item,) = to_input({"role": "assistant", "tool_calls": [{"id": "a", "type": "function", "function": function}]})

    assert item["arguments"] == text


def test_a_custom_call_and_its_output_are_custom_on_the_other_side_too() -> None:
    custom = {"id": "a", "type": "custom", "custom": {"name": "run", "input": "ls"}}
    items = to_input(
        {"role": "assistant", "content": None, "tool_calls": [custom, tool_call("b")]},
        {"role": "tool", "tool_call_id": "a", "content": "x"},
        {"role": "tool", "tool_call_id": "b", "content": "y"},
    )

    assert [item["type"] for item in items] == [
        "custom_tool_call",
        "function_call",
        "custom_tool_call_output",
        "function_call_output",
    ]
