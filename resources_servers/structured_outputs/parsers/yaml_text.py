"""YAML with the scalars of its version 1.2: `no` and dates are texts. One document, no aliases, no tags of its own.

`yes`, `no`, `on` and `off`, which YAML 1.1 takes for truth values, are that where the schema wants one.
"""

import re
from typing import Any, Final

import yaml

from resources_servers.structured_outputs.parsers.base import (
    DEEPEST,
    UnreadableError,
    as_object,
    resolved,
    too_deep,
    types_of,
)

_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_TRUTHS: Final = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_OLD_TRUTHS: Final = {"yes": True, "on": True, "no": False, "off": False}
_INTEGER: Final = re.compile(r"[-+]?[0-9]{1,60}|0o[0-7]{1,40}|0x[0-9a-fA-F]{1,40}")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]{1,60}|[0-9]{1,60}(?:\.[0-9]{0,60})?)(?:[eE][-+]?[0-9]{1,3})?")
_NOT_FINITE: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_STANDARD_TAGS: Final = frozenset({"tag:yaml.org,2002:str", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq", "!"})


class _OldTruth(str):
    """A bare `yes`, `no`, `on` or `off`."""


def parse(text: str, schema: Any) -> Any:
    """The document. Raises UnreadableError."""
    try:
        value = _Composer(text).document()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" (line {mark.line + 1})" if mark is not None else ""
        raise UnreadableError("syntax", f"not YAML: {getattr(error, 'problem', None) or 'unreadable'}{place}") from None
    return _settled(value, schema, schema)


class _Composer:
    """Makes values of a parser's events, one after another, so that nothing is read behind the first fault."""

    def __init__(self, text: str) -> None:
        self._events = yaml.parse(text, Loader=_LOADER)
        self._documents = 0

    def document(self) -> Any:
        values: list[Any] = []
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                self._documents += 1
                if self._documents > 1:
                    raise UnreadableError("syntax", "not one YAML document, but several")
            elif not isinstance(event, yaml.StreamStartEvent | yaml.StreamEndEvent | yaml.DocumentEndEvent):
                values.append(self._value(event, 1))
        if not values:
            raise UnreadableError("empty", "there is no YAML document")
        return values[0]

    def _value(self, event: Any, depth: int) -> Any:
        if isinstance(event, yaml.AliasEvent):
            raise UnreadableError("syntax", "YAML aliases are not allowed")
        if event.tag is not None and event.tag not in _STANDARD_TAGS:
            raise UnreadableError("syntax", f"the YAML tag {event.tag[:60]!a} is not allowed")
        if isinstance(event, yaml.ScalarEvent):
            return _scalar(event)
        if depth >= DEEPEST:
            raise too_deep()
        parts: list[Any] = []
        end = yaml.MappingEndEvent if isinstance(event, yaml.MappingStartEvent) else yaml.SequenceEndEvent
        for part in self._events:
            if isinstance(part, end):
                break
            parts.append(self._value(part, depth + 1))
        if end is yaml.SequenceEndEvent:
            return parts
        return as_object((_key(key), value) for key, value in zip(parts[::2], parts[1::2], strict=True))


def _key(value: Any) -> str:
    if not isinstance(value, str):
        raise UnreadableError("syntax", "a YAML key is not a text")
    return str(value)


def _scalar(event: Any) -> Any:
    text: str = event.value
    if not event.implicit[0] or event.style in ("'", '"', "|", ">"):
        return text
    if text in _NULLS:
        return None
    if text in _TRUTHS:
        return _TRUTHS[text]
    if _INTEGER.fullmatch(text):
        return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
    if _FLOAT.fullmatch(text):
        return float(text)
    if _NOT_FINITE.fullmatch(text):
        raise UnreadableError("syntax", f"{text} is no number that a document can hold")
    return _OldTruth(text) if text.lower() in _OLD_TRUTHS else text


def _settled(value: Any, schema: Any, root: Any) -> Any:
    """The value, its old truth values as what the schema wants there."""
    plain = resolved(schema, root)
    if isinstance(value, _OldTruth):
        types = types_of(plain, root)
        return _OLD_TRUTHS[value.lower()] if "boolean" in types and "string" not in types else str(value)
    if isinstance(value, dict):
        below = plain.get("properties") or {}
        return {key: _settled(part, below.get(key), root) for key, part in value.items()}
    if isinstance(value, list):
        return [_settled(part, plain.get("items"), root) for part in value]
    return value
