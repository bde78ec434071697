"""How many rollouts may be in flight, found out by the run itself: up while it pays, down when the endpoint suffers.

Additive increase, multiplicative decrease (Chiu and Jain 1989), with the doubling start of TCP: what is compared is
finished rollouts per second, and how long model calls take.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

START: Final = 8
GAIN: Final = 1.05
"""Throughput has risen when it is this many times the earlier one."""
SLOWER: Final = 1.5
"""Latency has grown when it is this many times the earlier one."""
BACK_OFF: Final = 0.7
"""What is left of the limit after trouble."""
WINDOW_S: Final = 1.0
"""Seconds that a window lasts at least."""
ENOUGH: Final = 2.0
"""Finished rollouts that a window needs, as a share of the limit."""


class Adjustment(NamedTuple):
    """One step of the limit and the reason for it."""

    limit: int
    why: str


class AutoLimit:
    """The limit of a run with `--concurrency auto`. Tell it what happens; ask it now and then to `adjust`."""

    def __init__(self, now: float, ceiling: int) -> None:
        self.limit = min(START, ceiling)
        self.ceiling = ceiling
        """Never more than this."""
        self.history: list[Adjustment] = []
        """Every change, oldest first."""
        self._is_starting = True
        self._best_rate = 0.0
        self._latency_s: float | None = None
        self._begin(now)

    def _begin(self, now: float) -> None:
        self._since = now
        self._finished = 0
        self._rate_limited = 0
        self._model_calls = 0
        self._model_s = 0.0

    def observe(self, model_seconds: Iterable[float], *, has_finished: bool = True, rate_limits: int = 0) -> None:
        """An attempt has ended, with a reward or not; `model_seconds` its calls took, so many were answered 429."""
        self._finished += has_finished
        self._rate_limited += rate_limits
        for seconds in model_seconds:
            self._model_calls += 1
            self._model_s += seconds

    def adjust(self, now: float, in_flight: int) -> Adjustment | None:
        """The new limit when this window says something, else None. `in_flight` is how many there are now."""
        elapsed_s = now - self._since
        if self._rate_limited:
            return self._set(
                now, int(self.limit * BACK_OFF), f"the endpoint limits its rate ({self._rate_limited} answers 429)"
            )
        if elapsed_s < WINDOW_S or self._finished < self.limit * ENOUGH:
            return None
        if in_flight < self.limit * 0.9:
            self._begin(now)
            return None
        rate = self._finished / elapsed_s
        latency_s = self._model_s / self._model_calls if self._model_calls else None
        grew = self._latency_s is not None and latency_s is not None and latency_s > self._latency_s * SLOWER
        rose = rate > self._best_rate * GAIN
        before = self._best_rate
        self._best_rate = max(rate, self._best_rate * 0.98)
        if rose:
            self._latency_s = latency_s
            step = self.limit if self._is_starting else max(1, self.limit // 16)
            return self._set(now, self.limit + step, f"throughput rose from {before:.1f} to {rate:.1f} rollouts/s")
        self._is_starting = False
        if grew:
            why = f"model calls take {latency_s:.2f} s instead of {self._latency_s:.2f} s and nothing is gained by it"
            return self._set(now, int(self.limit * BACK_OFF), why)
        self._begin(now)
        return None

    def _set(self, now: float, limit: int, why: str) -> Adjustment | None:
        self._begin(now)
        limit = max(1, min(limit, self.ceiling))
        if limit == self.limit:
            return None
        if limit < self.limit:
            self._is_starting = False
        self.limit = limit
        step = Adjustment(limit, why)
        self.history.append(step)
        return step

    def summary(self) -> str:
        """Where it settled and why, in a sentence."""
        why = self.history[-1].why if self.history else "the run was too short to learn more"
        return f"concurrency settled at {self.limit}: {why}"
