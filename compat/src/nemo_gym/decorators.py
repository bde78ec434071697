"""Marks for functions."""

import functools
import warnings
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
ReturnT = TypeVar("ReturnT")


def experimental(fn: Callable[P, ReturnT]) -> Callable[P, ReturnT]:
    """`fn`, which warns whenever it is called that it may change."""

    @functools.wraps(fn)
    def warned(*args: P.args, **kwargs: P.kwargs) -> ReturnT:
        warnings.warn(f"{fn.__name__} is experimental and may change without notice", stacklevel=2)
        return fn(*args, **kwargs)

    return warned
