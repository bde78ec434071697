"""Rules of JSON Schema that would take for ever on some documents, so that checking one is always quick."""

import json
from collections.abc import Iterator
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator

MOST_REFERENCES: Final = 10_000
"""References followed for one document. Only through them can a schema make work that grows with the depth's power."""


class TooMuchWorkError(Exception):
    """A document that would take too long to be checked."""


_followed: ContextVar[int] = ContextVar("_followed", default=0)


def begin_document() -> None:
    """Count from zero again."""
    _followed.set(0)


@cache
def quick(validator_class: "type[Validator]") -> "type[Validator]":
    """The same validator, with `uniqueItems` in linear time, and references that end in TooMuchWorkError some day."""
    from jsonschema.validators import extend

    rules = {
        name: _counted(validator_class.VALIDATORS[name])
        for name in ("$ref", "$dynamicRef")
        if name in validator_class.VALIDATORS
    }
    found: type[Validator] = extend(validator_class, {**rules, "uniqueItems": _check_unique})  # type: ignore[no-untyped-call]
    return found


def _counted(rule: Any) -> Any:
    def check(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator["ValidationError"]:
        _followed.set(_followed.get() + 1)
        if _followed.get() > MOST_REFERENCES:
            raise TooMuchWorkError
        yield from rule(validator, value, instance, schema) or ()

    return check


def _check_unique(validator: Any, is_asked: Any, instance: Any, schema: Any) -> Iterator["ValidationError"]:
    from jsonschema.exceptions import ValidationError

    if is_asked and isinstance(instance, list):
        forms = {json.dumps(_canonical(item), sort_keys=True) for item in instance}
        if len(forms) < len(instance):
            yield ValidationError("the list has an item twice")


def _canonical(value: Any) -> Any:
    """The value, 1.0 as 1: JSON Schema takes them for the same."""
    if isinstance(value, dict):
        return {key: _canonical(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_canonical(part) for part in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
