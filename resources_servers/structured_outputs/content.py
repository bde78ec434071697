"""A document against what it should say: which values are right, which are missing, and which are made up."""

import math
import unicodedata
from datetime import datetime
from typing import Any, Final, NamedTuple

from resources_servers.structured_outputs.formats import is_date_time
from resources_servers.structured_outputs.schemas import Path, leaves

_CLOSE: Final = 1e-9


class Accuracy(NamedTuple):
    """How much of a document is right."""

    score: float
    """Share of right values among those that are wanted and those that nobody asked for."""
    wrong: list[Path]
    """Wanted values that are missing or other than wanted."""
    extra: list[Path]
    """Values that nobody asked for."""


def accuracy(document: Any, expected: Any) -> Accuracy:
    """How much of the document is as expected. A null counts as nothing, so that it may be left out."""
    wanted, found = _said(expected), _said(document)
    wrong = [path for path, value in wanted.items() if path not in found or not is_same(found[path], value)]
    extra = [path for path in found if path not in wanted]
    total = len(wanted) + len(extra)
    return Accuracy((len(wanted) - len(wrong)) / total if total else 1.0, wrong, extra)


def is_same(one: Any, other: Any) -> bool:
    """Whether two scalar values say the same: 3 and 3.0, one instant in two time zones, texts up to white space."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return _is_equal(one, other)
    if isinstance(one, str) and isinstance(other, str):
        return _plain(one) == _plain(other) or _is_same_instant(one, other)
    return one is None and other is None


def _is_equal(one: float, other: float) -> bool:
    try:
        return math.isclose(one, other, rel_tol=_CLOSE, abs_tol=_CLOSE)
    except OverflowError:  # a whole number beyond what a float holds
        return one == other


def _said(document: Any) -> dict[Path, Any]:
    return {path: value for path, value in leaves(document).items() if value is not None}


def _plain(text: str) -> str:
    """A text composed, with single spaces. Texts with long runs of marks stay as they are: composing them is slow."""
    joined = " ".join(text.split())
    return unicodedata.normalize("NFC", joined) if len(joined) < 2000 else joined


def _is_same_instant(one: str, other: str) -> bool:
    if not (is_date_time(one) and is_date_time(other)):
        return False
    try:
        return _instant(one) == _instant(other)
    except ValueError:  # a leap second
        return False


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text.upper())
