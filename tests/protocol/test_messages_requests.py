import anthropic.types
import pytest
from pydantic import TypeAdapter

from polygym.protocol.json import JsonObject
from polygym.protocol.messages import (
    messages_params_to_responses,
    responses_params_to_messages,
    without_messages_fields,
    without_responses_fields,
)

EPHEMERAL = {"type": "ephemeral"}
PIXEL = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}


def asked(**params: object) -> JsonObject:
    """Responses params for a Messages request."""
    return messages_params_to_responses({"messages": [], **params})


def said(*content: JsonObject | str, role: str = "user") -> list[JsonObject]:
    """The items for messages of one role."""
    messages = [{"role": role, "content": each if isinstance(each, str) else [each]} for each in content]
    items: list[JsonObject] = asked(messages=messages)["input"]
    return items


def sent(*items: JsonObject, **params: object) -> JsonObject:
    """The Messages request that an Anthropic endpoint is sent for input items."""
    return without_responses_fields(responses_params_to_messages({"input": list(items), **params}))


def test_a_system_prompt_is_the_instructions_or_messages_at_the_start() -> None:
    blocks = [{"type": "text", "text": "a"}, {"type": "text", "text": "b", "cache_control": EPHEMERAL}]

    assert asked(system="be brief")["instructions"] == "be brief"
    assert asked(system=blocks)["input"] == [
        {
            "type": "message",
            "role": "system",
            "content": [
                {"type": "input_text", "text": "a"},
                {"type": "input_text", "text": "b", "messages_fields": {"cache_control": EPHEMERAL}},
            ],
        }
    ]


def test_instructions_come_before_system_and_developer_messages_at_the_start() -> None:
    system = {"role": "system", "content": "b"}
    later = {"role": "developer", "content": "d"}

    request = sent(
        system, {"role": "developer", "content": "c"}, {"role": "user", "content": "hi"}, later, instructions="a"
    )

    assert request["system"] == [{"type": "text", "text": text} for text in "abc"]
    assert [message["role"] for message in request["messages"]] == ["user", "system"]


def test_images_and_documents_are_content_parts() -> None:
    assert said({"type": "image", "source": PIXEL})[0]["content"] == [
        {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo=", "detail": "auto"}
    ]
    assert said({"type": "document", "source": {"type": "url", "url": "https://host/a.pdf"}, "title": "a"})[0][
        "content"
    ] == [{"type": "input_file", "file_url": "https://host/a.pdf", "filename": "a"}]
    text = {"type": "text", "media_type": "text/plain", "data": "hi"}
    assert said({"type": "document", "source": text})[0]["content"] == [
        {"type": "input_file", "file_data": "data:text/plain;base64,aGk="}
    ]


def test_results_of_tools_are_outputs_before_what_the_user_says() -> None:
    failed = {"type": "tool_result", "tool_use_id": "t1", "content": "no", "is_error": True}
    shown = {"type": "tool_result", "tool_use_id": "t2", "content": [{"type": "image", "source": PIXEL}]}
    items = asked(messages=[{"role": "user", "content": [failed, shown, {"type": "text", "text": "go on"}]}])["input"]

    assert [item["type"] for item in items] == ["function_call_output", "function_call_output", "message"]
    assert items[0] == {
        "type": "function_call_output",
        "call_id": "t1",
        "output": "no",
        "messages_fields": {"is_error": True},
    }
    assert items[1]["output"][0]["type"] == "input_image"


def test_outputs_of_parallel_calls_are_one_message() -> None:
    calls = [{"type": "function_call", "call_id": each, "name": "f", "arguments": "{}"} for each in ("a", "b")]
    outputs = [{"type": "function_call_output", "call_id": each, "output": "1"} for each in ("a", "b")]

    messages = sent({"role": "user", "content": "hi"}, *calls, *outputs)["messages"]

    assert [(message["role"], len(message["content"])) for message in messages[1:]] == [("assistant", 2), ("user", 2)]


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        ('{"a": 1}', {"a": 1}),
        ("", {}),
        (" ", {}),
        ('{"a": 1', {"INVALID_JSON": '{"a": 1'}),
        ("[1]", {"INVALID_JSON": "[1]"}),
        ('{"a": NaN}', {"INVALID_JSON": '{"a": NaN}'}),
    ],
)
def test_arguments_become_the_input_of_a_tool_and_come_back_as_they_were(arguments: str, given: JsonObject) -> None:
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": arguments}

    request = responses_params_to_messages({"input": [call]})

    assert request["messages"][0]["content"][0]["input"] == given
    assert messages_params_to_responses(request)["input"] == [call]


