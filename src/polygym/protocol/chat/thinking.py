"""Reasoning that stands in the text of an assistant message, between `<think>` and `</think>`.

Endpoints without a reasoning parser answer so, and some chat templates want earlier reasoning so. Only reasoning that
comes before the answer is taken out of a text: what stands between the tags further down has been said.
"""

from typing import Final

from polygym.protocol.chat.content import check_parts
from polygym.protocol.chat.turns import REASONING_FIELDS
from polygym.protocol.json import JsonObject

OPENING: Final = "<think>"
CLOSING: Final = "</think>"


def split_thinking(text: str, *, is_answer: bool = False) -> tuple[str | None, str]:
    """The reasoning that `text` begins with, None when it has none, and the rest; both exactly as they stand there.

    In the answer to a call the opening tag may be missing, where the prompt ended with it, and the closing one, where
    the model was cut off.
    """
    opened = text.lstrip()
    if opened.startswith(OPENING):
        thought, closing, rest = opened.removeprefix(OPENING).partition(CLOSING)
        return (thought, rest) if closing or is_answer else (None, text)
    thought, closing, rest = text.partition(CLOSING)
    if not is_answer or not closing or OPENING in thought:
        return None, text
    return thought, rest


def with_reasoning_apart(message: JsonObject, *, is_answer: bool = False) -> JsonObject:
    """The assistant message with the reasoning of its text under `reasoning_content`.

    `message` itself when its text begins with none, or it has its reasoning in a field already.
    """
    content = message.get("content")
    if not isinstance(content, str) or (CLOSING not in content and not (is_answer and OPENING in content)):
        return message
    if any(message.get(field) for field in REASONING_FIELDS):
        return message
    thought, rest = split_thinking(content, is_answer=is_answer)
    if thought is None:
        return message
    return {**message, "content": rest, REASONING_FIELDS[0]: thought}


def with_reasoning_inside(message: JsonObject) -> JsonObject:
    """The assistant message with the reasoning of its fields at the head of its text; itself when it has none.

    Raises ValueError when its content is neither text nor a list of parts.
    """
    thought = next((message[field] for field in REASONING_FIELDS if message.get(field)), None)
    if thought is None:
        return message
    others = {name: value for name, value in message.items() if name not in REASONING_FIELDS}
    content = message.get("content") or ""
    inline = f"{OPENING}{thought}{CLOSING}"
    if isinstance(content, str):
        return {**others, "content": inline + content}
    return {**others, "content": [{"type": "text", "text": inline}, *check_parts(content)]}
