"""TOML 1.0. Dates and times become texts in their ISO form."""

import math
import tomllib
from datetime import date, datetime, time
from typing import Any

from resources_servers.structured_outputs.parsers.base import DEEPEST, UnreadableError, too_deep


def parse(text: str, schema: Any) -> Any:
    """The document. Raises UnreadableError."""
    if _brackets(text) > DEEPEST or any(line.partition("=")[0].count(".") > DEEPEST for line in text.split("\n")):
        raise too_deep()
    try:
        return _plain(tomllib.loads(text, parse_float=_finite))
    except RecursionError:
        raise too_deep() from None
    except ValueError as error:
        raise UnreadableError("syntax", f"not TOML: {error}") from None


def _brackets(text: str) -> int:
    """The most brackets that are open at once, those in texts included."""
    depth = most = 0
    for c in text:
        depth += (c in "[{") - (c in "]}")
        most = max(most, depth)
    return most


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise UnreadableError("syntax", f"not TOML for a document: {digits[:20]}")
    return number


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return value.isoformat() if isinstance(value, date | datetime | time) else value
