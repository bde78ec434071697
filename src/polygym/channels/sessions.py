"""Sessions that callers outside this process hold by cookie; those that nobody closes expire."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Generic, Protocol, TypeVar


class Closable(Protocol):
    """What the store needs of a session."""

    async def close(self) -> None:
        """Release it. May be called more than once; never raises."""
        ...


SessionT = TypeVar("SessionT", bound=Closable)


@dataclass(slots=True)
class _Entry(Generic[SessionT]):
    session: SessionT
    used_at: float
    calls: int = 0
    """Calls under way; the session does not expire meanwhile."""


class SessionStore(Generic[SessionT]):
    """Open sessions by key, least recently used first."""

    def __init__(self, ttl_s: float) -> None:
        self._ttl_s = ttl_s
        self._entries: OrderedDict[str, _Entry[SessionT]] = OrderedDict()
        self._sweeper: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, key: str, session: SessionT) -> None:
        """Keep a session under `key`. Needs a running event loop."""
        self._entries[key] = _Entry(session, monotonic())
        if self._sweeper is None or self._sweeper.done():
            self._sweeper = asyncio.get_running_loop().create_task(self._sweep(), name="session sweeper")

    @contextmanager
    def using(self, key: str) -> Iterator[SessionT | None]:
        """The session under `key`, its time to live started again on the way out; None when there is none."""
        entry = self._entries.get(key)
        if entry is None:
            yield None
            return
        entry.calls += 1
        try:
            yield entry.session
        finally:
            entry.calls -= 1
            self._touch(key, entry)

    async def close(self, key: str) -> None:
        """Close and forget the session under `key`, if there is one."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            await entry.session.close()

    async def close_all(self) -> None:
        """Close every session and stop looking for expired ones."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)
            self._sweeper = None
        await asyncio.gather(*(self.close(key) for key in list(self._entries)))

    def _touch(self, key: str, entry: _Entry[SessionT]) -> None:
        entry.used_at = monotonic()
        if key in self._entries:
            self._entries.move_to_end(key)

    async def _sweep(self) -> None:
        while self._entries:
            key, entry = next(iter(self._entries.items()))
            wait_s = entry.used_at + self._ttl_s - monotonic()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            elif entry.calls:
                self._touch(key, entry)
            else:
                await self.close(key)
