"""Content blocks of the Messages API and content parts of the Responses API: texts, images, documents.

A part that the other API has no kind for passes as it is.
"""

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from typing import Any, Final

from polygym.protocol.chat.content import check_parts
from polygym.protocol.chat.shapes import require_text
from polygym.protocol.items import TEXT_PARTS
from polygym.protocol.json import JsonObject
from polygym.protocol.messages.fields import carry_to_messages, carry_to_responses

_TEXT_BLOCK: Final = frozenset({"type", "text"})
_TEXT_PART: Final = frozenset({"type", "text"})
_IMAGE_BLOCK: Final = frozenset({"type", "source"})
_DOCUMENT_BLOCK: Final = frozenset({"type", "source", "title"})
_DATA_URL: Final = re.compile(r"data:(?P<media_type>.*?);base64,(?P<data>.*)", re.DOTALL)
_PLAIN: Final = "text/plain"


def content_to_parts(content: Any) -> str | list[JsonObject]:
    """What a user, a system prompt or a tool says, as Responses input. Raises ValueError."""
    if isinstance(content, str):
        return content
    return [block_to_part(block) for block in check_parts(content)]


def content_to_blocks(content: Any) -> str | list[JsonObject]:
    """The content of an input message, or a tool output, for the Messages API. Raises ValueError."""
    if isinstance(content, str):
        return content
    return [part_to_block(part) for part in check_parts(content)]


def block_to_part(block: JsonObject) -> JsonObject:
    """One block of input as a content part. Raises ValueError."""
    kind = block["type"]
    if kind == "text":
        part = {"type": "input_text", "text": require_text(block.get("text"), "text")}
        return carry_to_responses(part, block, _TEXT_BLOCK)
    if kind == "image":
        return _image_to_part(block)
    if kind == "document":
        return _document_to_part(block)
    return dict(block)


def part_to_block(part: JsonObject) -> JsonObject:
    """One content part of input as a block. Raises ValueError."""
    kind = part["type"]
    if kind in TEXT_PARTS:
        block = {"type": "text", "text": require_text(part.get("text"), "text")}
        return carry_to_messages(block, part, _TEXT_PART)
    if kind == "input_image":
        return _image_to_block(part)
    if kind == "input_file":
        return _file_to_block(part)
    return dict(part)


def _image_to_part(block: JsonObject) -> JsonObject:
    match block.get("source"):
        case {"type": "base64", "media_type": str(media_type), "data": str(data), **rest} if not rest:
            place = {"image_url": f"data:{media_type};base64,{data}"}
        case {"type": "url", "url": str(url), **rest} if not rest:
            place = {"image_url": url}
        case {"type": "file", "file_id": str(file_id), **rest} if not rest:
            place = {"file_id": file_id}
        case _:
            return dict(block)
    part = carry_to_responses({"type": "input_image", **place}, block, _IMAGE_BLOCK)
    part.setdefault("detail", "auto")
    return part


def _image_to_block(part: JsonObject) -> JsonObject:
    if isinstance(part.get("image_url"), str):
        place, source = "image_url", _source_of_url(part["image_url"])
    elif isinstance(part.get("file_id"), str):
        place, source = "file_id", {"type": "file", "file_id": part["file_id"]}
    else:
        return dict(part)
    known = {"type", place, "detail"} if part.get("detail") == "auto" else {"type", place}
    return carry_to_messages({"type": "image", "source": source}, part, known)


def _document_to_part(block: JsonObject) -> JsonObject:
    match block.get("source"):
        case {"type": "base64", "media_type": str(media_type), "data": str(data), **rest} if not rest:
            place = {"file_data": f"data:{media_type};base64,{data}"}
        case {"type": "text", "media_type": "text/plain", "data": str(text), **rest} if not rest:
            place = {"file_data": f"data:{_PLAIN};base64,{b64encode(text.encode()).decode()}"}
        case {"type": "url", "url": str(url), **rest} if not rest:
            place = {"file_url": url}
        case {"type": "file", "file_id": str(file_id), **rest} if not rest:
            place = {"file_id": file_id}
        case _:
            return dict(block)
    part: JsonObject = {"type": "input_file", **place}
    if block.get("title") is not None:
        part["filename"] = block["title"]
    return carry_to_responses(part, block, _DOCUMENT_BLOCK)


def _file_to_block(part: JsonObject) -> JsonObject:
    data = part.get("file_data")
    if isinstance(data, str) and _DATA_URL.fullmatch(data):
        place, source = "file_data", _text_source(data) or _source_of_url(data)
    elif isinstance(part.get("file_url"), str):
        place, source = "file_url", {"type": "url", "url": part["file_url"]}
    elif isinstance(part.get("file_id"), str):
        place, source = "file_id", {"type": "file", "file_id": part["file_id"]}
    else:
        return dict(part)
    block: JsonObject = {"type": "document", "source": source}
    if part.get("filename") is not None:
        block["title"] = part["filename"]
    return carry_to_messages(block, part, {"type", "filename", place})


def _source_of_url(url: str) -> JsonObject:
    found = _DATA_URL.fullmatch(url)
    return {"type": "url", "url": url} if found is None else {"type": "base64", **found.groupdict()}


def _text_source(url: str) -> JsonObject | None:
    """A plain text that sits in a data URL; None when it is none."""
    prefix = f"data:{_PLAIN};base64,"
    if not url.startswith(prefix):
        return None
    try:
        text = b64decode(url[len(prefix) :], validate=True).decode()
    except (Base64Error, UnicodeDecodeError):
        return None
    return {"type": "text", "media_type": _PLAIN, "data": text}
