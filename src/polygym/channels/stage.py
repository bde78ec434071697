"""One call of a stage (seed, model, tool, verify): how long it took and may take, and whether it blocked the loop.

Time that a call only waited for the event loop, or for a place in a pool, is not its own and counts against no limit.
"""

import logging
from collections.abc import Coroutine, Generator
from time import perf_counter
from typing import Any, Final, Generic, TypeVar

from polygym.channels.clock import Limit, LimitExceededError
from polygym.protocol.calls import RolloutContext
from polygym.protocol.failures import FailureClass, RolloutFailure, Stage

log = logging.getLogger("polygym.blocking")

ResultT = TypeVar("ResultT")

BLOCKED_S: Final = 0.1
"""Seconds without giving way to others from which a call is named."""

_NOT_BEGUN: Final = object()
"""In place of what a coroutine waits for, before its first step."""

_named: set[tuple[str, Stage]] = set()


async def run_stage(server: str, stage: Stage, call: Coroutine[Any, Any, ResultT], context: RolloutContext) -> ResultT:
    """The result of `call`, its duration recorded in `context`.

    Raises RolloutFailure `timeout` when it takes longer than the context allows the stage, else what `call` raises.
    """
    started = perf_counter()
    limit_s = context.limits_s.get(stage)
    try:
        if limit_s is not None:
            return await _limited(server, stage, call, limit_s)
        # A call that never waits costs no more than itself: what follows is in effect `return await call`.
        try:
            waiting = call.send(None)
        except StopIteration as finished:
            result: ResultT = finished.value
            return result
        finally:
            first_step_s = perf_counter() - started
            if first_step_s > BLOCKED_S:
                _name(server, stage, first_step_s)
        return await _Rest(call, waiting, server, stage)
    finally:
        context.record(stage, perf_counter() - started)


async def _limited(server: str, stage: Stage, call: Coroutine[Any, Any, ResultT], limit_s: float) -> ResultT:
    try:
        async with Limit(limit_s):
            return await _Rest(call, _NOT_BEGUN, server, stage)
    except LimitExceededError as error:
        message = f"{server}: {stage} {error}. Raise stage_timeouts_s.{stage} of the agent if it may."
        raise RolloutFailure(FailureClass.TIMEOUT, stage, message) from error


class _Rest(Generic[ResultT]):
    """What is left of a coroutine, each of its steps timed; `waiting` is what it waits for."""

    __slots__ = ("_call", "_server", "_stage", "_waiting")

    def __init__(self, call: Coroutine[Any, Any, ResultT], waiting: Any, server: str, stage: Stage) -> None:
        self._call = call
        self._waiting = waiting
        self._server = server
        self._stage = stage

    def __await__(self) -> Generator[Any, Any, ResultT]:
        call, waiting = self._call, self._waiting
        while True:
            error: BaseException | None = None
            if waiting is not _NOT_BEGUN:
                try:
                    yield waiting
                except BaseException as thrown:
                    error = thrown
            started = perf_counter()
            try:
                waiting = call.send(None) if error is None else call.throw(error)
            except StopIteration as finished:
                result: ResultT = finished.value
                return result
            finally:
                if perf_counter() - started > BLOCKED_S:
                    _name(self._server, self._stage, perf_counter() - started)


def _name(server: str, stage: Stage, seconds: float) -> None:
    """Say once that a server holds up the others."""
    if (server, stage) in _named:
        return
    _named.add((server, stage))
    log.warning(
        "%s, %s: blocked everything else for %.0f ms. 'placement: process' would move the server out, @blocking the"
        " method.",
        server,
        stage,
        1000 * seconds,
    )
