"""Sounds that a row names in its metadata, because the Responses API has no place for them in its input.

`audio_data` is a data URI, `audio_path` a file, `audio_paths` a list of files. They go before the text of the last
message of the user, as `audio_url` parts.
"""

import asyncio
import base64
from pathlib import Path
from typing import Any, Final

from polygym import JsonObject

AUDIO_FIELDS: Final = ("audio_data", "audio_path", "audio_paths")
_MEDIA_TYPES: Final = {
    ".wav": "wav",
    ".flac": "flac",
    ".mp3": "mpeg",
    ".m4a": "mp4",
    ".ogg": "ogg",
    ".opus": "opus",
}
"""What `data:audio/…` is called, by the file's ending."""


async def with_audio(messages: list[JsonObject], metadata: JsonObject, root: str | None) -> list[JsonObject]:
    """The messages with the sounds that `metadata` names; files are read in a thread. Raises ValueError."""
    named = [field for field in AUDIO_FIELDS if metadata.get(field)]
    if len(named) > 1:
        raise ValueError(f"metadata has {' and '.join(named)}; one of them says what is to be heard")
    given = metadata[named[0]]
    if named[0] == "audio_data":
        urls = [_require_text(given, "audio_data")]
    else:
        paths = given if named[0] == "audio_paths" and isinstance(given, list) else [given]
        files = [_file(_require_text(path, named[0]), root) for path in paths]
        urls = await asyncio.to_thread(lambda: [_data_uri(file) for file in files])
    parts: list[JsonObject] = [{"type": "audio_url", "audio_url": {"url": url}} for url in urls]
    for index in range(len(messages) - 1, -1, -1):
        if messages[index].get("role") == "user":
            return [*messages[:index], _with_parts(messages[index], parts), *messages[index + 1 :]]
    return [*messages, {"role": "user", "content": parts}]


def _with_parts(message: JsonObject, parts: list[JsonObject]) -> JsonObject:
    content = message.get("content")
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    return {**message, "content": [*parts, *(content or ())]}


def _file(path: str, root: str | None) -> Path:
    if Path(path).suffix.lower() not in _MEDIA_TYPES:
        raise ValueError(f"{path}: a sound must be one of {', '.join(_MEDIA_TYPES)}")
    if not Path(path).is_absolute() and root is None:
        raise ValueError(f"{path}: the path is relative; set audio_root, or give the whole path")
    return Path(root or "", path)


def _data_uri(file: Path) -> str:
    try:
        encoded = base64.b64encode(file.read_bytes()).decode()
    except OSError as error:
        raise ValueError(f"{file}: cannot be read: {error.strerror}") from error
    return f"data:audio/{_MEDIA_TYPES[file.suffix.lower()]};base64,{encoded}"


def _require_text(value: Any, field: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"metadata.{field} must be a string, got {type(value).__name__}")
    return value
