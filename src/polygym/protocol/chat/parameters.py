"""Tables that turn a request's parameters into those of another API, one by one.

A table has a function for each parameter that differs, which puts its counterpart into the converted request; all
others pass under their own name. A parameter that is null counts as absent, one that is asked for twice is refused
unless both ask for the same. Knows no API.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from polygym.protocol.chat.shapes import require_object
from polygym.protocol.json import JsonObject

Convert: TypeAlias = Callable[[Any, JsonObject], None]
"""Puts the counterpart of one parameter's value into the converted params. Raises ValueError."""


def convert_all(params: JsonObject, table: Mapping[str, Convert], converted: JsonObject) -> None:
    """Put the counterparts of all parameters into `converted`. Raises ValueError."""
    for name, value in params.items():
        if value is None:
            continue
        convert = table.get(name)
        if convert is None:
            put(converted, name, value)
        else:
            convert(value, converted)


def put(converted: JsonObject, name: str, value: Any) -> None:
    """Set a parameter. Raises ValueError when it is there already, with another value."""
    if name in converted and converted[name] != value:
        raise ValueError(f"{name!r} is asked for twice: {converted[name]!r} and {value!r}")
    converted[name] = value


def put_rest(name: str, rest: JsonObject, converted: JsonObject) -> None:
    """Set an object's fields that are left, if there are any. Raises ValueError as `put`."""
    rest = {field: value for field, value in rest.items() if value is not None}
    if rest:
        put(converted, name, rest)


def put_as(name: str, change: Callable[[Any], Any] | None = None) -> Convert:
    """A parameter that is called `name` on the other side, its value changed or not."""

    def convert(value: Any, converted: JsonObject) -> None:
        put(converted, name, value if change is None else change(value))

    return convert


def put_into(name: str, field: str, change: Callable[[Any], Any] | None = None) -> Convert:
    """A parameter that is a field of the object `name` on the other side; its table says `merge_into` for `name`."""

    def convert(value: Any, converted: JsonObject) -> None:
        put(converted.setdefault(name, {}), field, value if change is None else change(value))

    return convert


def merge_into(name: str) -> Convert:
    """An object whose fields may also come from parameters of their own."""

    def convert(value: Any, converted: JsonObject) -> None:
        target = converted.setdefault(name, {})
        for field, inner in require_object(value, name).items():
            if inner is not None:
                put(target, field, inner)

    return convert


def refuse(reason: str) -> Convert:
    """A parameter that cannot be expressed."""

    def convert(_value: Any, _converted: JsonObject) -> None:
        raise ValueError(reason)

    return convert


def refuse_state(endpoint: str) -> dict[str, Convert]:
    """Entries for the parameters that need what a Responses server keeps; `endpoint` keeps nothing."""

    def refusal(name: str) -> Convert:
        return refuse(f"{name!r} refers to what a Responses server keeps; {endpoint} has no such thing")

    refuse_background = refusal("background")

    def put_background(value: Any, converted: JsonObject) -> None:
        if value:
            refuse_background(value, converted)

    names = ("previous_response_id", "conversation", "prompt")
    return {"background": put_background, **{name: refusal(name) for name in names}}


def leave_out(_value: Any, _converted: JsonObject) -> None:
    """For parameters that have been dealt with."""
