"""Random texts: words, texts of a JSON Schema format, and texts that match a regular expression."""

import re
import string
from collections.abc import Callable
from random import Random
from typing import TypeAlias

from responses_api_models.random_model.schema_check import UnsatisfiableError

WORDS = (
    "amber",
    "basil",
    "cedar",
    "delta",
    "ember",
    "fable",
    "grove",
    "hazel",
    "iris",
    "juniper",
    "koala",
    "lemon",
    "maple",
    "nectar",
    "opal",
    "pepper",
    "quartz",
    "river",
    "saffron",
    "thistle",
    "umber",
    "velvet",
    "willow",
    "xenon",
    "yarrow",
    "zephyr",
)


def random_text(rng: Random, low: int, high: int) -> str:
    """Words, cut or filled up to between `low` and `high` characters."""
    text = " ".join(rng.choices(WORDS, k=rng.randint(1, 3)))
    while len(text) < low:
        text += " " + rng.choice(WORDS)
    return text if len(text) <= high else text[:high]


def _digits(rng: Random, count: int, alphabet: str = "0123456789abcdef") -> str:
    return "".join(rng.choices(alphabet, k=count))


def _date(rng: Random) -> str:
    return f"{rng.randint(1990, 2040)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"


def _time(rng: Random) -> str:
    return f"{rng.randint(0, 23):02}:{rng.randint(0, 59):02}:{rng.randint(0, 59):02}Z"


def _host(rng: Random) -> str:
    return f"{rng.choice(WORDS)}.example"


FORMATS: dict[str, Callable[[Random], str]] = {
    "date": _date,
    "time": _time,
    "date-time": lambda rng: f"{_date(rng)}T{_time(rng)}",
    "duration": lambda rng: f"P{rng.randint(1, 9)}DT{rng.randint(1, 9)}H",
    "email": lambda rng: f"{rng.choice(WORDS)}@{_host(rng)}",
    "idn-email": lambda rng: f"{rng.choice(WORDS)}@{_host(rng)}",
    "hostname": _host,
    "idn-hostname": _host,
    "ipv4": lambda rng: f"192.0.2.{rng.randint(0, 255)}",
    "ipv6": lambda rng: f"2001:db8::{_digits(rng, 4)}",
    "uri": lambda rng: f"https://{_host(rng)}/{rng.choice(WORDS)}",
    "url": lambda rng: f"https://{_host(rng)}/{rng.choice(WORDS)}",
    "iri": lambda rng: f"https://{_host(rng)}/{rng.choice(WORDS)}",
    "uri-reference": lambda rng: f"/{rng.choice(WORDS)}",
    "json-pointer": lambda rng: f"/{rng.choice(WORDS)}",
    "regex": lambda rng: rng.choice(WORDS),
    "uuid": lambda rng: "-".join(
        (_digits(rng, 8), _digits(rng, 4), "4" + _digits(rng, 3), "a" + _digits(rng, 3), _digits(rng, 12))
    ),
}
"""Makers of texts by the name of their format."""

Node: TypeAlias = Callable[[Random, int], str]
"""Makes one text; the number is how often an open-ended part may be repeated beyond its minimum."""

_PRINTABLE = "".join(map(chr, range(32, 127)))
_ESCAPED_CLASSES = {
    "d": string.digits,
    "w": string.ascii_letters + string.digits + "_",
    "s": " ",
    "D": "".join(char for char in _PRINTABLE if char not in string.digits),
    "W": "".join(char for char in _PRINTABLE if not (char.isalnum() or char == "_")),
    "S": _PRINTABLE.strip(),
}
_ESCAPED_CHARS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v", "0": "\0"}
_QUANTIFIER = re.compile(r"(?:\*|\+|\?|\{(\d+)(?:(,)(\d*))?\})[?+]?")
_GROUP_OPENING = re.compile(r"\((?:\?:|\?P?<[A-Za-z_]\w*>)?")
_LONGEST_RANGE = 256


def random_match(pattern: str, rng: Random, reach: int) -> str:
    """A text made to match `pattern`; anchors count as satisfied, so the caller checks.

    Raises UnsatisfiableError for syntax beyond characters, classes, groups, alternatives and quantifiers.
    """
    return _PatternReader(pattern).read()(rng, reach)


