"""Create params of the Messages API and of the Responses API, turned into each other.

A parameter that is null counts as absent.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

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

_Convert: TypeAlias = Callable[[Any, JsonObject], None]
"""Puts the counterpart of one parameter's value into the converted params."""

MESSAGES_ONLY: Final = frozenset(
    {
        *("cache_control", "container", "context_management", "diagnostics", "fallbacks", "inference_geo"),
        *("mcp_servers", "speed", "thinking", "user_profile_id", "workspace_id"),
    }
)
"""Parameters that mean something to an Anthropic endpoint alone."""

_MODES: Final[Mapping[str, str]] = {"standard_only": "default"}
_MODES_BACK: Final[Mapping[str, str]] = {"default": "standard_only"}


def messages_params_to_responses(params: JsonObject) -> JsonObject:
    """Responses create params that ask what the Messages create params ask.

    Parameters that the Responses API lacks keep their names at the top level; those of MESSAGES_ONLY are in
    `messages_fields`. Raises ValueError that names the parameter when one is malformed or missing.
    """
    require_object(params, "the request")
    if params.get("messages") is None:
        raise ValueError("'messages' is missing")
    instructions, items = system_to_items(params.get("system") or "")
    converted: JsonObject = {"input": items + messages_to_items(params["messages"])}
    if instructions:
        converted["instructions"] = instructions
    _convert_all(params, _FROM_MESSAGES, converted)
    return converted


def responses_params_to_messages(params: JsonObject) -> JsonObject:
    """Messages create params that ask what the Responses create params ask.

    Parameters that the Messages API lacks keep their names. Without tools, what is said about their choice is left out,
    as endpoints refuse it. Raises ValueError that names the parameter when one is malformed, missing, or cannot be
    expressed.
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
    _convert_all(params, _FROM_RESPONSES, converted)
    return converted


def _convert_all(params: JsonObject, table: Mapping[str, _Convert], converted: JsonObject) -> None:
    for name, value in params.items():
        if value is None:
            continue
        convert = table.get(name)
        if convert is None:
            converted[name] = value
        else:
            convert(value, converted)


def _put_as(name: str, change: Callable[[Any], Any] | None = None) -> _Convert:
    """A parameter that is called `name` on the other side, its value changed or not."""

    def convert(value: Any, converted: JsonObject) -> None:
        converted[name] = value if change is None else change(value)

    return convert


def _carry(name: str) -> _Convert:
    def convert(value: Any, converted: JsonObject) -> None:
        converted.setdefault(MESSAGES_FIELDS, {})[name] = value

    return convert


def _refuse(reason: str) -> _Convert:
    def convert(_value: Any, _converted: JsonObject) -> None:
        raise ValueError(reason)

    return convert


def _leave_out(_value: Any, _converted: JsonObject) -> None:
    """For parameters that have been dealt with."""


def _put_tool_choice(value: Any, converted: JsonObject) -> None:
    converted.update(tool_choice_to_responses(value))


def _split_output_config(value: Any, converted: JsonObject) -> None:
    config = {field: inner for field, inner in require_object(value, "output_config").items() if inner is not None}
    form, effort = config.pop("format", None), config.pop("effort", None)
    if form is not None:
        converted["text"] = {**converted.get("text", {}), "format": format_to_responses(form)}
    if effort is not None:
        converted["reasoning"] = {**converted.get("reasoning", {}), "effort": effort}
    if config:
        _carry("output_config")(config, converted)


def _merge_into(name: str) -> _Convert:
    """An object whose fields may also come from a parameter of the other API."""

    def convert(value: Any, converted: JsonObject) -> None:
        converted[name] = {**converted.get(name, {}), **require_object(value, name)}

    return convert


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
    converted["stop_sequences"] = [value] if isinstance(value, str) else require_list(value, "stop")


def _split_text(value: Any, converted: JsonObject) -> None:
    text = {field: inner for field, inner in require_object(value, "text").items() if inner is not None}
    form = format_to_messages(text.pop("format")) if "format" in text else None
    if form is not None:
        converted["output_config"] = {**converted.get("output_config", {}), "format": form}
    if text:
        converted["text"] = text


def _split_reasoning(value: Any, converted: JsonObject) -> None:
    reasoning = {field: inner for field, inner in require_object(value, "reasoning").items() if inner is not None}
    effort = reasoning.pop("effort", None)
    if effort == "none":
        converted.setdefault("thinking", {"type": "disabled"})
    elif effort is not None:
        converted["output_config"] = {**converted.get("output_config", {}), "effort": effort}
    if reasoning:
        converted["reasoning"] = reasoning


def _restore(value: Any, converted: JsonObject) -> None:
    for name, inner in require_object(value, MESSAGES_FIELDS).items():
        if name == "output_config":
            _merge_into(name)(inner, converted)
        else:
            converted[name] = inner


def _refuse_state(name: str) -> _Convert:
    return _refuse(f"{name!r} refers to what a Responses server keeps; a Messages endpoint has no such thing")


def _put_background(value: Any, converted: JsonObject) -> None:
    if value:
        _refuse_state("background")(value, converted)


_FROM_MESSAGES: Final[Mapping[str, _Convert]] = {
    **{name: _carry(name) for name in MESSAGES_ONLY},
    "messages": _leave_out,
    "system": _leave_out,
    "max_tokens": _put_as("max_output_tokens"),
    "stop_sequences": _put_as("stop"),
    "tools": _put_as("tools", tools_to_responses),
    "tool_choice": _put_tool_choice,
    "output_config": _split_output_config,
    "service_tier": _put_as("service_tier", lambda mode: _MODES.get(mode, mode) if isinstance(mode, str) else mode),
    "metadata": _merge_into("metadata"),
    "text": _merge_into("text"),
    "reasoning": _merge_into("reasoning"),
    "input": _refuse("'input' belongs to the Responses API; a Messages request has 'messages'"),
    "instructions": _refuse("'instructions' belongs to the Responses API; a Messages request has 'system'"),
    "max_output_tokens": _refuse("'max_output_tokens' belongs to the Responses API; a Messages request: 'max_tokens'"),
}

_FROM_RESPONSES: Final[Mapping[str, _Convert]] = {
    "input": _leave_out,
    "instructions": _leave_out,
    "tools": _leave_out,
    "tool_choice": _leave_out,
    "parallel_tool_calls": _leave_out,
    "max_output_tokens": _put_as("max_tokens"),
    "stop": _put_stop,
    "text": _split_text,
    "reasoning": _split_reasoning,
    "service_tier": _put_as(
        "service_tier", lambda mode: _MODES_BACK.get(mode, mode) if isinstance(mode, str) else mode
    ),
    MESSAGES_FIELDS: _restore,
    "messages": _refuse("'messages' belongs to the Messages API; a Responses request has 'input'"),
    "background": _put_background,
    "previous_response_id": _refuse_state("previous_response_id"),
    "conversation": _refuse_state("conversation"),
    "prompt": _refuse_state("prompt"),
}
