"""Which rollout starts next: weighted fair shares of what may be in flight; nobody waits for another's slow one."""

import heapq
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from polygym.rollouts.breaker import Breaker


class Work(NamedTuple):
    """One attempt at one planned row."""

    agent: str
    position: int
    """Of the row among its agent's planned rows."""
    attempt: int
    """0 for the first."""
    spent: int
    """Earlier attempts that count against the retry budget; waiting for a model that is down spends none."""


@dataclass
class Lane:
    """The rollouts of one agent: to do, waiting to be tried again, in flight."""

    agent: str
    total: int
    concurrency: int | None = None
    """Rollouts it may have in flight; None leaves it to the run's limit."""
    weight: float = 1.0
    """Its share of the run's limit, relative to the others'."""
    breakers: tuple[Breaker, ...] = ()
    """Of what it depends on: its model, its environment."""
    in_flight: int = 0
    started: int = 0
    """Rows begun, first attempts only."""
    retries: list[tuple[float, Work]] = field(default_factory=list)
    """Heap of attempts by the time they are due."""

    def is_ready(self, now: float) -> bool:
        """Whether it could start something now."""
        if self.concurrency is not None and self.in_flight >= self.concurrency:
            return False
        if self.started >= self.total and not (self.retries and self.retries[0][0] <= now):
            return False
        for breaker in self.breakers:  # noqa: SIM110 - asked for every rollout: no generator, no call while all is well
            if breaker.is_open and not breaker.lets_through(now):
                return False
        return True

    def take(self, now: float) -> Work:
        """The next attempt; one that is due again comes before new rows."""
        self.in_flight += 1
        for breaker in self.breakers:
            if breaker.is_open:
                breaker.started(now)
        if self.retries and self.retries[0][0] <= now:
            return heapq.heappop(self.retries)[1]
        self.started += 1
        return Work(self.agent, self.started - 1, 0, 0)

    def drain(self) -> list[Work]:
        """Take back everything that has not begun; those waiting to be tried again first."""
        waiting = [work for _, work in self.retries]
        self.retries = []
        fresh = [Work(self.agent, position, 0, 0) for position in range(self.started, self.total)]
        self.started = self.total
        return waiting + fresh

    @property
    def is_finished(self) -> bool:
        """Whether nothing is left to do or to wait for."""
        return self.started >= self.total and not self.retries and not self.in_flight


class Scheduler:
    """Hands out work from several lanes."""

    def __init__(self, lanes: Iterable[Lane], limit: int) -> None:
        self.lanes = {lane.agent: lane for lane in lanes}
        self.limit = limit
        """Rollouts in flight, all lanes together."""
        self.in_flight = 0
        self._order = deque(self.lanes.values())

    def take(self, now: float) -> Work | None:
        """The next attempt, from the ready lane with the smallest share in flight; None when nothing can start now."""
        if self.in_flight >= self.limit:
            return None
        best: Lane | None = None
        for lane in self._order:
            if (best is None or lane.in_flight / lane.weight < best.in_flight / best.weight) and lane.is_ready(now):
                best = lane
        if best is None:
            return None
        if len(self._order) > 1:
            self._order.remove(best)
            self._order.append(best)
        self.in_flight += 1
        return best.take(now)

    def finish(self, work: Work) -> None:
        """An attempt has ended, whatever way."""
        self.lanes[work.agent].in_flight -= 1
        self.in_flight -= 1

    def retry(self, work: Work, due: float, *, spends: bool = True) -> None:
        """Try again as a fresh attempt at `due` seconds on the clock that `take` is given."""
        again = Work(work.agent, work.position, work.attempt + 1, work.spent + spends)
        heapq.heappush(self.lanes[work.agent].retries, (due, again))

    def next_due(self, now: float) -> float | None:
        """When time alone may let something start: an attempt is due, or a breaker's probe; None when it never will."""
        times = [lane.retries[0][0] for lane in self.lanes.values() if lane.retries]
        times += [
            probe
            for lane in self.lanes.values()
            for breaker in lane.breakers
            if (probe := breaker.next_probe()) is not None
        ]
        return min((time for time in times if time > now), default=None)

    @property
    def is_finished(self) -> bool:
        """Whether every lane has finished."""
        return not self.in_flight and all(lane.is_finished for lane in self.lanes.values())
