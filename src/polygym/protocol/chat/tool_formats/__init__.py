"""How model families write tool calls in their text. `base.py` holds the contract, a file each fulfils it."""

from collections.abc import Mapping
from typing import Final

from polygym.protocol.chat.tool_formats.base import Call, Parsed, ToolFormat, Tools, tools_of
from polygym.protocol.chat.tool_formats.deepseek import DEEPSEEK
from polygym.protocol.chat.tool_formats.generic import GENERIC
from polygym.protocol.chat.tool_formats.hermes import HERMES
from polygym.protocol.chat.tool_formats.llama3 import LLAMA3
from polygym.protocol.chat.tool_formats.mistral import MISTRAL
from polygym.protocol.chat.tool_formats.qwen_xml import QWEN_XML

__all__ = ["FORMATS", "Call", "Parsed", "ToolFormat", "Tools", "format_of", "tools_of"]

FORMATS: Final[Mapping[str, ToolFormat]] = {
    known.name: known for known in (DEEPSEEK, MISTRAL, QWEN_XML, HERMES, LLAMA3, GENERIC)
}
"""By name, the most telling first: `<tool_call>` stands in templates of two formats, JSON in all."""


def format_of(template: str) -> ToolFormat:
    """The format that a chat template shows models to write their calls in; generic when it is none that is known."""
    return next(known for known in FORMATS.values() if known.is_used_in(template))
