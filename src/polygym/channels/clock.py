"""Time that belongs to the work itself: a clock that stands still while the event loop is kept busy by something else.

A limit measured on it is never used up by waiting for the loop: with hundreds of rollouts in one process, an answer
that was there in time would otherwise be late because it could not be looked at.
"""

import asyncio
from time import monotonic
from types import TracebackType
from typing import Final, Self
from weakref import WeakKeyDictionary

from polygym.protocol.waiting import current_limit

TICK_S: Final = 0.02
"""Seconds between two looks at the loop's lag."""
IGNORED_LAG_S: Final = 0.002
"""Lag per tick that counts as the loop's ordinary work."""


class LoopClock:
    """Seconds during which one event loop was responsive. One a loop, from `loop_clock`."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lost_s = 0.0
        self._users = 0
        self._due = 0.0
        self._handle: asyncio.TimerHandle | None = None

    def now(self) -> float:
        """Seconds on this clock; only differences mean anything, and only while it is in use."""
        now = monotonic()
        pending = now - self._due if self._users else 0.0
        return now - self._lost_s - (pending if pending > IGNORED_LAG_S else 0.0)

    def acquire(self) -> None:
        """Keep the clock going; every call needs a `release`."""
        self._users += 1
        if self._users == 1:
            self._tick_later()

    def release(self) -> None:
        """Let the clock stand when nobody else uses it."""
        self._users -= 1
        if not self._users and self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _tick_later(self) -> None:
        self._due = monotonic() + TICK_S
        self._handle = self._loop.call_later(TICK_S, self._tick)

    def _tick(self) -> None:
        lag = monotonic() - self._due
        if lag > IGNORED_LAG_S:
            self._lost_s += lag
        self._tick_later()


_clocks: "WeakKeyDictionary[asyncio.AbstractEventLoop, LoopClock]" = WeakKeyDictionary()


def loop_clock() -> LoopClock:
    """The running event loop's clock."""
    loop = asyncio.get_running_loop()
    clock = _clocks.get(loop)
    if clock is None:
        clock = _clocks[loop] = LoopClock(loop)
    return clock


class LimitExceededError(TimeoutError):
    """The body of a `Limit` took longer than it may."""


class Limit:
    """`async with Limit(seconds):` cancels the body after that many seconds of its own time; raises LimitExceededError.

    As `asyncio.timeout`, but on the loop's clock, and not while the body waits for capacity.
    """

    __slots__ = (
        *("_cancelling", "_clock", "_deadline", "_handle", "_is_expired", "_limit_s", "_paused_at", "_pauses", "_task"),
        *("_outer", "_token"),
    )

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._is_expired = False
        self._paused_at = 0.0
        self._pauses = 0

    async def __aenter__(self) -> Self:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._cancelling = task.cancelling()
        self._clock = loop_clock()
        self._clock.acquire()
        self._deadline = self._clock.now() + self._limit_s
        self._handle = task.get_loop().call_later(self._limit_s, self._look)
        self._outer = current_limit.get()
        self._token = current_limit.set(self)
        return self

    def pause(self) -> None:
        """The body waits for capacity: stop counting. Nests."""
        if not self._pauses:
            self._paused_at = self._clock.now()
        self._pauses += 1
        if self._outer is not None:
            self._outer.pause()

    def resume(self) -> None:
        """The body goes on: count on."""
        self._pauses -= 1
        if not self._pauses:
            self._deadline += self._clock.now() - self._paused_at
        if self._outer is not None:
            self._outer.resume()

    def _look(self) -> None:
        """Cancel, unless the loop's lag or a pause made this look early."""
        remaining_s = TICK_S if self._pauses else self._deadline - self._clock.now()
        if remaining_s > IGNORED_LAG_S:
            self._handle = self._task.get_loop().call_later(remaining_s, self._look)
        else:
            self._is_expired = True
            self._task.cancel()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        current_limit.reset(self._token)
        self._handle.cancel()
        self._clock.release()
        if self._is_expired and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise LimitExceededError(f"took longer than {self._limit_s:g} s") from error
