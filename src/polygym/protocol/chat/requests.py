"""Create params of Chat Completions and of the Responses API, turned into each other."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

from polygym.protocol.chat.messages import items_to_messages, messages_to_items, put_instructions_first
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
from polygym.protocol.chat.shapes import require_list, require_object
from polygym.protocol.chat.tools import (
    tool_choice_to_chat,
    tool_choice_to_responses,
    tools_to_chat,
    tools_to_responses,
)
from polygym.protocol.chat.turns import REASONING_FIELDS
from polygym.protocol.json import JsonObject

LOGPROBS_INCLUDED: Final = "message.output_text.logprobs"
"""Entry of `include` that asks a Responses endpoint for log-probabilities; `logprobs: true` in Chat Completions."""

MaxTokensField: TypeAlias = Literal["max_tokens", "max_completion_tokens"]


def chat_params_to_responses(params: JsonObject) -> JsonObject:
    """Responses create params that ask what the chat create params ask.

    Parameters that the Responses API lacks keep their names at the top level. Raises ValueError that names the
    parameter when one is malformed, cannot be expressed, or contradicts another.
    """
    converted: JsonObject = {}
    convert_all(require_object(params, "the request"), _FROM_CHAT, converted)
    if "input" not in converted:
        raise ValueError("'messages' is missing")
    return converted


def responses_params_to_chat(
    params: JsonObject,
    *,
    max_tokens_field: MaxTokensField = "max_tokens",
    reasoning_fields: Sequence[str] = REASONING_FIELDS,
) -> JsonObject:
    """Chat create params that ask what the Responses create params ask.

    `max_tokens_field` is the name that the endpoint wants for the limit of output tokens, `reasoning_fields` are the
    names it reads earlier reasoning from; with none, that text is not sent. Token fields of the last item of
    a turn (`prompt_token_ids`, `generation_token_ids`, `generation_log_probs`) are on its message. Without tools, what
    is said about their choice is left out, as endpoints refuse it. Raises ValueError as `chat_params_to_responses`.
    """
    if require_object(params, "the request").get("input") is None:
        raise ValueError("'input' is missing")
    messages = items_to_messages(params["input"], reasoning_fields)
    if params.get("instructions") is not None:
        put_instructions_first(params["instructions"], messages)
    converted: JsonObject = {"messages": messages}
    limit = params.get("max_output_tokens")
    if limit is not None:
        converted[max_tokens_field] = limit
    _put_tools(params, converted)
    convert_all(params, _FROM_RESPONSES, converted)
    return converted


def _put_n(value: Any, _converted: JsonObject) -> None:
    if value != 1:
        raise ValueError(f"'n' must be 1, this is {value!r}: a Response holds one answer")


def _put_logprobs(value: Any, converted: JsonObject) -> None:
    if value:
        _put_include([LOGPROBS_INCLUDED], converted)


def _put_include(value: Any, converted: JsonObject) -> None:
    included = converted.setdefault("include", [])
    included += [entry for entry in require_list(value, "include") if entry not in included]


def _format_to_responses(value: Any) -> JsonObject:
    form = require_object(value, "response_format")
    if form.get("type") != "json_schema":
        return dict(form)
    return {"type": "json_schema", **require_object(form.get("json_schema"), "response_format.json_schema")}


def _format_to_chat(value: Any) -> JsonObject:
    form = require_object(value, "text.format")
    if form.get("type") != "json_schema":
        return dict(form)
    return {"type": "json_schema", "json_schema": {name: inner for name, inner in form.items() if name != "type"}}


def _put_tools(params: JsonObject, converted: JsonObject) -> None:
    tools, choice = params.get("tools"), params.get("tool_choice")
    if tools:
        converted["tools"] = tools_to_chat(tools)
        if choice is not None:
            converted["tool_choice"] = tool_choice_to_chat(choice)
        if params.get("parallel_tool_calls") is not None:
            converted["parallel_tool_calls"] = params["parallel_tool_calls"]
    elif choice not in (None, "auto", "none"):
        raise ValueError(f"'tool_choice' {choice!r} asks for a tool, and there are none")


def _split_text(value: Any, converted: JsonObject) -> None:
    text = dict(require_object(value, "text"))
    form, verbosity = text.pop("format", None), text.pop("verbosity", None)
    if form is not None:
        put(converted, "response_format", _format_to_chat(form))
    if verbosity is not None:
        put(converted, "verbosity", verbosity)
    put_rest("text", text, converted)


def _split_reasoning(value: Any, converted: JsonObject) -> None:
    reasoning = dict(require_object(value, "reasoning"))
    effort = reasoning.pop("effort", None)
    if effort is not None:
        put(converted, "reasoning_effort", effort)
    put_rest("reasoning", reasoning, converted)


def _split_include(value: Any, converted: JsonObject) -> None:
    included = require_list(value, "include")
    rest = [entry for entry in included if entry != LOGPROBS_INCLUDED]
    if len(rest) < len(included):
        put(converted, "logprobs", True)
    if rest:
        put(converted, "include", rest)


def _put_top_logprobs(value: Any, converted: JsonObject) -> None:
    put(converted, "top_logprobs", value)
    if value:
        put(converted, "logprobs", True)


_FROM_CHAT: Final[Mapping[str, Convert]] = {
    "messages": put_as("input", messages_to_items),
    "input": refuse("'input' belongs to the Responses API; a chat request has 'messages'"),
    "tools": put_as("tools", tools_to_responses),
    "tool_choice": put_as("tool_choice", tool_choice_to_responses),
    "max_tokens": put_as("max_output_tokens"),
    "max_completion_tokens": put_as("max_output_tokens"),
    "response_format": put_into("text", "format", _format_to_responses),
    "verbosity": put_into("text", "verbosity"),
    "text": merge_into("text"),
    "reasoning_effort": put_into("reasoning", "effort"),
    "reasoning": merge_into("reasoning"),
    "logprobs": _put_logprobs,
    "include": _put_include,
    "n": _put_n,
    "functions": refuse("'functions' is no longer part of Chat Completions; use 'tools'"),
    "function_call": refuse("'function_call' is no longer part of Chat Completions; use 'tool_choice'"),
}

_FROM_RESPONSES: Final[Mapping[str, Convert]] = {
    "input": leave_out,
    "instructions": leave_out,
    "max_output_tokens": leave_out,
    "tools": leave_out,
    "tool_choice": leave_out,
    "parallel_tool_calls": leave_out,
    "messages": refuse("'messages' belongs to Chat Completions; a Responses request has 'input'"),
    "text": _split_text,
    "reasoning": _split_reasoning,
    "include": _split_include,
    "top_logprobs": _put_top_logprobs,
    **refuse_state("a Chat Completions endpoint"),
}
