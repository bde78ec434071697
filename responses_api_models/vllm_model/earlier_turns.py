"""The exact ids of a conversation's earlier turns, so that a later prompt begins with them.

A chat template that renders an answer again may tokenize it otherwise than the model wrote it. Here the template's ids
are replaced up to the end of the last answer, where it is certain that nothing else differs; elsewhere they stay, and
whoever makes sequences of the rollout sees a break.
"""

import hashlib
from array import array
from collections import OrderedDict
from typing import Any, Final

from polygym import JsonObject, dumps
from polygym.protocol.chat.tokens import GENERATION_IDS, PROMPT_IDS, ROUTED_EXPERTS, TOKEN_FIELDS

_OF_TOKENS: Final = frozenset({*TOKEN_FIELDS, ROUTED_EXPERTS})


class EarlierTurns:
    """What this server was asked before the answers that can be continued: those that the model itself ended."""

    def __init__(self, capacity: int = 65_536) -> None:
        """Remember the last `capacity` answers, 32 bytes each."""
        self._capacity = capacity
        self._asked: OrderedDict[bytes, bytes] = OrderedDict()

    def remember(self, messages: list[JsonObject], completion: JsonObject) -> None:
        """Note that `completion`, which has its token fields, is the answer to `messages`, which have none."""
        choice = completion["choices"][0]
        ids = choice["message"][GENERATION_IDS]
        stopped_by = choice.get("stop_reason") or choice.get("matched_stop")
        if choice.get("finish_reason") not in ("stop", "tool_calls") or isinstance(stopped_by, str):
            return
        if not ids or ids.count(ids[-1]) != 1:
            return
        self._asked[_digest_of_ids(choice["message"][PROMPT_IDS] + ids)] = _digest(messages)
        if len(self._asked) > self._capacity:
            self._asked.popitem(last=False)

    def exact_ids(self, messages: list[JsonObject]) -> list[int] | None:
        """The ids of the prompt and answer of the last turn of `messages` that has token fields.

        None when there is no such turn, the model did not end it, it was not asked here, or the messages before it have
        been changed since.
        """
        for index in range(len(messages) - 1, -1, -1):
            if GENERATION_IDS in messages[index]:
                ids = _ids_of(messages[index])
                asked = self._asked.get(_digest_of_ids(ids)) if ids is not None else None
                if asked is None or asked != _digest(without_tokens(messages[:index])):
                    return None
                return ids
        return None


def without_tokens(messages: list[JsonObject]) -> list[JsonObject]:
    """The messages without their token fields."""
    return [
        message
        if _OF_TOKENS.isdisjoint(message)
        else {name: value for name, value in message.items() if name not in _OF_TOKENS}
        for message in messages
    ]


def splice(template_ids: list[int], exact_ids: list[int]) -> list[int] | None:
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
    return exact_ids + template_ids[position + 1 :]


def _ids_of(message: JsonObject) -> list[int] | None:
    prompt, generated = message.get(PROMPT_IDS), message[GENERATION_IDS]
    if not isinstance(prompt, list) or not isinstance(generated, list):
        return None
    return prompt + generated


def _digest_of_ids(ids: list[Any]) -> bytes:
    try:
        return hashlib.blake2b(array("q", ids).tobytes(), digest_size=16).digest()
    except (TypeError, OverflowError):  # a caller's own invention, which nobody has answered
        return b""


def _digest(messages: list[JsonObject]) -> bytes:
    return hashlib.blake2b(dumps(messages), digest_size=16).digest()
