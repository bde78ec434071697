"""Content parts of messages and tool outputs: text, images, video, audio, files, refusals, annotations.

A part that the other API has no kind for passes as it is.
"""

from typing import Any, Final

from polygym.protocol.chat.shapes import require_list, require_object, require_text
from polygym.protocol.items import TEXT_PARTS
from polygym.protocol.json import JsonObject

_MEDIA_TO_RESPONSES: Final = {"image_url": "input_image", "video_url": "input_video"}
_MEDIA_TO_CHAT: Final = {responses: chat for chat, responses in _MEDIA_TO_RESPONSES.items()}


def content_to_responses(content: Any) -> str | list[JsonObject]:
    """The content of a system, developer, user or tool message as Responses input. Raises ValueError."""
    if isinstance(content, str):
        return content
    return [_part_to_responses(part) for part in check_parts(content)]


def content_to_chat(content: Any) -> str | list[JsonObject]:
    """The content of an input message, or a tool output, as Chat Completions content. Raises ValueError."""
    if isinstance(content, str):
        return content
    return [part_to_chat(part) for part in check_parts(content)]


def check_parts(content: Any) -> list[JsonObject]:
    """`content`, which must be a list of objects that have a `type`. Raises ValueError."""
    if not isinstance(content, list):
        raise ValueError(f"content must be a string or a list of parts, got {type(content).__name__}")
    for index, part in enumerate(content):
        if not isinstance(part, dict) or not isinstance(part.get("type"), str):
            raise ValueError(f"content[{index}] must be an object with a 'type'")
    return content


def output_parts(content: Any) -> list[JsonObject]:
    """The content of an assistant's chat message as parts of an output message; empty texts are left out.

    Raises ValueError.
    """
    if content is None or content == "":
        return []
    if isinstance(content, str):
        return [{"type": "output_text", "text": content, "annotations": []}]
    return [_output_part(part) for part in check_parts(content) if part.get("text") != ""]


def part_to_chat(part: JsonObject) -> JsonObject:
    """One input part as Chat Completions has it. Raises ValueError."""
    kind = part["type"]
    if kind in TEXT_PARTS:
        return {**part, "type": "text"}
    if kind in _MEDIA_TO_CHAT:
        return _media_to_chat(part, _MEDIA_TO_CHAT[kind])
    if kind == "input_file":
        file = {name: value for name, value in part.items() if value is not None and name not in _OUTSIDE_FILE}
        return {"type": "file", "file": file, **_others(part, file.keys() | {"type"})}
    return dict(part)


_OUTSIDE_FILE: Final = frozenset({"type", "prompt_cache_breakpoint"})


def annotations_to_responses(annotations: Any) -> list[Any]:
    """A chat message's annotations as a text part has them: a citation's fields lie flat. Raises ValueError."""
    converted = []
    for annotation in require_list(annotations, "annotations"):
        if isinstance(annotation, dict) and isinstance(annotation.get("url_citation"), dict):
            converted.append({**_others(annotation, {"url_citation"}), **annotation["url_citation"]})
        else:
            converted.append(annotation)
    return converted


def annotations_to_chat(annotations: Any) -> list[Any]:
    """A text part's annotations as a chat message has them. Raises ValueError."""
    converted = []
    for annotation in require_list(annotations, "annotations"):
        if isinstance(annotation, dict) and annotation.get("type") == "url_citation":
            converted.append({"type": "url_citation", "url_citation": _others(annotation, {"type"})})
        else:
            converted.append(annotation)
    return converted


def _part_to_responses(part: JsonObject) -> JsonObject:
    kind = part["type"]
    if kind == "text":
        return {**part, "type": "input_text"}
    if kind in _MEDIA_TO_RESPONSES:
        return _media_to_responses(part, kind)
    if kind == "file":
        return {**require_object(part.get("file"), "file"), **_others(part, {"file"}), "type": "input_file"}
    return dict(part)


def _output_part(part: JsonObject) -> JsonObject:
    if part["type"] in TEXT_PARTS:
        require_text(part.get("text"), "text")
        return {"annotations": [], **part, "type": "output_text"}
    return dict(part)


def _media_to_responses(part: JsonObject, kind: str) -> JsonObject:
    """`{image_url: {url, detail}}` laid flat; an object with more fields than these stays one, so that none is lost."""
    media = part.get(kind)
    converted = {"type": _MEDIA_TO_RESPONSES[kind], **_others(part, {"type"})}
    if isinstance(media, dict):
        url = require_text(media.get("url"), f"{kind}.url")
        if media.keys() <= {"url", "detail"}:
            converted[kind] = url
            if media.get("detail") is not None:
                converted["detail"] = media["detail"]
    else:
        require_text(media, kind)
    if kind == "image_url":
        converted.setdefault("detail", "auto")
    return converted


def _media_to_chat(part: JsonObject, kind: str) -> JsonObject:
    media = part.get(kind)
    if media is None:
        return dict(part)
    converted = dict(media) if isinstance(media, dict) else {"url": require_text(media, kind)}
    detail = part.get("detail")
    if detail is not None and detail != "auto":
        converted["detail"] = detail
    return {"type": kind, kind: converted, **_others(part, {"type", kind, "detail"})}


def _others(fields: JsonObject, known: set[str]) -> JsonObject:
    """The fields that have a value and are not in `known`."""
    return {name: value for name, value in fields.items() if value is not None and name not in known}
