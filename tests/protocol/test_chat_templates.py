"""What a chat template is given of a chat request; the tokenizer is a stand-in that gives it back."""

from typing import Any

import pytest

from polygym.protocol.chat.templates import render
from polygym.protocol.json import JsonObject, dumps, loads

TEMPLATE = "{{ tools }}{{ messages }}"
USER = {"role": "user", "content": "hi"}
TOOLS = [{"type": "function", "function": {"name": "add"}}]


class Tokenizer:
    """Its template writes down what it gets."""

    def apply_chat_template(self, conversation: list[JsonObject], **options: Any) -> str:
        """All of it as JSON."""
        if options.get("refuses"):
            raise RuntimeError("no such role")
        return dumps({"messages": conversation, **options}).decode()


def given(request: JsonObject, template: str = TEMPLATE) -> JsonObject:
    """What the template gets."""
    found: JsonObject = loads(render(Tokenizer(), template, {"messages": [USER], **request}))
    return found


def test_messages_tools_and_variables_reach_the_template() -> None:
    request = {"tools": TOOLS, "chat_template_kwargs": {"thinks": True}, "reasoning_effort": "low", "temperature": 0}

    assert given(request) == {
        "messages": [USER],
        "tools": TOOLS,
        "thinks": True,
        "reasoning_effort": "low",
        "add_generation_prompt": True,
        "tokenize": False,
    }


def test_a_variable_of_the_template_wins_over_the_parameter_of_its_name() -> None:
    assert given({"chat_template_kwargs": {"reasoning_effort": "high"}, "reasoning_effort": "low"})[
        "reasoning_effort"
    ] == ("high")


@pytest.mark.parametrize("request_fields", [{}, {"tools": []}, {"tools": TOOLS, "tool_choice": "none"}])
def test_without_tools_to_call_the_model_reads_of_none(request_fields: JsonObject) -> None:
    assert given(request_fields)["tools"] is None


@pytest.mark.parametrize(
    ("message", "seen"),
    [
        (
            {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
            {"content": "ab"},
        ),
        ({"role": "assistant", "content": None}, {"content": ""}),
        ({"role": "developer", "content": "x"}, {"role": "system"}),
        (
            {"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "add", "arguments": '{"a": 1}'}}]},
            {"tool_calls": [{"id": "a", "function": {"name": "add", "arguments": {"a": 1}}}]},
        ),
        (
            {"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "add", "arguments": ""}}]},
            {"tool_calls": [{"id": "a", "function": {"name": "add", "arguments": {}}}]},
        ),
        (
            {"role": "assistant", "tool_calls": [{"function": {"name": "add", "arguments": "{"}}, "odd"]},
            {"tool_calls": [{"function": {"name": "add", "arguments": "{"}}, "odd"]},
        ),
    ],
)
def test_messages_come_in_the_form_that_templates_are_written_for(message: JsonObject, seen: JsonObject) -> None:
    (got,) = given({"messages": [message]})["messages"]

    assert seen.items() <= got.items()


def test_a_template_that_knows_developers_gets_them() -> None:
    (got,) = given({"messages": [{"role": "developer", "content": "x"}]}, "{% if role == 'developer' %}")["messages"]

    assert got["role"] == "developer"


@pytest.mark.parametrize(
    ("request_fields", "template", "said"),
    [
        ({"tools": TOOLS}, "{{ messages }}", "no place for tools"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, TEMPLATE, "image_url"),
        ({"messages": [{"role": "assistant", "tool_calls": 5}]}, TEMPLATE, "tool_calls"),
        ({"chat_template_kwargs": {"refuses": True}}, TEMPLATE, "refuses the request: no such role"),
        ({"chat_template_kwargs": {"tokenize": True}}, TEMPLATE, "refuses the request"),
    ],
)
def test_what_cannot_be_rendered_raises(request_fields: JsonObject, template: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        given(request_fields, template)
