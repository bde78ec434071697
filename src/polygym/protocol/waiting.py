"""Saying that a call waits for capacity, not for its own work: such time counts against nobody's limit.

Whoever limits a call listens; code that queues for a full pool speaks up, without knowing whether anybody does.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol


class Pausable(Protocol):
    """A limit on a call under way."""

    def pause(self) -> None:
        """Stop counting."""
        ...

    def resume(self) -> None:
        """Count on."""
        ...


current_limit: ContextVar[Pausable | None] = ContextVar("current_limit", default=None)
"""The innermost limit on the call under way in this context."""


@contextmanager
def waiting_for_capacity() -> Iterator[None]:
    """The body waits for a place in a full pool."""
    limit = current_limit.get()
    if limit is None:
        yield
        return
    limit.pause()
    try:
        yield
    finally:
        limit.resume()
