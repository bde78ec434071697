"""What happens in a rollout while an agent's own code is at work: which rollout it is, stages and failures.

The agent's code knows HTTP statuses only. What a call inside failed of, and how long the calls took, is noted here and
told to polygym with the answer to `/run`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import perf_counter
from typing import Any

from polygym.channels.answers import failure_body, status_of
from polygym.channels.headers import DURATIONS, ROLLOUT, durations_header
from polygym.protocol.calls import RolloutContext
from polygym.protocol.failures import RolloutFailure, Stage
from polygym.protocol.json import dumps

_current: ContextVar["RunNotes | None"] = ContextVar("run_notes", default=None)


class RunNotes:
    """The notes of one rollout."""

    def __init__(self, rollout_id: str) -> None:
        self.context = RolloutContext(rollout_id)
        self.failure: RolloutFailure | None = None
        """The last that a call inside failed of."""

    @contextmanager
    def timed(self, stage: Stage) -> Iterator[None]:
        """Note the seconds of a call."""
        started = perf_counter()
        try:
            yield
        finally:
            self.context.record(stage, perf_counter() - started)


def current_notes() -> RunNotes | None:
    """The notes of the rollout that is being run; None outside of one."""
    return _current.get()


class NotedApp:
    """ASGI application around an author's: takes notes while it answers `/run`."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"] != "/run":
            await self._app(scope, receive, send)
            return
        header = ROLLOUT.lower().encode()
        rollout_id = next((value.decode("latin-1") for name, value in scope["headers"] if name == header), "")
        notes = RunNotes(rollout_id)
        token = _current.set(notes)
        try:
            await self._app(scope, receive, _Telling(notes, send).send)
        finally:
            _current.reset(token)


class _Telling:
    """An answer to `/run`: a good one with the durations, a bad one with the failure that was noted."""

    def __init__(self, notes: RunNotes, send: Any) -> None:
        self._notes = notes
        self._send = send
        self._is_replaced = False

    async def send(self, message: Any) -> None:
        """The next part."""
        failure = self._notes.failure
        if message["type"] == "http.response.start":
            if message["status"] >= 500 and failure is not None:
                self._is_replaced = True
                body = dumps(failure_body(failure))
                headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
                await self._send({**message, "status": status_of(failure), "headers": headers})
                await self._send({"type": "http.response.body", "body": body})
                return
            if (durations := durations_header(self._notes.context)) is not None:
                header = (DURATIONS.lower().encode(), durations.encode("latin-1"))
                message = {**message, "headers": [*message["headers"], header]}
        if not self._is_replaced:
            await self._send(message)
