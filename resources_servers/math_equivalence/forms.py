"""What an answer is made of: a value, a list, a set, a tuple, intervals, a matrix, an equation, an inequality.

Takes cleaned text apart where brackets, commas and signs of relation stand; knows nothing of what expressions mean.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from resources_servers.math_equivalence.units import Unit, without_unit

MOST_ITEMS: Final = 50
"""Entries of a list, set, tuple or matrix row, and parts of a relation. Longer ones are not read."""
MOST_NESTED: Final = 8


class FormError(ValueError):
    """A text that cannot be taken apart."""


@dataclass(frozen=True)
class Value:
    """A single expression."""

    text: str
    """Cleaned, without its unit."""
    unit: Unit


@dataclass(frozen=True)
class Group:
    """Several forms: a tuple, a set, an interval, or a list without brackets."""

    opening: str
    """`(`, `[`, `{`, `<` or nothing."""
    closing: str
    items: tuple["Form", ...]


@dataclass(frozen=True)
class Union:
    """Intervals, sets and inequalities put together."""

    parts: tuple["Form", ...]
    how: Literal["or", "and", "without"] = "or"
    """Union, intersection, or the first without the others."""


@dataclass(frozen=True)
class Matrix:
    """Rows of forms, all of one length."""

    rows: tuple[tuple["Form", ...], ...]


@dataclass(frozen=True)
class Relation:
    r"""Sides with signs between them: `x = 3`, `1 < x \le 2`."""

    sides: tuple[str, ...]
    signs: tuple[str, ...]
    """`=`, `<`, `<=`, `>`, `>=`, `!=`, `in`, `~`."""

    @property
    def is_inequality(self) -> bool:
        """Whether it has no signs but those of order."""
        return set(self.signs) <= {"<", "<=", ">", ">=", "!="}

    @property
    def links(self) -> list[tuple[str, str, str]]:
        """`1 < x <= 2` as `1 < x` and `x <= 2`."""
        return list(zip(self.sides, self.signs, self.sides[1:], strict=False))

    @property
    def text(self) -> str:
        """It all, in LaTeX."""
        written = [self.sides[0]]
        for sign, side in zip(self.signs, self.sides[1:], strict=True):
            written += [_LATEX_SIGNS[sign], side]
        return " ".join(written)


Form: TypeAlias = Value | Group | Union | Matrix | Relation


def read_form(text: str, *, joins_thousands: bool = True, depth: int = 0) -> Form:
    """The form of a cleaned text. `joins_thousands` reads `1,234` as one number, else as two.

    Raises FormError when the text is empty, too large or too deep.
    """
    text = text.strip().removesuffix(",").strip()
    if not text or depth > MOST_NESTED:
        raise FormError("it is empty" if not text else "it is nested too deeply")
    if joins_thousands:
        text = _THOUSANDS.sub(lambda found: found[0].replace(",", ""), text)
    members = _SET_BUILDER.fullmatch(text)
    if members:
        return read_form(members[1], joins_thousands=joins_thousands, depth=depth + 1)
    matrix = _read_matrix(text, depth)
    if matrix is not None:
        return matrix

    def inner(parts: Iterable[str]) -> tuple[Form, ...]:
        return tuple(read_form(part, joins_thousands=joins_thousands, depth=depth + 1) for part in parts)

    parts = split_outside(text, _COMMAS)
    if len(parts) > 1:
        return Group("", "", inner(parts))
    joint = split_outside(text, _LAND)
    if len(joint) > 1:
        items = inner(joint)
        return Union(items, "and") if _are_about_one_name(items) else Group("", "", items)
    named = _NAMED_SET.match(text)
    if named and (_CUP | _SETMINUS).intersection(_TOKEN.findall(text)):
        return read_form(text[named.end() :], joins_thousands=joins_thousands, depth=depth + 1)
    united = split_outside(text, _CUP)
    if len(united) > 1:
        return Union(inner(united))
    reduced = split_outside(text, _SETMINUS)
    if len(reduced) > 1:
        return Union(inner(reduced), "without")
    relation = _read_relation(text)
    if relation is not None:
        return relation
    bracketed = _inside_of(text)
    if bracketed is not None:
        opening, inside, closing = bracketed
        items = inner(split_outside(inside, _COMMAS)) if inside.strip() else ()
        return items[0] if len(items) == 1 and opening != "{" else Group(opening, closing, items)
    if _EMPTY.fullmatch(text):
        return Group("{", "}", ())
    return _value(text)


def value_of(text: str) -> Value:
    """The value that a text is. Raises FormError when it is something else."""
    form = read_form(text)
    if not isinstance(form, Value):
        raise FormError("a single value is expected")
    return form


def is_name(text: str) -> bool:
    """Whether a text names something: a variable, `f(x)`, `P(A)`, `Area`."""
    return _NAME.fullmatch(text.strip()) is not None


def split_outside(text: str, separators: frozenset[str]) -> list[str]:
    """The text split where a separator stands outside of all brackets. Raises FormError for more than MOST_ITEMS."""
    parts: list[str] = []
    depth = begin = 0
    for token in _TOKEN.finditer(text):
        if token[0] in _OPENING or token[0].startswith("\\begin"):
            depth += 1
        elif token[0] in _CLOSING or token[0].startswith("\\end"):
            depth = max(0, depth - 1)
        elif not depth and token[0] in separators:
            parts.append(text[begin : token.start()])
            begin = token.end()
            if len(parts) >= MOST_ITEMS:
                raise FormError(f"it has more than {MOST_ITEMS} parts")
    return [*parts, text[begin:]]


def _are_about_one_name(items: tuple[Form, ...]) -> bool:
    """Whether they all are inequalities, with the same single letter in them."""
    letters = {
        letter
        for item in items
        if isinstance(item, Relation)
        for side in item.sides
        for letter in re.findall(r"(?<![\\a-zA-Z])[a-zA-Z](?![a-zA-Z])", side)
    }
    return len(letters) == 1 and all(isinstance(item, Relation) and item.is_inequality for item in items)


def _value(text: str) -> Value:
    bare, unit = without_unit(text)
    return Value(bare, unit)


def _inside_of(text: str) -> tuple[str, str, str] | None:
    """Opening, inside and closing of a text that stands in one pair of brackets as a whole."""
    opening = next((each for each in _BRACKETS if text.startswith(each)), None)
    if opening is None:
        return None
    depth = 0
    for token in _TOKEN.finditer(text):
        depth += (token[0] in _OPENING) - (token[0] in _CLOSING)
        if not depth:
            if token.end() != len(text) or token[0] not in _CLOSING:
                return None
            return _BRACKETS[opening], text[len(opening) : token.start()], _BRACKETS.get(token[0], token[0][-1])
    return None


def _read_matrix(text: str, depth: int) -> Matrix | None:
    r"""`\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}` or `[[1, 2], [3, 4]]`."""
    environment = _ENVIRONMENT.fullmatch(text)
    if environment:
        lines = [line.split("&") for line in re.split(r"\\\\", environment[2]) if line.strip()]
    else:
        bracketed = _inside_of(text)
        if bracketed is None or bracketed[0] not in "([":
            return None
        rows = [_inside_of(row.strip()) for row in split_outside(bracketed[1], _COMMAS)]
        if len(rows) < 2 and not (rows and rows[0] and bracketed[0] == "["):
            return None
        lines = [split_outside(row[1], _COMMAS) for row in rows if row is not None and row[0] == bracketed[0]]
        if len(lines) != len(rows):
            return None
    if not lines or len(lines) > MOST_ITEMS or len({len(line) for line in lines}) != 1 or len(lines[0]) > MOST_ITEMS:
        return None
    return Matrix(tuple(tuple(read_form(cell, depth=depth + 1) for cell in line) for line in lines))


def _read_relation(text: str) -> Relation | None:
    signs: list[str] = []
    sides: list[str] = []
    depth = begin = 0
    for token in _TOKEN.finditer(text):
        depth += (token[0] in _OPENING) - (token[0] in _CLOSING)
        sign = _SIGNS.get(token[0])
        if sign is not None and depth <= 0:
            sides.append(text[begin : token.start()].strip())
            signs.append(sign)
            begin = token.end()
    if not signs:
        return None
    sides.append(text[begin:].strip())
    if not all(sides) or len(sides) > MOST_ITEMS:
        raise FormError("a relation lacks a side, or has too many")
    return Relation(tuple(sides), tuple(signs))


_BRACKETS: Final = {
    "(": "(",
    "[": "[",
    "\\{": "{",
    "{": "{",
    "\\langle": "<",
    ")": ")",
    "]": "]",
    "\\}": "}",
    "}": "}",
    "\\rangle": ">",
}
_OPENING: Final = frozenset({"(", "[", "{", "\\{", "\\langle", "\\lbrace"})
_CLOSING: Final = frozenset({")", "]", "}", "\\}", "\\rangle", "\\rbrace"})
_SIGNS: Final = {
    **dict.fromkeys(("=", "\\equiv"), "="),
    **dict.fromkeys(("<", "\\lt"), "<"),
    **dict.fromkeys(("<=", "\\le", "\\leq", "\\leqslant"), "<="),
    **dict.fromkeys((">", "\\gt"), ">"),
    **dict.fromkeys((">=", "\\ge", "\\geq", "\\geqslant"), ">="),
    **dict.fromkeys(("!=", "\\ne", "\\neq"), "!="),
    "\\in": "in",
    "\\approx": "~",
}
_LATEX_SIGNS: Final = {
    "=": "=",
    "<": "<",
    "<=": "\\le",
    ">": ">",
    ">=": "\\ge",
    "!=": "\\ne",
    "in": "\\in",
    "~": "\\approx",
}
_TOKEN: Final = re.compile(r"\\[a-zA-Z]+|\\.|[<>!]=|\S", re.DOTALL)
_COMMAS: Final = frozenset({",", ";"})
_CUP: Final = frozenset({"\\cup"})
_LAND: Final = frozenset({"\\land"})
_SETMINUS: Final = frozenset({"\\setminus", "\\backslash"})
_NAMED_SET: Final = re.compile(r"[a-zA-Z]\s*(?:=|\\in(?![a-zA-Z]))")
_EMPTY: Final = re.compile(
    r"\\(?:emptyset|varnothing)"
    r"|(?:\\text\s*\{)?\s*(?:(?:there (?:is|are) )?no (?:real )?(?:solutions?|roots?|such [a-z]{1,10})|none"
    r"|(?:the )?empty set)\s*\}?",
    re.IGNORECASE,
)
_ENVIRONMENT: Final = re.compile(
    r"[\[(]?\s*\\begin\{([pbvB]?matrix|array)\}(?:\{[^{}]*\})?(.*)\\end\{\1\}\s*[\])]?", re.DOTALL
)
_SET_BUILDER: Final = re.compile(r"\\\{\s*[a-z]\s*(?:\\mid|\||:|\\colon)\s*(.*)\\\}", re.DOTALL)
_THOUSANDS: Final = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d,])")
_NAME: Final = re.compile(
    r"(?:[A-Za-z]|\\(?:alpha|beta|gamma|theta|lambda|mu|sigma|omega|phi|Delta))(?:_\{?\w{1,10}\}?)?'{0,3}"
    r"(?:\([A-Za-z0-9, ]{1,12}\))?"
    r"|\\(?:text|mathrm|mathbf|vec|angle)\s*\{?[A-Za-z ]{1,30}\}?|[A-Za-z][a-z]{2,}(?: [A-Za-z]+){0,4}"
    r"|\\frac\{d(?:\^\{?\d\}?)? ?[a-z]?\}\{d ?[a-z](?:\^\{?\d\}?)?\}(?:[a-z](?:\([a-z]\))?)?"
)
