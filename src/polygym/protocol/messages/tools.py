"""Tools, the choice among them and the form of the output, in the words of either API.

Tools that Anthropic runs or defines itself (`web_search_20250305`, `bash_20250124` …) and hosted tools of OpenAI pass
as they are. A tool that says nothing about `strict` is not strict in the Messages API and may be made so in the
Responses API (OpenAI guide, function calling), so the one becomes `strict: false` and the other way round.
"""

from collections.abc import Mapping
from typing import Any, Final

from polygym.protocol.chat.shapes import require_list, require_object, require_text
from polygym.protocol.json import JsonObject
from polygym.protocol.messages.fields import carry_to_messages, carry_to_responses

FORMAT_NAME: Final = "output"
"""Name of the output's form, which the Responses API wants and the Messages API lacks."""

_TOOL: Final = frozenset({"name", "description", "input_schema", "strict"})
_FUNCTION: Final = frozenset({"type", "name", "description", "parameters", "strict"})
_FORM: Final = frozenset({"type", "schema"})
_CHOICES: Final[Mapping[str, str]] = {"auto": "auto", "any": "required", "none": "none"}
_CHOICES_BACK: Final[Mapping[str, str]] = {"auto": "auto", "required": "any", "none": "none"}
_PARALLEL: Final = "disable_parallel_tool_use"


def tools_to_responses(tools: Any) -> list[JsonObject]:
    """Tools of a Messages request as Responses tools. Raises ValueError."""
    return [_tool_to_function(tool, f"tools[{index}]") for index, tool in enumerate(require_list(tools, "tools"))]


def tools_to_messages(tools: Any) -> list[JsonObject]:
    """Responses tools for a Messages request. Raises ValueError."""
    return [_function_to_tool(tool, f"tools[{index}]") for index, tool in enumerate(require_list(tools, "tools"))]


def tool_choice_to_responses(value: Any) -> JsonObject:
    """`tool_choice` and, where it is said, `parallel_tool_calls` of a Responses request. Raises ValueError.

    A choice with fields that are not known here passes as it is.
    """
    choice = require_object(value, "tool_choice")
    kind, rest = choice.get("type"), {n: v for n, v in choice.items() if n not in ("type", _PARALLEL)}
    converted: JsonObject
    if kind == "tool" and rest.keys() == {"name"}:
        converted = {"tool_choice": {"type": "function", "name": rest["name"]}}
    elif isinstance(kind, str) and kind in _CHOICES and not rest:
        converted = {"tool_choice": _CHOICES[kind]}
    else:
        return {"tool_choice": choice}
    if choice.get(_PARALLEL):
        converted["parallel_tool_calls"] = False
    return converted


def tool_choice_to_messages(choice: Any, is_parallel: Any) -> JsonObject | None:
    """`tool_choice` of a Messages request with tools; None when nothing is asked for. Raises ValueError."""
    converted: JsonObject
    match choice:
        case None:
            converted = {"type": "auto"}
        case "auto" | "required" | "none":
            converted = {"type": _CHOICES_BACK[choice]}
        case {"type": "function", "name": str(name)}:
            converted = {"type": "tool", "name": name}
        case {"type": "auto" | "any" | "tool" | "none"}:
            return dict(choice)
        case _:
            raise ValueError(f"the Messages API has no such 'tool_choice': {choice!r}")
    if is_parallel is False and converted["type"] != "none":
        converted[_PARALLEL] = True
    elif choice is None:
        return None
    return converted


def format_to_responses(value: Any) -> JsonObject:
    """The form of the output (`output_config.format`) as `text.format`. Raises ValueError."""
    form = require_object(value, "output_config.format")
    if form.get("type") != "json_schema":
        return dict(form)
    converted: JsonObject = {"type": "json_schema", "schema": form.get("schema")}
    carry_to_responses(converted, form, _FORM)
    converted.setdefault("name", FORMAT_NAME)
    converted.setdefault("strict", True)
    return converted


def format_to_messages(value: Any) -> JsonObject | None:
    """`text.format` as the form of the output; None for plain text. Anthropic's are strict. Raises ValueError."""
    form = require_object(value, "text.format")
    if form.get("type") == "text":
        return None
    if form.get("type") != "json_schema":
        return dict(form)
    known = {"type", "schema"}
    known |= {"name"} if form.get("name") == FORMAT_NAME else set()
    known |= {"strict"} if form.get("strict") is True else set()
    return carry_to_messages({"type": "json_schema", "schema": form.get("schema")}, form, known)


def _tool_to_function(value: Any, where: str) -> JsonObject:
    tool = require_object(value, where)
    if tool.get("type") not in (None, "custom"):
        return dict(tool)
    function: JsonObject = {"type": "function", "name": require_text(tool.get("name"), f"{where}.name")}
    if tool.get("description") is not None:
        function["description"] = tool["description"]
    function["parameters"] = require_object(tool.get("input_schema"), f"{where}.input_schema")
    function["strict"] = bool(tool.get("strict"))
    return carry_to_responses(function, tool, _TOOL)


def _function_to_tool(value: Any, where: str) -> JsonObject:
    function = require_object(value, where)
    kind = function.get("type")
    if kind == "custom" and "input_schema" not in function:
        raise ValueError(f"{where}: the Messages API has no tools whose input is free text")
    if kind != "function":
        return dict(function)
    tool: JsonObject = {"name": require_text(function.get("name"), f"{where}.name")}
    if function.get("description") is not None:
        tool["description"] = function["description"]
    schema = function.get("parameters")
    tool["input_schema"] = {"type": "object"} if schema is None else require_object(schema, f"{where}.parameters")
    if function.get("strict"):
        tool["strict"] = True
    return carry_to_messages(tool, function, _FUNCTION)
