"""Create params of the Messages API and of the Responses API, turned into each other."""

from collections.abc import Mapping
from typing import Any, Final

from polygym.protocol.chat.parameters import (
    Convert,
    convert_all,
    leave_out,
    merge_into,
    put,
    put_as,
    put_into,
    put_rest,
    refuse,
    refuse_state,
)
from polygym.protocol.chat.shapes import require_list, require_object, require_text
from polygym.protocol.json import JsonObject
from polygym.protocol.messages.conversation import items_to_messages, messages_to_items, system_to_items
from polygym.protocol.messages.fields import MESSAGES_FIELDS, RESPONSES_FIELDS
from polygym.protocol.messages.tools import (
    format_to_messages,
    format_to_responses,
    tool_choice_to_messages,
    tool_choice_to_responses,
    tools_to_messages,
    tools_to_responses,
)

MESSAGES_ONLY: Final = frozenset(
    {
        *("cache_control", "container", "context_management", "diagnostics", "fallbacks", "inference_geo"),
        *("mcp_servers", "speed", "thinking", "user_profile_id", "workspace_id"),
    }
)
"""Parameters that mean something to an Anthropic endpoint alone."""

_put_text_format: Final = put_into("text", "format", format_to_responses)
_put_reasoning_effort: Final = put_into("reasoning", "effort")
_carry_output_config: Final = put_into(MESSAGES_FIELDS, "output_config")
_put_format: Final = put_into("output_config", "format")
_put_effort: Final = put_into("output_config", "effort")
_merge_output_config: Final = merge_into("output_config")

_MODES: Final[Mapping[str, str]] = {"standard_only": "default"}
_MODES_BACK: Final[Mapping[str, str]] = {"default": "standard_only"}


def messages_params_to_responses(params: JsonObject) -> JsonObject:
    """Responses create params that ask what the Messages create params ask.

    Parameters that the Responses API lacks keep their names at the top level; those of MESSAGES_ONLY are in
    `messages_fields`. Raises ValueError that names the parameter when one is malformed, missing, or contradicts
    another.
    """
    require_object(params, "the request")
    if params.get("messages") is None:
        raise ValueError("'messages' is missing")
    instructions, items = system_to_items(params.get("system") or "")
    converted: JsonObject = {"input": items + messages_to_items(params["messages"])}
    if instructions:
        converted["instructions"] = instructions
    convert_all(params, _FROM_MESSAGES, converted)
    return converted


def responses_params_to_messages(params: JsonObject) -> JsonObject:
    """Messages create params that ask what the Responses create params ask.

    Parameters that the Messages API lacks keep their names. Without tools, what is said about their choice is left out,
    as endpoints refuse it. Raises ValueError that names the parameter when one is malformed, missing, cannot be
    expressed, or contradicts another.
    """
    require_object(params, "the request")
    if params.get("input") is None:
        raise ValueError("'input' is missing")
    system, messages = items_to_messages(params["input"])
    converted: JsonObject = {"messages": messages}
    instructions = require_text(params.get("instructions") or "", "instructions")
    if instructions and system:
        system = [{"type": "text", "text": instructions, RESPONSES_FIELDS: {"instructions": True}}, *system]
    if instructions or system:
        converted["system"] = system or instructions
    _put_tools(params, converted)
    convert_all(params, _FROM_RESPONSES, converted)
    return converted


def _put_tool_choice(value: Any, converted: JsonObject) -> None:
    for name, asked in tool_choice_to_responses(value).items():
        put(converted, name, asked)


def _split_output_config(value: Any, converted: JsonObject) -> None:
    config = {field: inner for field, inner in require_object(value, "output_config").items() if inner is not None}
    form, effort = config.pop("format", None), config.pop("effort", None)
    if form is not None:
        _put_text_format(form, converted)
    if effort is not None:
        _put_reasoning_effort(effort, converted)
    if config:
        _carry_output_config(config, converted)


def _put_tools(params: JsonObject, converted: JsonObject) -> None:
    tools, choice = params.get("tools"), params.get("tool_choice")
    if tools:
        converted["tools"] = tools_to_messages(tools)
        asked = tool_choice_to_messages(choice, params.get("parallel_tool_calls"))
        if asked is not None:
            converted["tool_choice"] = asked
    elif choice not in (None, "auto", "none"):
        raise ValueError(f"'tool_choice' {choice!r} asks for a tool, and there are none")


def _put_stop(value: Any, converted: JsonObject) -> None:
    put(converted, "stop_sequences", [value] if isinstance(value, str) else require_list(value, "stop"))


def _split_text(value: Any, converted: JsonObject) -> None:
    text = dict(require_object(value, "text"))
    given = text.pop("format", None)
    form = None if given is None else format_to_messages(given)
    if form is not None:
        _put_format(form, converted)
    put_rest("text", text, converted)


def _split_reasoning(value: Any, converted: JsonObject) -> None:
    reasoning = dict(require_object(value, "reasoning"))
    effort = reasoning.pop("effort", None)
    if effort == "none":
        put(converted, "thinking", {"type": "disabled"})
    elif effort is not None:
        _put_effort(effort, converted)
    put_rest("reasoning", reasoning, converted)


def _restore(value: Any, converted: JsonObject) -> None:
    for name, inner in require_object(value, MESSAGES_FIELDS).items():
        if name == "output_config":
            _merge_output_config(inner, converted)
        else:
            put(converted, name, inner)


_FROM_MESSAGES: Final[Mapping[str, Convert]] = {
    **{name: put_into(MESSAGES_FIELDS, name) for name in MESSAGES_ONLY},
    MESSAGES_FIELDS: merge_into(MESSAGES_FIELDS),
    "messages": leave_out,
    "system": leave_out,
    "max_tokens": put_as("max_output_tokens"),
    "stop_sequences": put_as("stop"),
    "tools": put_as("tools", tools_to_responses),
    "tool_choice": _put_tool_choice,
    "output_config": _split_output_config,
    "service_tier": put_as("service_tier", lambda mode: _MODES.get(mode, mode) if isinstance(mode, str) else mode),
    "metadata": merge_into("metadata"),
    "text": merge_into("text"),
    "reasoning": merge_into("reasoning"),
    "input": refuse("'input' belongs to the Responses API; a Messages request has 'messages'"),
    "instructions": refuse("'instructions' belongs to the Responses API; a Messages request has 'system'"),
    "max_output_tokens": refuse("'max_output_tokens' belongs to the Responses API; a Messages request: 'max_tokens'"),
}

_FROM_RESPONSES: Final[Mapping[str, Convert]] = {
    "input": leave_out,
    "instructions": leave_out,
    "tools": leave_out,
    "tool_choice": leave_out,
    "parallel_tool_calls": leave_out,
    "max_output_tokens": put_as("max_tokens"),
    "stop": _put_stop,
    "text": _split_text,
    "reasoning": _split_reasoning,
    "service_tier": put_as("service_tier", lambda mode: _MODES_BACK.get(mode, mode) if isinstance(mode, str) else mode),
    "output_config": _merge_output_config,
    MESSAGES_FIELDS: _restore,
    "messages": refuse("'messages' belongs to the Messages API; a Responses request has 'input'"),
    **refuse_state("a Messages endpoint"),
}
