"""Who may call an endpoint and when: calls under way, requests and tokens a minute, first come, first served.

Time spent in the queue is nobody's own: it counts against no limit (`protocol/waiting.py`).
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Final, NamedTuple

from polygym.protocol.json import JsonObject
from polygym.protocol.usage import Tokens, tokens_of
from polygym.protocol.waiting import waiting_for_capacity

FIRST_TOKENS_PER_BYTE: Final = 0.25
"""Input tokens for a byte of a request, before an answer has told."""
FIRST_OUTPUT: Final = 256.0
"""Output tokens of a call, before an answer has told."""
NEWEST: Final = 0.1
"""Weight of the newest answer in what the next one is expected to take."""


@dataclass(frozen=True, slots=True)
class CallLimits:
    """What one base URL may be asked for; None for no limit."""

    concurrent: int | None = None
    """Requests under way at once."""
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    """Input and output together."""

    def __bool__(self) -> bool:
        return any(limit is not None for limit in (self.concurrent, self.requests_per_minute, self.tokens_per_minute))


class Place(NamedTuple):
    """What a call was let in with."""

    size: int
    """Bytes of the request."""
    tokens: float
    """Tokens that were set aside for it."""


class Gate:
    """The queue in front of one base URL. Belongs to the event loop that it is first waited in."""

    def __init__(self, limits: CallLimits, now: Callable[[], float] = monotonic) -> None:
        self._most = limits.concurrent
        self._now = now
        self._requests = _Allowance(limits.requests_per_minute, now()) if limits.requests_per_minute else None
        self._tokens = _Allowance(limits.tokens_per_minute, now()) if limits.tokens_per_minute else None
        self._tokens_per_byte = FIRST_TOKENS_PER_BYTE
        self._output = FIRST_OUTPUT
        self._under_way = 0
        self._queue: deque[tuple[asyncio.Future[Place], int]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def waiting(self) -> int:
        """Calls in the queue."""
        return len(self._queue)

    async def enter(self, size: int) -> Place:
        """Wait for a place for a request of `size` bytes. Whoever got one has to `leave`."""
        if not self._queue and not self._wait_s():
            return self._take(size)
        future: asyncio.Future[Place] = asyncio.get_running_loop().create_future()
        self._queue.append((future, size))
        self._admit()
        try:
            with waiting_for_capacity():
                return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self.leave(future.result(), None)
            else:
                future.cancel()
                self._admit()
            raise

    def leave(self, place: Place, answer: JsonObject | None) -> None:
        """The call has ended; what its answer took is counted in place of what was set aside. None: it failed."""
        self._under_way -= 1
        if self._tokens is not None:
            self._tokens.give_back(place.tokens - self._taken(place, answer))
        self._admit()

    def _taken(self, place: Place, answer: JsonObject | None) -> float:
        """Tokens that a call took, as far as can be known; what the next ones may take is learned from it."""
        if answer is None:
            return 0.0
        used = tokens_of(answer.get("usage"))
        if used is None:
            return place.tokens
        self._learn(place, used)
        return float(used.total)

    def _learn(self, place: Place, used: Tokens) -> None:
        self._tokens_per_byte += NEWEST * (used.input / max(1, place.size) - self._tokens_per_byte)
        self._output += NEWEST * (used.output - self._output)

    def _take(self, size: int) -> Place:
        self._under_way += 1
        if self._requests is not None:
            self._requests.take(1.0)
        expected = 0.0
        if self._tokens is not None:
            expected = size * self._tokens_per_byte + self._output
            self._tokens.take(expected)
        return Place(size, expected)

    def _wait_s(self) -> float:
        """Seconds until somebody may be let in; 0 for at once, infinite when a place has to become free first."""
        if self._most is not None and self._under_way >= self._most:
            return float("inf")
        now = self._now()
        return max(allowance.wait_s(now) if allowance else 0.0 for allowance in (self._requests, self._tokens))

    def _admit(self) -> None:
        """Let in who may come in, and look again when time lets the next one in."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._queue:
            future, size = self._queue[0]
            if future.done():
                self._queue.popleft()
                continue
            wait_s = self._wait_s()
            if wait_s:
                if wait_s != float("inf"):
                    self._timer = future.get_loop().call_later(wait_s, self._admit)
                return
            self._queue.popleft()
            future.set_result(self._take(size))


class _Allowance:
    """So much a minute, filled up evenly, one second's worth (1 at least) at most; it may be overdrawn and then waits.

    Endpoints hold their limits per minute over shorter spans, too, so that a whole minute's worth at once is refused.
    """

    def __init__(self, per_minute: float, now: float) -> None:
        self._per_s = per_minute / 60.0
        self._most = max(1.0, self._per_s)
        self._level = self._most
        self._filled_at = now

    def wait_s(self, now: float) -> float:
        """Seconds until something may be taken."""
        self._level = min(self._most, self._level + (now - self._filled_at) * self._per_s)
        self._filled_at = now
        missing = 1.0 - self._level
        return missing / self._per_s if missing > 1e-9 else 0.0

    def take(self, amount: float) -> None:
        """Take something, also more than there is."""
        self._level -= amount

    def give_back(self, amount: float) -> None:
        """Take back what was taken in vain; negative: it was more than that."""
        self._level += amount