def test_an_input_that_a_harness_has_changed_wins_over_the_arguments_that_the_model_wrote() -> None:
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"a":  1}'}
    request = responses_params_to_messages({"input": [call]})

    request["messages"][0]["content"][0]["input"] = {"a": 2}

    assert messages_params_to_responses(request)["input"][0]["arguments"] == '{"a":2}'


@pytest.mark.parametrize(
    ("choice", "converted"),
    [
        ({"type": "auto"}, {"tool_choice": "auto"}),
        ({"type": "any"}, {"tool_choice": "required"}),
        ({"type": "none"}, {"tool_choice": "none"}),
        ({"type": "tool", "name": "f"}, {"tool_choice": {"type": "function", "name": "f"}}),
        (
            {"type": "any", "disable_parallel_tool_use": True},
            {"tool_choice": "required", "parallel_tool_calls": False},
        ),
    ],
)
def test_the_choice_of_tools_is_converted(choice: JsonObject, converted: JsonObject) -> None:
    params = asked(tools=[{"name": "f", "input_schema": {"type": "object"}}], tool_choice=choice)

    assert {name: params[name] for name in ("tool_choice", "parallel_tool_calls") if name in params} == converted
    assert responses_params_to_messages(params)["tool_choice"] == choice


def test_parallel_calls_can_be_ruled_out_without_a_choice() -> None:
    tool = {"type": "function", "name": "f", "parameters": {"type": "object"}}

    assert sent(tools=[tool], parallel_tool_calls=False)["tool_choice"] == {
        "type": "auto",
        "disable_parallel_tool_use": True,
    }
    assert "tool_choice" not in sent(tools=[tool], parallel_tool_calls=True)
    assert "tool_choice" not in sent(tool_choice="auto", parallel_tool_calls=False)


def test_parameters_that_both_apis_have_are_renamed_and_others_keep_their_names() -> None:
    form = {"type": "json_schema", "schema": {"type": "object"}}
    params = asked(
        max_tokens=9,
        stop_sequences=["x"],
        temperature=0.5,
        top_k=3,
        service_tier="standard_only",
        output_config={"effort": "high", "format": form},
        thinking={"type": "adaptive"},
        chat_template_kwargs={"enable_thinking": False},
    )

    assert params == {
        "input": [],
        "max_output_tokens": 9,
        "stop": ["x"],
        "temperature": 0.5,
        "top_k": 3,
        "service_tier": "default",
        "reasoning": {"effort": "high"},
        "text": {"format": {**form, "name": "output", "strict": True}},
        "chat_template_kwargs": {"enable_thinking": False},
        "messages_fields": {"thinking": {"type": "adaptive"}},
    }


