"""Tool calls that stand in the text of a completion, as the model's family writes them."""

from typing import Final, NamedTuple

from polygym import JsonObject
from polygym.protocol.chat.thinking import split_thinking
from polygym.protocol.chat.tool_formats import FORMATS, ToolFormat, Tools, format_of
from polygym.protocol.errors import ConfigError, suggest

AUTO: Final = "auto"


class Told(NamedTuple):
    """What was made of a text."""

    completion: JsonObject
    is_whole: bool
    """Whether it holds all that the model said: calls beyond the one that was asked for are left out."""


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

    def with_calls(self, completion: JsonObject, tools: Tools, *, only_one: bool = False) -> Told:
        """The ChatCompletion with the calls of `tools` taken out of its text, behind its reasoning."""
        choice = completion["choices"][0]
        text: str = choice["message"]["content"]
        rest = split_thinking(text, is_answer=True)[1]
        said, calls = self._format.parse(rest, tools) if tools else (rest, [])
        if not calls:
            return Told(completion, is_whole=True)
        is_whole = len(calls) == 1 or not only_one
        message = {
            **choice["message"],
            "content": text[: len(text) - len(rest)] + said or None,
            "tool_calls": self._format.as_chat(calls if is_whole else calls[:1]),
        }
        reason = "tool_calls" if choice.get("finish_reason") == "stop" else choice.get("finish_reason")
        told = {**completion, "choices": [{**choice, "message": message, "finish_reason": reason}]}
        return Told(told, is_whole)
