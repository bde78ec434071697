"""Telling what has to be awaited: methods of servers may be sync or async."""

from collections.abc import Awaitable
from typing import Any, TypeGuard


def is_awaitable(value: Any) -> TypeGuard[Awaitable[Any]]:
    """Whether `value` is awaitable. As `inspect.isawaitable`, without its detour through abstract base classes."""
    return hasattr(value, "__await__")


async def settled(value: Any) -> Any:
    """`value`, awaited if it can be, as often as it takes."""
    while is_awaitable(value):
        value = await value
    return value