class _PatternReader:
    """Reads a regular expression into a maker of matching texts, by recursive descent."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0

    def read(self) -> Node:
        node = self._alternatives()
        if self._at < len(self._pattern):
            raise self._unsupported()
        return node

    def _unsupported(self) -> UnsatisfiableError:
        return UnsatisfiableError(f"pattern {self._pattern!r} is not understood at position {self._at}")

    def _peek(self) -> str:
        return self._pattern[self._at : self._at + 1]

    def _take(self) -> str:
        char = self._peek()
        if not char:
            raise self._unsupported()
        self._at += 1
        return char

    def _alternatives(self) -> Node:
        options = [self._sequence()]
        while self._peek() == "|":
            self._at += 1
            options.append(self._sequence())
        return lambda rng, reach: rng.choice(options)(rng, reach)

    def _sequence(self) -> Node:
        parts: list[Node] = []
        while self._peek() not in ("", "|", ")"):
            parts.append(self._repeated(self._atom()))
        return lambda rng, reach: "".join(part(rng, reach) for part in parts)

    def _repeated(self, node: Node) -> Node:
        found = _QUANTIFIER.match(self._pattern, self._at)
        if found is None:
            return node
        self._at = found.end()
        mark, (exact, comma, most) = found.group()[0], found.groups()
        low = int(exact) if exact else int(mark == "+")
        fixed = (int(most) if most else None) if comma else int(exact) if exact else 1 if mark == "?" else None
        return lambda rng, reach: "".join(
            node(rng, reach) for _ in range(rng.randint(low, low + reach if fixed is None else min(fixed, low + reach)))
        )

    def _atom(self) -> Node:
        char = self._peek()
        if char == "(":
            return self._group()
        self._at += 1
        if char == "[":
            return _one_of(self._char_class())
        if char == ".":
            return _one_of(_PRINTABLE)
        if char in "^$":
            return lambda rng, reach: ""
        if char == "\\":
            if self._peek() in ("b", "B", "A", "Z"):
                self._at += 1
                return lambda rng, reach: ""
            return _one_of(self._escape())
        if char in "*+?":
            raise self._unsupported()
        return lambda rng, reach: char

    def _group(self) -> Node:
        opening = _GROUP_OPENING.match(self._pattern, self._at)
        if opening is None or self._pattern.startswith("?", opening.end()):
            raise self._unsupported()
        self._at = opening.end()
        node = self._alternatives()
        if self._take() != ")":
            raise self._unsupported()
        return node

    def _escape(self) -> str:
        """The characters that an escape, its backslash already read, may stand for."""
        char = self._take()
        if char in _ESCAPED_CLASSES:
            return _ESCAPED_CLASSES[char]
        if char in "xu":
            digits = self._pattern[self._at : self._at + (2 if char == "x" else 4)]
            self._at += len(digits)
            try:
                return chr(int(digits, 16))
            except ValueError as error:
                raise self._unsupported() from error
        if char in _ESCAPED_CHARS:
            return _ESCAPED_CHARS[char]
        if char.isalnum():  # a back reference or a Unicode property
            raise self._unsupported()
        return char

    def _char_class(self) -> str:
        is_negated = self._peek() == "^"
        self._at += is_negated
        chars = ""
        is_first = True
        while is_first or self._peek() != "]":
            is_first = False
            start = self._class_member()
            if self._peek() == "-" and self._pattern[self._at + 1 : self._at + 2] not in ("]", ""):
                self._at += 1
                end = self._class_member()
                start = "".join(map(chr, range(ord(start[0]), min(ord(end[0]), ord(start[0]) + _LONGEST_RANGE) + 1)))
            chars += start
        self._at += 1
        if is_negated:
            chars = "".join(char for char in _PRINTABLE if char not in chars)
        if not chars:
            raise self._unsupported()
        return chars

    def _class_member(self) -> str:
        char = self._take()
        return self._escape() if char == "\\" else char


def _one_of(chars: str) -> Node:
    return lambda rng, reach: rng.choice(chars)
