"""Errors out of a group of tasks, as single ones."""

from collections.abc import Iterator
from contextlib import contextmanager


def first_of(error: BaseException) -> BaseException:
    """`error` itself, or the first one in it that is no group."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


@contextmanager
def ungrouped(kind: type[Exception]) -> Iterator[None]:
    """Around a task group: its first error of `kind`, if it has one, comes out by itself.

    `except*` does that only from Python 3.11.4 on: before, what it raises is put into a group again.
    """
    try:
        yield
    except BaseExceptionGroup as group:
        found = group.subgroup(kind)
        if found is None:
            raise
        raise first_of(found) from None
