"""The exact token ids of a conversation's earlier turns, so that a later prompt begins with them.

A chat template that renders an answer again may tokenize it otherwise than the model wrote it, or leave something out.
Here the template's ids are replaced up to the end of the last answer, where it is certain that nothing else has
changed; elsewhere they stay, and whoever makes sequences of the rollout sees a break.
"""

import hashlib
from array import array
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any, Final

from polygym.protocol.chat.thinking import split_thinking
from polygym.protocol.chat.tokens import GENERATION_IDS, PROMPT_IDS, ROUTED_EXPERTS, TOKEN_FIELDS
from polygym.protocol.items import text_of
from polygym.protocol.json import JsonObject, dumps

OF_TOKENS: Final = frozenset({*TOKEN_FIELDS, ROUTED_EXPERTS})
"""Fields of a message that say how it was made, not what was said."""
_BESIDE_MESSAGES: Final = (
    *("tools", "documents", "chat_template", "chat_template_kwargs", "reasoning_effort"),
    *("add_generation_prompt", "continue_final_message", "add_special_tokens", "mm_processor_kwargs"),
)
"""What else a chat template makes a prompt of."""


class EarlierTurns:
    """Which answers were given here, each to what: 32 bytes an answer, the oldest forgotten."""

    def __init__(self, *, of_tokens: Iterable[str] = OF_TOKENS, capacity: int = 65_536) -> None:
        """`of_tokens` are all fields of messages that may come and go without a change to what was said."""
        self._of_tokens = frozenset(of_tokens)
        self._capacity = capacity
        self._asked: OrderedDict[bytes, bytes] = OrderedDict()

    def remember(self, request: JsonObject, answer: JsonObject) -> None:
        """Note that `answer`, a message with its token fields, was said to a chat request and ended by the model."""
        ids = _ids_of(answer)
        if ids is None or answer[GENERATION_IDS].count(ids[-1]) != 1:
            return
        self._asked[_digest_of_ids(ids)] = self._digest(request, request["messages"], answer)
        if len(self._asked) > self._capacity:
            self._asked.popitem(last=False)

    def exact_ids(self, request: JsonObject) -> list[int] | None:
        """The ids of prompt and answer of the last turn of a chat request that has token fields.

        None when there is no such turn, when it was not remembered, or when it, what is before it, the tools or another
        part of the prompt has changed since.
        """
        messages: list[JsonObject] = request["messages"]
        index = next((i for i in range(len(messages) - 1, -1, -1) if GENERATION_IDS in messages[i]), None)
        if index is None:
            return None
        ids = _ids_of(messages[index])
        asked = self._asked.get(_digest_of_ids(ids)) if ids is not None else None
        if asked is None or asked != self._digest(request, messages[:index], messages[index]):
            return None
        return ids

    def without_tokens(self, messages: Sequence[JsonObject]) -> list[JsonObject]:
        """The messages without their token fields."""
        return [
            message
            if self._of_tokens.isdisjoint(message)
            else {name: value for name, value in message.items() if name not in self._of_tokens}
            for message in messages
        ]

    def _digest(self, request: JsonObject, messages: Sequence[JsonObject], answer: JsonObject) -> bytes:
        """Of what was said; of the answer, whose form changes on its way, only text and calls."""
        calls = [call.get("function") for call in answer.get("tool_calls") or () if isinstance(call, dict)]
        said = split_thinking(text_of(answer.get("content")), is_answer=True)[1]
        return _short(dumps([_beside_messages(request), self.without_tokens(messages), said, calls]))


def splice(template_ids: Sequence[int], exact_ids: Sequence[int]) -> list[int] | None:
    """A template's ids for a conversation, with `exact_ids` in place of those up to the end of its last answer.

    That end is a token which the model ends every answer with and the template puts behind every message: where
    `exact_ids` hold it for the nth time and end, so do the template's. None when the template does not use it so.
    """
    end = exact_ids[-1]
    position = -1
    try:
        for _ in range(exact_ids.count(end)):
            position = template_ids.index(end, position + 1)
    except ValueError:
        return None
    return [*exact_ids, *template_ids[position + 1 :]]


def is_text(messages: Iterable[JsonObject]) -> bool:
    """Whether ids can stand for the messages: images and sounds have none."""
    contents = (message.get("content") for message in messages)
    return all(
        isinstance(part, dict) and part.get("type") == "text"
        for content in contents
        if isinstance(content, list)
        for part in content
    )


def _beside_messages(request: JsonObject) -> JsonObject:
    """What else the prompt depends on. Of the choices among tools, those by which endpoints leave some tools out."""
    parts = {name: request[name] for name in _BESIDE_MESSAGES if request.get(name) not in (None, [], {})}
    choice = request.get("tool_choice")
    if isinstance(choice, dict) or choice == "none":
        parts["tool_choice"] = choice
    return parts


def _ids_of(message: JsonObject) -> list[int] | None:
    prompt, generated = message.get(PROMPT_IDS), message[GENERATION_IDS]
    if not isinstance(prompt, list) or not isinstance(generated, list) or not generated:
        return None
    return prompt + generated


def _digest_of_ids(ids: list[Any]) -> bytes:
    try:
        return _short(array("q", ids).tobytes())
    except (TypeError, OverflowError):  # a caller's own invention, which nobody has answered
        return b""


def _short(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()
