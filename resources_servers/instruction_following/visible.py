"""A text as a reader sees it: characters that nobody sees are gone, and look-alikes can be told from the real ones.

Without this an answer could hide a forbidden word behind a zero-width space, or a comma behind a full-width one.
"""

import re
import unicodedata
from typing import Final

MOST_MARKS: Final = 4
"""Combining marks on one letter that are kept; more are noise, and slow to put in order."""

_BREAKS = re.compile("\r\n?|[\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029]")
_UNSEEN_KINDS = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
"""Unicode's categories of control and format characters, surrogates, private and unassigned ones."""
_UNSEEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Fillers and joiners that Unicode counts among letters, marks and symbols."""

COMMAS: Final = frozenset(
    ",\u055d\u060c\u066b\u066c\u07f8\u1363\u1802\u1808\u201a\u2e32\u2e34\u2e41\u3001\ua4fe\ua60d\ua6f5\ufe50\ufe51\uff0c\uff64"
)
"""Commas of all scripts, and what looks like one."""

_ALIKE: Final = {
    "a": "\u0430\u03b1\u0251",
    "b": "\u0432\u044c\u03b2",
    "c": "\u0441\u03f2",
    "d": "\u0501",
    "e": "\u0435\u0454\u03b5",
    "g": "\u0261",
    "h": "\u043d\u04bb\u03b7",
    "i": "\u0456\u03b9\u0131",
    "j": "\u0458",
    "k": "\u043a\u03ba",
    "l": "\u04cf",
    "m": "\u043c\u03bc",
    "n": "\u0578",
    "o": "\u043e\u03bf\u0585",
    "p": "\u0440\u03c1",
    "q": "\u051b",
    "s": "\u0455",
    "t": "\u0442\u03c4",
    "u": "\u057d",
    "v": "\u03bd\u0475",
    "w": "\u051d\u0461",
    "x": "\u0445\u03c7",
    "y": "\u0443\u04af\u03c5",
    "z": "\u03b6\u1d22",
}
"""Small letters of other scripts that look like a Latin letter, or whose capitals do."""
_TO_LATIN: Final = {ord(alike): latin for latin, alikes in _ALIKE.items() for alike in alikes}


def visible(text: str) -> str:
    """`text` without what cannot be seen, composed (NFC), every kind of space a space, every line break a newline."""
    text = _BREAKS.sub("\n", text)
    if text.isascii():
        return "".join(c for c in text if (c >= " " and c != "\x7f") or c in "\n\t").replace("\t", " ").strip()
    kept: list[str] = []
    marks = 0
    for c in text:
        if c in "\n\t":
            kept.append("\n" if c == "\n" else " ")
            continue
        kind = unicodedata.category(c)
        marks = marks + 1 if kind in ("Mn", "Me") else 0
        if kind not in _UNSEEN_KINDS and c not in _UNSEEN and not _is_selector(c) and marks <= MOST_MARKS:
            kept.append(" " if kind == "Zs" else c)
    return unicodedata.normalize("NFC", "".join(kept)).strip()


def folded(text: str) -> str:
    """A visible text for comparison: one form for wide, styled and ligated letters, no upper case, ASCII digits."""
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKC", text).casefold().replace("\u2019", "'").replace("\u2018", "'")
    return "".join(str(unicodedata.digit(c)) if c.isdecimal() else c for c in plain)


def bare(text: str) -> str:
    """A folded text without accents, and with Latin letters for those of other scripts that look like them."""
    if text.isascii():
        return text
    parts = unicodedata.normalize("NFKD", text)
    return "".join(c for c in parts if unicodedata.category(c) != "Mn").translate(_TO_LATIN)


def _is_selector(c: str) -> bool:
    """Whether `c` only chooses between forms of the character before it."""
    return "\ufe00" <= c <= "\ufe0f" or "\U000e0100" <= c <= "\U000e01ef" or "\u180b" <= c <= "\u180f"
