"""A tokenizer with its chat template: from a chat request to token ids, from token ids to text."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from polygym import JsonObject
from polygym.protocol.chat.completions import raw_prompt
from polygym.protocol.chat.templates import render
from polygym.protocol.chat.thinking import OPENING
from polygym.protocol.chat.tool_formats import ToolFormat


class Prompt(NamedTuple):
    """What the model is to continue."""

    ids: list[int]
    opens_thinking: bool
    """Whether it ends within the model's reasoning."""


class Prompts:
    """Not to be used by two threads at once: fast tokenizers refuse that."""

    def __init__(self, tokenizer: Any, template: str | None, tool_format: ToolFormat) -> None:
        """`template` is the text of the chat template; None for models that are to go on with plain text."""
        self._tokenizer = tokenizer
        self._template = template
        hidden = set(tokenizer.all_special_ids)
        hidden -= {tokenizer.convert_tokens_to_ids(marker) for marker in tool_format.markers}
        self._hidden: Final = frozenset(hidden)

    def prompt(self, body: JsonObject) -> Prompt:
        """The prompt for a chat request. Raises ValueError when it holds more than text, or the template refuses it."""
        if self._template is None:
            return Prompt(self._tokenizer.encode(raw_prompt(body)), opens_thinking=False)
        text = render(self._tokenizer, self._template, body)
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False)
        return Prompt(ids, text.rstrip().endswith(OPENING))

    def text(self, ids: Sequence[int]) -> str:
        """The text of an answer, without special tokens; those that tell tool calls are kept."""
        return self.exact_text([token for token in ids if token not in self._hidden])

    def exact_text(self, ids: Sequence[int]) -> str:
        """The text of some tokens, special ones included."""
        text: str = self._tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        return text

    def count_until(self, ids: Sequence[int], end: str) -> int:
        """How many of `ids` it takes until their text holds `end`; all, when it never does."""
        return bisect_left(range(len(ids)), True, key=lambda count: end in self.exact_text(ids[:count]))
