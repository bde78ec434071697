"""Tools and the choice among them: nested by kind in Chat Completions, flat in the Responses API.

Hosted tools (`web_search`, `mcp` …) are the same in both and pass as they are. A function that says nothing about
`strict` is not strict in Chat Completions and may be made so in the Responses API (OpenAI guide, function calling), so
the one becomes `strict: false` and the other way round.
"""

from typing import Any

from polygym.protocol.chat.shapes import require_list, require_object, require_text
from polygym.protocol.json import JsonObject


def tools_to_responses(tools: Any) -> list[JsonObject]:
    """Chat tools as Responses tools; fields beside `function` come to lie among its own. Raises ValueError."""
    return [_tool_to_responses(tool, f"tools[{index}]") for index, tool in enumerate(require_list(tools, "tools"))]


def tools_to_chat(tools: Any) -> list[JsonObject]:
    """Responses tools as chat tools. Raises ValueError."""
    return [_tool_to_chat(tool, f"tools[{index}]") for index, tool in enumerate(require_list(tools, "tools"))]


def tool_choice_to_responses(choice: Any) -> str | JsonObject:
    """A chat request's `tool_choice` as the Responses API has it. Raises ValueError."""
    if isinstance(choice, str):
        return choice
    kind = require_object(choice, "tool_choice").get("type")
    if kind == "function" or kind == "custom" or kind == "allowed_tools":
        converted = {"type": kind, **require_object(choice.get(kind), f"tool_choice.{kind}")}
        if kind == "allowed_tools":
            converted["tools"] = [_flat(tool) for tool in _allowed(converted)]
        return converted
    return dict(choice)


def tool_choice_to_chat(choice: Any) -> str | JsonObject:
    """A Responses request's `tool_choice` as Chat Completions has it. Raises ValueError."""
    if isinstance(choice, str):
        return choice
    kind = require_object(choice, "tool_choice").get("type")
    if kind == "function" or kind == "custom" or kind == "allowed_tools":
        named = {name: value for name, value in choice.items() if name != "type"}
        if kind == "allowed_tools":
            named["tools"] = [_nested(tool) for tool in _allowed(named)]
        return {"type": kind, kind: named}
    return dict(choice)


def _allowed(choice: JsonObject) -> list[JsonObject]:
    """The references to tools that a choice of kind `allowed_tools` holds."""
    return [require_object(tool, "an allowed tool") for tool in require_list(choice.get("tools"), "allowed tools")]


def _flat(reference: JsonObject) -> JsonObject:
    kind = reference.get("type")
    inner = reference.get(kind) if isinstance(kind, str) else None
    return {"type": kind, **inner} if isinstance(inner, dict) else dict(reference)


def _nested(reference: JsonObject) -> JsonObject:
    kind = reference.get("type")
    if kind != "function" and kind != "custom":
        return dict(reference)
    return {"type": kind, kind: {name: value for name, value in reference.items() if name != "type"}}


def _tool_to_responses(value: Any, where: str) -> JsonObject:
    tool = require_object(value, where)
    kind = tool.get("type")
    if kind == "function":
        function = require_object(tool.get("function"), f"{where}.function")
        require_text(function.get("name"), f"{where}.function.name")
        flat = {**tool, **function}
        del flat["function"]
        if flat.get("strict") is None:
            flat["strict"] = False
        return flat
    if kind == "custom":
        return _custom_to_responses(tool, where)
    return dict(tool)


def _tool_to_chat(value: Any, where: str) -> JsonObject:
    tool = require_object(value, where)
    kind = tool.get("type")
    if kind == "function":
        require_text(tool.get("name"), f"{where}.name")
        function = {n: v for n, v in tool.items() if v is not None and n != "type"}
        if function.get("strict") is False:
            del function["strict"]
        return {"type": "function", "function": function}
    if kind == "custom":
        return _custom_to_chat(tool, where)
    return dict(tool)


def _custom_to_responses(tool: JsonObject, where: str) -> JsonObject:
    """A custom tool; its grammar lies one level deeper in Chat Completions."""
    custom = require_object(tool.get("custom"), f"{where}.custom")
    require_text(custom.get("name"), f"{where}.custom.name")
    flat = {**tool, **custom}
    del flat["custom"]
    form = flat.get("format")
    if isinstance(form, dict) and isinstance(form.get("grammar"), dict):
        flat["format"] = {"type": form.get("type"), **form["grammar"]}
    return flat


def _custom_to_chat(tool: JsonObject, where: str) -> JsonObject:
    require_text(tool.get("name"), f"{where}.name")
    custom = {n: v for n, v in tool.items() if v is not None and n != "type"}
    form = custom.get("format")
    if isinstance(form, dict) and form.get("type") == "grammar":
        custom["format"] = {"type": "grammar", "grammar": {n: v for n, v in form.items() if n != "type"}}
    return {"type": "custom", "custom": custom}
