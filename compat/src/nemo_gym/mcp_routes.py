"""Whether a tool's arguments are all that a route needs: read off the signature of its handler."""

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from types import UnionType
from typing import Any, Final, Optional, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel
from starlette.requests import Request

PATH_PARAMETER: Final = re.compile(r"{(\w+)")
EMPTY: Final = inspect.Parameter.empty
MARKERS: Final = ("fastapi", "starlette")
"""Packages whose objects, as a default, stand for something that FastAPI finds out for itself."""


@dataclass(frozen=True)
class RouteBinding:
    """Where a tool call's arguments go."""

    endpoint: Callable[..., Any]
    is_coroutine: bool
    body_param: Optional[str] = None
    body_model: Optional[type[BaseModel]] = None
    """None when the handler takes a dict, or no body."""
    path_param: Optional[str] = None
    request_params: tuple[str, ...] = ()
    return_model: Optional[Any] = None


@dataclass(frozen=True)
class BindResult:
    """A binding, or why there is none."""

    binding: Optional[RouteBinding]
    reasons: tuple[str, ...]
    body_model: Optional[type[BaseModel]] = None


class _Reading:
    """What has been found out about a handler's parameters so far."""

    def __init__(self, path: str) -> None:
        self.path_names = frozenset(PATH_PARAMETER.findall(path))
        self.reasons: list[str] = []
        self.requests: list[str] = []
        self.bodies: list[tuple[str, Optional[type[BaseModel]]]] = []
        self.path_param: Optional[str] = None

    def add(self, name: str, kind: Any, annotation: Any, default: Any) -> None:
        """One more parameter."""
        if isinstance(annotation, str):
            self.reasons.append(f"unresolvable string annotation on {name!r}: {annotation!r}")
        elif kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
            self.reasons.append(f"*args/**kwargs parameter {name!r}")
        elif annotation is Request:
            self.requests.append(name)
        elif _is_model(annotation):
            self.bodies.append((name, annotation))
        elif annotation is dict or get_origin(annotation) is dict:
            self.bodies.append((name, None))
        elif get_origin(annotation) in (Union, UnionType) and any(map(_is_model, get_args(annotation))):
            self.reasons.append(f"union/optional body param {name!r}: {annotation!r}")
        elif name in self.path_names:
            self._add_path(name, annotation)
        else:
            self.reasons.append(_refusal(name, annotation, default))

    def _add_path(self, name: str, annotation: Any) -> None:
        if annotation in (str, EMPTY):
            self.path_param = name
        else:
            self.reasons.append(f"non-str path param {name!r}: {annotation!r}")


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _refusal(name: str, annotation: Any, default: Any) -> str:
    if default is EMPTY:
        return f"unsupported required param {name!r}: {annotation!r}"
    if type(default).__module__.split(".")[0] in MARKERS:
        return f"DI marker default on {name!r}: {type(default).__name__}"
    return f"defaulted query param {name!r}, which a tool call cannot set"


def bind_route(route: Any) -> BindResult:
    """How arguments reach the route's handler. A signature that was set on it counts before its annotations.

    Only `endpoint`, `path` and `response_model` of the route are read.
    """
    reading = _Reading(route.path)
    try:
        hints = get_type_hints(route.endpoint)
    except Exception:  # names that cannot be looked up matter only where an annotation is a string, and are named there
        hints = {}
    for name, parameter in inspect.signature(route.endpoint).parameters.items():
        written = parameter.annotation
        annotation = hints.get(name, written) if isinstance(written, str) else written
        reading.add(name, parameter.kind, annotation, parameter.default)
    if len(reading.bodies) > 1:
        names = ", ".join(repr(name) for name, _ in reading.bodies)
        reading.reasons.append(f"multiple body models ({names})")
    body_param, body_model = reading.bodies[0] if len(reading.bodies) == 1 else (None, None)
    if reading.reasons:
        return BindResult(None, tuple(reading.reasons), body_model)
    binding = RouteBinding(
        endpoint=route.endpoint,
        is_coroutine=inspect.iscoroutinefunction(route.endpoint),
        body_param=body_param,
        body_model=body_model,
        path_param=reading.path_param,
        request_params=tuple(reading.requests),
        return_model=route.response_model,
    )
    return BindResult(binding, (), body_model)