def test_a_policy_that_is_not_anthropics_gets_no_hints() -> None:
    request = {
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi", "cache_control": EPHEMERAL}]}],
        "tools": [{"name": "f", "input_schema": {"type": "object"}, "cache_control": EPHEMERAL}],
        "thinking": {"type": "enabled", "budget_tokens": 1024},
    }

    assert without_messages_fields(messages_params_to_responses(request)) == {
        "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}],
        "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": False}],
    }


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"messages": [], "mcp_servers": []}, "mcp_servers"),
        (
            {"messages": [{"role": "assistant", "content": [{"type": "server_tool_use", "id": "s", "name": "n"}]}]},
            r"input\[0\].*'server_tool_use'",
        ),
    ],
)
def test_a_policy_that_is_not_anthropics_refuses_what_it_would_have_to_know(request_: JsonObject, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        without_messages_fields(messages_params_to_responses(request_))


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({}, "'messages' is missing"),
        ({"messages": [{"role": "tool", "content": "x"}]}, r"messages\[0\]: 'role' must be"),
        ({"messages": [{"role": "user", "content": [{"text": "x"}]}]}, r"content\[0\] must be an object with a 'type'"),
        ({"messages": [{"role": "user", "content": [{"type": "tool_result"}]}]}, "tool_use_id must be a string"),
        ({"messages": [{"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "b"}]}]}, "the input"),
        ({"messages": [], "input": "hi"}, "'input' belongs to the Responses API"),
        ({"messages": [], "tools": [{"name": "f"}]}, r"tools\[0\].input_schema must be an object"),
        ({"messages": [], "tool_choice": "auto"}, "tool_choice must be an object"),
        ({"messages": [], "stop_sequences": ["a"], "stop": ["b"]}, "'stop' is asked for twice: .'a'. and .'b'."),
        ({"messages": [], "reasoning": {"effort": "low"}, "output_config": {"effort": "high"}}, "'effort' is asked"),
        ({"messages": [], "thinking": {}, "messages_fields": 3}, "messages_fields must be an object"),
    ],
)
def test_a_malformed_request_is_refused_with_the_place(request_: JsonObject, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        messages_params_to_responses(request_)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"input": "hi", "messages": []}, "'messages' belongs to the Messages API"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, r"input\[0\]: .*'item_reference'"),
        ({"input": [{"type": "message", "role": "user", "content": []}]}, "needs content"),
        ({"input": "hi", "tools": [{"type": "function"}]}, r"tools\[0\].name"),
        ({"input": "hi", "background": True}, "background"),
        ({"input": "hi", "max_output_tokens": 5, "max_tokens": 6}, "'max_tokens' is asked for twice: 5 and 6"),
        ({"input": "hi", "reasoning": {"effort": "none"}, "thinking": {"type": "adaptive"}}, "'thinking' is asked"),
        (
            {
                "input": "hi",
                "tools": [{"type": "function", "name": "f", "parameters": {}}],
                "tool_choice": {"type": "allowed_tools"},
            },
            "no such 'tool_choice'",
        ),
    ],
)
def test_what_cannot_be_asked_of_the_messages_api_is_refused(params: JsonObject, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        responses_params_to_messages(params)


def test_what_is_sent_to_an_anthropic_endpoint_is_what_its_client_would_send() -> None:
    items = [
        {"role": "system", "content": "s", "id": "msg_0"},
        {"role": "user", "content": [{"type": "input_image", "image_url": "https://host/cat.png", "detail": "low"}]},
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "t"}],
            "encrypted_content": "e",
        },
        {"type": "message", "id": "msg_1", "role": "assistant", "content": [{"type": "output_text", "text": ""}]},
        {
            "type": "function_call",
            "id": "fc_1",
            "call_id": "c",
            "name": "f",
            "arguments": "{}",
            "generation_token_ids": [1],
        },
        {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_text", "text": "x"}], "id": "o"},
    ]
    form = {"type": "json_schema", "name": "answer", "schema": {"type": "object"}, "strict": False}

    request = sent(
        *items,
        store=True,
        include=["reasoning.encrypted_content"],
        truncation="disabled",
        top_logprobs=0,
        user="u",
        text={"format": form, "verbosity": "low"},
        reasoning={"effort": "low", "summary": "auto"},
        metadata={"a": "b"},
        tools=[{"type": "function", "name": "f", "parameters": {"type": "object"}, "later": 1}],
    )

    assert request == {
        "system": [{"type": "text", "text": "s"}],
        "messages": [
            {"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": "https://host/cat.png"}}]},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "t", "signature": "e"},
                    {"type": "tool_use", "id": "c", "name": "f", "input": {}},
                ],
            },
            {
                "role": "user",
                "content": [{"type": "tool_result", "tool_use_id": "c", "content": [{"type": "text", "text": "x"}]}],
            },
        ],
        "tools": [{"name": "f", "input_schema": {"type": "object"}}],
        "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}, "effort": "low"},
    }
    for message in request["messages"]:
        TypeAdapter(anthropic.types.MessageParam).validate_python(message)


def test_entries_of_include_that_are_not_known_go_out_whatever_they_are() -> None:
    asked = responses_params_to_messages({"input": "hi", "include": [["x"], "reasoning.encrypted_content"]})

    assert without_responses_fields(asked)["include"] == [["x"]]


@pytest.mark.parametrize("name", ["output_config", "messages_fields"])
def test_an_output_config_in_a_responses_request_is_joined_with_what_becomes_one(name: str) -> None:
    later = {"later": 1} if name == "output_config" else {"output_config": {"later": 1}}
    params = {"input": "hi", name: later, "reasoning": {"effort": "low"}}
    backwards = dict(reversed(params.items()))

    assert responses_params_to_messages(params)["output_config"] == {"later": 1, "effort": "low"}
    assert responses_params_to_messages(backwards)["output_config"] == {"later": 1, "effort": "low"}


def test_metadata_that_is_no_object_is_refused() -> None:
    with pytest.raises(ValueError, match="metadata must be an object"):
        messages_params_to_responses({"messages": [{"role": "user", "content": "hi"}], "metadata": 3})
