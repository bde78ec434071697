"""JSON as it travels: the type of an object, and one way in and one way out.

Values stay plain dicts and lists, so a provider's unknown fields come out as they went in. Knows no kind of message.
"""

import sys
from typing import Any, TypeAlias

import msgspec
import orjson

JsonObject: TypeAlias = dict[str, Any]
"""A decoded JSON object. Its values are whatever the sender put there."""


def loads(data: bytes | memoryview | str) -> Any:
    """The decoded value. Raises ValueError (orjson's, with line and column) when `data` is not JSON."""
    return orjson.loads(data)


def copied(value: Any) -> Any:
    """A copy of decoded JSON that shares nothing with it but what cannot be changed: texts and numbers."""
    return msgspec.to_builtins(value)


def dumps(value: Any) -> bytes:
    """Compact UTF-8 JSON without a line break. Raises TypeError for values that JSON cannot hold.

    NaN and infinities become null, as in orjson; a reward is checked before it gets here.
    """
    try:
        return orjson.dumps(value)
    except TypeError:  # rare enough to pay for it only then: other keys than strings, NumPy's numbers and arrays
        return orjson.dumps(value, option=_lenient())


def _lenient() -> int:
    """Options for what plain JSON refuses. NumPy's only where it is loaded: orjson would import it, for 0.2 seconds."""
    return orjson.OPT_NON_STR_KEYS | (orjson.OPT_SERIALIZE_NUMPY if "numpy" in sys.modules else 0)


def dumps_line(value: Any) -> bytes:
    """As `dumps`, with a line break at the end: a row of JSONL."""
    try:
        return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:
        return dumps(value) + b"\n"


def dumps_indented(value: Any) -> bytes:
    """Two-space indented UTF-8 JSON with a final line break, for files that people read."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | _lenient())
