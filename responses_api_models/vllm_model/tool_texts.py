"""Tool calls that stand in the text of a completion, as the model's family writes them."""

from typing import Any, Final

from polygym import JsonObject
from polygym.protocol.chat.thinking import split_thinking
from polygym.protocol.errors import ConfigError, suggest
from responses_api_models.transformers_model.tool_formats import FORMATS, ToolFormat, format_of

AUTO: Final = "auto"


class ToolTexts:
    """Reads the calls of one format."""

    def __init__(self, tool_format: ToolFormat) -> None:
        self._format = tool_format
        self.params: JsonObject = {"skip_special_tokens": False} if tool_format.markers else {}
        """Parameters of a text completion without which the text would lack what its calls are told by."""

    @classmethod
    def named(cls, name: str, template: str, instance: str) -> "ToolTexts":
        """The format of that name; with `auto`, the one that a chat template shows. Raises ConfigError."""
        if name == AUTO:
            return cls(format_of(template))
        if name not in FORMATS:
            raise ConfigError(f"{instance}: no tool_format {name!r}. {suggest(name, [AUTO, *FORMATS])}")
        return cls(FORMATS[name])

    def with_calls(self, completion: JsonObject, body: JsonObject) -> JsonObject:
        """The ChatCompletion with the calls of the tools that `body` offers taken out of its text, behind reasoning."""
        tools = _tools_of(body)
        choice = completion["choices"][0]
        text: str = choice["message"]["content"]
        rest = split_thinking(text, is_answer=True)[1]
        said, calls = self._format.parse(rest, tools) if tools else (rest, [])
        if not calls:
            return completion
        message = {
            **choice["message"],
            "content": text[: len(text) - len(rest)] + said or None,
            "tool_calls": [
                {
                    "id": self._format.new_call_id(),
                    "type": "function",
                    "function": {"name": call.name, "arguments": call.arguments},
                }
                for call in calls
            ],
        }
        reason = "tool_calls" if choice.get("finish_reason") == "stop" else choice.get("finish_reason")
        return {**completion, "choices": [{**choice, "message": message, "finish_reason": reason}]}


def _tools_of(body: JsonObject) -> dict[str, JsonObject]:
    """Schemas of the parameters of the functions that the model may call, by name."""
    if body.get("tool_choice") == "none":
        return {}
    functions = [tool.get("function") for tool in body.get("tools") or () if isinstance(tool, dict)]
    return {str(f.get("name")): _schema(f.get("parameters")) for f in functions if isinstance(f, dict)}


def _schema(given: Any) -> JsonObject:
    return given if isinstance(given, dict) else {}
