"""Which rollout a request belongs to: an id that travels as a prefix of the path, and here in a context variable."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from pydantic import BaseModel

from nemo_gym.config_types import ROLLOUT_PATH_PREFIX
from nemo_gym.keys import ATTEMPT_INDEX_KEY_NAME, ROLLOUT_ID_KEY_NAME, ROLLOUT_INDEX_KEY_NAME, TASK_INDEX_KEY_NAME

_ID: Final = "[A-Za-z0-9][A-Za-z0-9._-]*"
ROLLOUT_ID_PATTERN: Final = re.compile(f"^{_ID}$")
"""Ids are parts of paths and names of files."""
_current: ContextVar[str | None] = ContextVar("rollout_id", default=None)


def maybe_rollout_id_from_run_body(body: BaseModel | Mapping[str, Any] | None) -> str | None:
    """The rollout's id: the one that the row gives, else `<task>-<repeat>`; `-a<n>` more for a later attempt.

    None when the row does not say. Raises ValueError for a given one that cannot be part of a path.
    """
    if isinstance(body, BaseModel):
        row: Mapping[str, Any] = {**(body.model_extra or {}), **vars(body)}
    elif isinstance(body, Mapping):
        row = body
    else:
        return None
    rollout_id = row.get(ROLLOUT_ID_KEY_NAME)
    if rollout_id is None:
        task, repeat = row.get(TASK_INDEX_KEY_NAME), row.get(ROLLOUT_INDEX_KEY_NAME)
        if task is None or repeat is None:
            return None
        rollout_id = f"{task}-{repeat}"
    elif not isinstance(rollout_id, str) or not ROLLOUT_ID_PATTERN.match(rollout_id):
        raise ValueError(
            f"{ROLLOUT_ID_KEY_NAME} must be letters, digits, dots, dashes or underscores, the first a letter or digit, "
            f"not {rollout_id!r}"
        )
    attempt = int(row.get(ATTEMPT_INDEX_KEY_NAME) or 0)
    return f"{rollout_id}-a{attempt}" if attempt > 0 else rollout_id


def current_rollout_id() -> str | None:
    """The id of the rollout that the running request belongs to."""
    return _current.get()


@contextmanager
def rollout_context(rollout_id: str | None) -> Iterator[None]:
    """Make it the current rollout."""
    token = _current.set(rollout_id)
    try:
        yield
    finally:
        _current.reset(token)


class RolloutContextMiddleware:
    """ASGI middleware that takes the prefix off a path and makes its rollout the current one."""

    _PREFIXED = re.compile(rf"^/{re.escape(ROLLOUT_PATH_PREFIX)}/({_ID})(/.*)$")

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        found = self._PREFIXED.match(scope.get("path", "")) if scope.get("type") == "http" else None
        if found is None:
            await self._app(scope, receive, send)
            return
        rollout_id, path = found.groups()
        with rollout_context(rollout_id):
            await self._app({**scope, "path": path, "raw_path": path.encode()}, receive, send)
