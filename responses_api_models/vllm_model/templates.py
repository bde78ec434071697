"""A model's chat template, rendered in this process with its own tokenizer.

Needs transformers, which is imported only here and only when a tokenizer is loaded.
"""

import asyncio
import importlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from polygym import JsonObject
from polygym.protocol.chat.templates import render
from polygym.protocol.errors import ConfigError

ResultT = TypeVar("ResultT")


class ChatTemplate:
    """A tokenizer with a chat template; one call at a time, as fast tokenizers refuse to be used by two threads."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self.source = str(tokenizer.chat_template)
        """The template itself."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="chat-template")

    @classmethod
    async def load(cls, name: str, instance: str) -> "ChatTemplate":
        """The template of a folder or a Hugging Face name. Raises ConfigError that names the server's instance."""
        return cls(await asyncio.to_thread(_load, name, instance))

    async def text(self, params: JsonObject) -> str:
        """The prompt for a chat request. Raises ValueError when it holds more than text, or the template refuses it."""
        return await self._run(lambda: self._text(params))

    async def ids(self, params: JsonObject) -> list[int]:
        """The prompt as token ids. Raises ValueError."""

        def encode() -> list[int]:
            ids: list[int] = self._tokenizer.encode(self._text(params), add_special_tokens=False)
            return ids

        return await self._run(encode)

    def close(self) -> None:
        """Let go of the thread."""
        self._thread.shutdown(wait=False)

    async def _run(self, work: Callable[[], ResultT]) -> ResultT:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _text(self, params: JsonObject) -> str:
        return render(self._tokenizer, self.source, params)


def _load(name: str, instance: str) -> Any:
    try:
        transformers, _ = (importlib.import_module(name) for name in ("transformers", "jinja2"))
    except ImportError as error:
        message = f"{instance}: render_chat_template needs transformers: pip install 'polygym[chat-template]'."
        raise ConfigError(message) from error
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(name)
    except (OSError, ValueError) as error:
        said = str(error).strip().splitlines()[0]
        raise ConfigError(f"{instance}: no tokenizer at {name!r}: {said} Set 'tokenizer' to a folder.") from error
    if not tokenizer.chat_template:
        raise ConfigError(
            f"{instance}: the tokenizer {name!r} has no chat template. Set 'tokenizer' to that of a chat model, or"
            " render_chat_template to false."
        )
    return tokenizer
