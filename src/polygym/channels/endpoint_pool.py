"""Which of several base URLs that serve the same model a call goes to, and which of them are out of service.

A session keeps its URL, because the endpoint has its prompts cached; new ones go where the fewest calls are under way.
A URL that does not answer is taken out, its sessions move, and it is looked at until it answers again. Knows no HTTP.
"""

import asyncio
import logging
import random
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from polygym.channels.endpoint_faults import Fault
from polygym.protocol.failures import FailureClass
from polygym.protocol.json import JsonObject
from polygym.protocol.rollouts import without_attempt

log = logging.getLogger("polygym.endpoint")

MOST_SESSIONS: Final = 1 << 16
"""Sessions whose URL is remembered; the one that was not heard of for longest is forgotten and placed anew."""
FAILED_IN_A_ROW: Final = 5
"""Calls without an answer after which a URL is taken out; one where nobody is there is taken out at once."""
LONGEST_CHECK_S: Final = 30.0
"""Seconds between two looks at a URL that is out, at most; they double from the first."""

SUSPICIOUS_S: Final = 10.0
"""Seconds that a call has waited in vain when it is given up, from which its URL is looked at: it may hang."""

_IS_SILENT: Final = frozenset({FailureClass.MODEL_UNAVAILABLE, FailureClass.TIMEOUT})
"""Failures of a call that say that the endpoint may be gone."""


@dataclass(slots=True)
class Member:
    """One of the base URLs, and how it has done."""

    shown: str
    """The URL for messages."""
    is_up: bool = True
    in_flight: int = 0
    """Calls under way, those included that wait for its limits."""
    sessions: int = 0
    """Sessions that were given to it, over time."""
    calls: int = 0
    """Calls that have ended."""
    failed: int = 0
    """Of them, without an answer."""
    failed_in_a_row: int = 0

    def to_json(self) -> JsonObject:
        """Its state, for whoever asks how a run is doing."""
        return {
            "url": self.shown,
            "state": "up" if self.is_up else "out",
            "in_flight": self.in_flight,
            "sessions": self.sessions,
            "calls": self.calls,
            "failed": self.failed,
        }


class EndpointPool:
    """Places sessions. Looks after what is down in tasks of its own, until `close`."""

    def __init__(
        self, shown: Sequence[str], is_healthy: Callable[[int], Awaitable[bool]], *, first_check_s: float = 1.0
    ) -> None:
        """`is_healthy` looks at a URL, by its number: at one that is out, after `first_check_s` seconds and later."""
        self.members = [Member(url) for url in shown]
        self._is_healthy = is_healthy
        self._first_check_s = first_check_s
        self._sessions: OrderedDict[str, int] = OrderedDict()
        self._watches: dict[int, asyncio.Task[None]] = {}

    def place(self, rollout_id: str) -> int:
        """The number of the URL that a call of this rollout goes to. All attempts at it are one session."""
        session = without_attempt(rollout_id)
        number = self._sessions.get(session)
        if number is not None and self.members[number].is_up:
            self._sessions.move_to_end(session)
            return number
        up = [candidate for candidate, member in enumerate(self.members) if member.is_up]
        if number is not None and not up:
            return number
        number = min(up or range(len(self.members)), key=self._load)
        self.members[number].sessions += 1
        self._sessions[session] = number
        self._sessions.move_to_end(session)
        if len(self._sessions) > MOST_SESSIONS:
            self._sessions.popitem(last=False)
        return number

    def _load(self, number: int) -> tuple[int, int]:
        member = self.members[number]
        return member.in_flight, member.sessions

    def started(self, number: int) -> None:
        """A call to that URL begins."""
        self.members[number].in_flight += 1

    def ended(self, number: int, fault: Fault | None, rollout_id: str) -> None:
        """It has ended, with an answer or a fault. A rollout whose call took too long tries elsewhere next time."""
        member = self.members[number]
        member.in_flight -= 1
        member.calls += 1
        if fault is None or fault.failure_class not in _IS_SILENT:
            member.failed_in_a_row = 0
            if not member.is_up:
                self._bring_back(number)
            return
        if fault.failure_class is FailureClass.TIMEOUT:
            self._move(number, rollout_id)
        member.failed += 1
        member.failed_in_a_row += 1
        if fault.is_nobody_there or member.failed_in_a_row >= FAILED_IN_A_ROW:
            self.take_out(number, fault.message)

    def abandoned(self, number: int, waited_s: float, rollout_id: str) -> None:
        """A call was given up by who made it, `waited_s` seconds after it went out.

        That says nothing about the URL, but one that has hung for long is looked at, and the rollout tries elsewhere.
        """
        member = self.members[number]
        member.in_flight -= 1
        if waited_s < SUSPICIOUS_S:
            return
        self._move(number, rollout_id)
        if member.is_up and number not in self._watches:
            self._watches[number] = asyncio.create_task(self._suspect(number), name=f"health of {member.shown}")

    def _move(self, number: int, rollout_id: str) -> None:
        """Have the session go on at another URL than `number`, if there is one."""
        others = [other for other, member in enumerate(self.members) if member.is_up and other != number]
        session = without_attempt(rollout_id)
        if others and self._sessions.get(session) == number:
            self._sessions[session] = min(others, key=self._load)
            self.members[self._sessions[session]].sessions += 1

    async def _suspect(self, number: int) -> None:
        is_healthy = await self._is_healthy(number)
        if self._watches.get(number) is asyncio.current_task():
            del self._watches[number]
            if not is_healthy:
                self.take_out(number, "Calls hang there, and it does not say how it is.")

    def take_out(self, number: int, why: str) -> None:
        """Give that URL no more calls, if there is another, until it answers again."""
        member = self.members[number]
        if not member.is_up:
            return
        member.is_up = False
        left = sum(other.is_up for other in self.members)
        rest = f"Its sessions move to the other {left}." if left else "No other is left."
        log.warning("%s is taken out until it answers again. %s %s", member.shown, rest, why)
        if number in self._watches:
            self._watches[number].cancel()
        self._watches[number] = asyncio.create_task(self._watch(number), name=f"health of {member.shown}")

    def _bring_back(self, number: int) -> None:
        member = self.members[number]
        member.is_up = True
        member.failed_in_a_row = 0
        watch = self._watches.pop(number, None)
        if watch is not None and watch is not asyncio.current_task():
            watch.cancel()
        log.warning("%s answers again and is back", member.shown)

    async def _watch(self, number: int) -> None:
        pause_s = self._first_check_s
        while True:
            await asyncio.sleep(pause_s * random.uniform(0.75, 1.25))
            if await self._is_healthy(number):
                self._bring_back(number)
                return
            pause_s = min(2.0 * pause_s, LONGEST_CHECK_S)

    async def close(self) -> None:
        """Look after nothing any more; say how each URL has done."""
        watches = list(self._watches.values())
        self._watches.clear()
        for watch in watches:
            watch.cancel()
        await asyncio.gather(*watches, return_exceptions=True)
        for member in self.members:
            if member.calls:
                state = "up" if member.is_up else "out"
                log.info(
                    *("%s: %s, %d calls, %d without an answer, %d sessions", member.shown, state),
                    *(member.calls, member.failed, member.sessions),
                )
            member.is_up, member.failed_in_a_row = True, 0
