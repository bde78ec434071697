"""From the model's actions to OpenEnv's, and from OpenEnv's observations to what the model sees."""

from typing import Any, Final

from polygym import Action, JsonObject, ToolError
from polygym.protocol.json import loads

TOOL: Final = "act"
MCP_ACTIONS: Final = frozenset({"tool_name", "arguments"})
"""Fields of the action class of environments whose actions are calls of MCP tools."""
LONGEST: Final = 1_000_000
"""Characters of an action that is written."""


class Actions:
    """The actions of one environment."""

    def __init__(self, schema: JsonObject | None, mcp_tools: list[JsonObject] | None = None) -> None:
        properties = {**(schema or {}).get("properties", {})}
        properties.pop("metadata", None)
        self._schema = {**(schema or {}), "properties": properties, "type": "object"}
        self._is_known = schema is not None
        self._text_field = _only_text(self._schema)
        self._mcp_tools = mcp_tools
        """Tools that the environment has listed, when its actions are calls of them."""

    def tools(self) -> list[JsonObject]:
        """Definitions for the model: the environment's own tools, or `act`, whose arguments are an action."""
        if self._mcp_tools is not None:
            return [
                {"name": each["name"], "description": each.get("description") or "", "parameters": each["input_schema"]}
                for each in self._mcp_tools
            ]
        description = str(self._schema.get("description") or "Act in the environment.")
        return [{"name": TOOL, "description": description, "parameters": self._schema}] if self._is_known else []

    def payload(self, action: Action) -> JsonObject:
        """The action as OpenEnv takes it. Raises ToolError when it is none."""
        if self._mcp_tools is not None:
            if action.call is None:
                raise ToolError(f"Call one of the tools: {', '.join(each['name'] for each in self._mcp_tools)}.")
            return {"type": "call_tool", "tool_name": action.name, "arguments": action.arguments}
        return action.arguments if action.call is not None else self._written(action)

    def _written(self, action: Action) -> JsonObject:
        tagged = action.tagged()
        said = (action.text if tagged is None else tagged).strip()
        if len(said) > LONGEST:
            raise ToolError(f"An action has {LONGEST} characters at most.")
        try:
            value = loads(said.removeprefix("```json").strip("`"))
        except ValueError:
            value = None
        if isinstance(value, dict):
            return value
        if self._text_field is None:
            names = ", ".join(self._schema["properties"]) or "its fields"
            raise ToolError(f"An action is a JSON object with {names}, written as <action>{{…}}</action>.")
        return {self._text_field: said}


def is_mcp(schema: JsonObject | None) -> bool:
    """Whether actions are calls of MCP tools."""
    return schema is not None and schema.get("properties", {}).keys() >= MCP_ACTIONS


def _only_text(schema: JsonObject) -> str | None:
    """The field of an action that is all there is to it, when that is a text."""
    properties = schema["properties"]
    name = next(iter(properties), None) if len(properties) == 1 else None
    return name if name is not None and properties[name].get("type") == "string" else None


def shown(observation: Any, field: str | None) -> Any:
    """What the model sees: a field, the result of a tool, the only text, or all that is not empty."""
    if not isinstance(observation, dict):
        return observation
    if field is not None:
        return observation.get(field)
    if "tool_name" in observation and "result" in observation:
        error = observation.get("error")
        return {"error": error.get("message", error)} if isinstance(error, dict) else _result(observation["result"])
    told = {name: value for name, value in observation.items() if value not in (None, {}, []) and name != "metadata"}
    only = next(iter(told.values()), "") if len(told) <= 1 else None
    return only if isinstance(only, str) else told


def _result(result: Any) -> Any:
    """An MCP result: its content as text and pictures."""
    content = result.get("content") if isinstance(result, dict) else None
    if not isinstance(content, list) or not all(isinstance(each, dict) for each in content):
        return result
    if all(each.get("type") == "text" for each in content):
        return "\n".join(str(each.get("text")) for each in content)
    return [_part(each) for each in content]


def _part(content: JsonObject) -> JsonObject:
    if content.get("type") == "image":
        url = f"data:{content.get('mimeType')};base64,{content.get('data')}"
        return {"type": "input_image", "image_url": url}
    return {"type": "input_text", "text": str(content.get("text", content))}
