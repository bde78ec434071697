"""What every parser keeps to: an answer is small, flat enough, and names every key once; everything else is refused.

A parser is given text that a model wrote, so none may take long, expand what is short, or fetch anything.
"""

import re
from collections.abc import Iterable
from typing import Any, Final, Literal, TypeAlias

from polygym import JsonObject

LONGEST: Final = 50_000
"""Characters of an answer."""
DEEPEST: Final = 40
"""Levels of nesting."""
MOST_VALUES: Final = 5_000
"""Values in a document, containers included."""

Problem: TypeAlias = Literal["empty", "too_long", "form", "syntax", "nesting", "duplicate_key"]
"""Why there is no document in an answer."""
_INTEGER: Final = re.compile(r"[-+]?[0-9]{1,30}")
_NUMBER: Final = re.compile(r"[-+]?(?:[0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})(?:[eE][-+]?[0-9]{1,3})?")


class UnreadableError(Exception):
    """An answer that holds no document, and why."""

    def __init__(self, problem: Problem, message: str) -> None:
        super().__init__(message)
        self.problem = problem
        """What kind of fault it is."""


def as_object(pairs: Iterable[tuple[str, Any]]) -> JsonObject:
    """The pairs as an object. Raises UnreadableError when a key comes twice."""
    found: JsonObject = {}
    for key, value in pairs:
        if key in found:
            raise UnreadableError("duplicate_key", f"the key {key[:60]!a} is there twice")
        found[key] = value
    return found


def check_extent(value: Any) -> None:
    """Raises UnreadableError when a value is nested too deeply, or has too many parts."""
    waiting: list[tuple[Any, int]] = [(value, 1)]
    seen = 0
    while waiting:
        each, depth = waiting.pop()
        seen += 1
        if depth > DEEPEST:
            raise too_deep()
        if seen > MOST_VALUES:
            raise UnreadableError("too_long", f"the document has more than {MOST_VALUES} values")
        if isinstance(each, dict | list):
            parts = each.values() if isinstance(each, dict) else each
            waiting += [(part, depth + 1) for part in parts]


def too_deep() -> UnreadableError:
    """What to raise for too many levels."""
    return UnreadableError("nesting", f"the document is nested more than {DEEPEST} levels deep")


def resolved(schema: Any, root: Any) -> JsonObject:
    """A schema, or the one that its `$ref` leads to within `root`; an empty one for what is none."""
    for _ in range(DEEPEST):
        if not isinstance(schema, dict):
            return {}
        reference = schema.get("$ref")
        if not isinstance(reference, str):
            return schema
        schema = root if reference == "#" else _at(root, reference)
    return {}


def types_of(schema: JsonObject, root: Any) -> frozenset[str]:
    """The types that a schema names, those of its alternatives included; empty when it names none."""
    found: set[str] = set()
    waiting: list[tuple[Any, int]] = [(schema, 0)]
    while waiting:
        each, depth = waiting.pop()
        plain = resolved(each, root)
        named = plain.get("type")
        found.update([named] if isinstance(named, str) else named if isinstance(named, list) else ())
        if depth < 4:
            waiting += [(part, depth + 1) for key in ("anyOf", "oneOf", "allOf") for part in plain.get(key) or ()]
    return frozenset(found)


def scalar_of(text: str, types: frozenset[str]) -> Any:
    """What a text without a type of its own means where values of these types are wanted; itself when in doubt."""
    if not text and "null" in types:
        return None
    if types & {"integer", "number"}:
        if _INTEGER.fullmatch(text):
            return int(text)
        if _NUMBER.fullmatch(text) and "number" in types:
            return float(text)
    if "boolean" in types and text in ("true", "false"):
        return text == "true"
    return text


def _at(root: Any, reference: str) -> Any:
    """What a local JSON pointer (`#/$defs/item`) leads to; None for any other."""
    if not reference.startswith("#/"):
        return None
    place = root
    for part in reference[2:].split("/"):
        if not isinstance(place, dict):
            return None
        place = place.get(part.replace("~1", "/").replace("~0", "~"))
    return place
