"""Checks of decoded JSON where a shape is needed to go on. Knows no message of any kind."""

from typing import Any

from polygym.protocol.json import JsonObject


def require_object(value: Any, where: str) -> JsonObject:
    """`value`, which must be a JSON object. Raises ValueError that names `where`."""
    if isinstance(value, dict):
        return value
    raise ValueError(f"{where} must be an object, got {_named(value)}")


def require_list(value: Any, where: str) -> list[Any]:
    """`value`, which must be a list. Raises ValueError that names `where`."""
    if isinstance(value, list):
        return value
    raise ValueError(f"{where} must be a list, got {_named(value)}")


def require_text(value: Any, where: str) -> str:
    """`value`, which must be a string. Raises ValueError that names `where`."""
    if isinstance(value, str):
        return value
    raise ValueError(f"{where} must be a string, got {_named(value)}")


def _named(value: Any) -> str:
    return "nothing" if value is None else type(value).__name__
