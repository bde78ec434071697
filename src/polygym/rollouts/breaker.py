"""Keeps a run from hammering something that is down: waits for it, tries one rollout now and then, goes on.

One breaker a model server, so that the lanes of all agents that use it stand still together, and one an environment.
"""

from typing import Final

TRIP_AFTER: Final = 5
"""Failures in a row, with no success between, that open the breaker."""
PROBES_DOUBLE: Final = 5
"""How often the wait between two probes doubles."""


class Breaker:
    """Closed while there are answers; open, letting single probes through, while there are none."""

    def __init__(self, what: str, patience_s: float, first_probe_s: float = 1.0) -> None:
        self.what = what
        """What it stands for, in words."""
        self.patience_s = patience_s
        """Seconds to wait for it before its rollouts are given up."""
        self.is_given_up = False
        """Whether the patience is at an end."""
        self._failures = 0
        self.is_open = False
        """Whether it counts as down."""
        self._open_since = 0.0
        self._next_probe = 0.0
        self._first_probe_s = self._probe_s = first_probe_s
        """Seconds from opening to the first probe; they double with every probe that fails, up to 32 times as many."""
        self._is_probing = False

    def lets_through(self, now: float) -> bool:
        """Whether a rollout may start: always when closed or given up, a probe now and then when open."""
        return not self.is_open or self.is_given_up or now >= self._next_probe

    def started(self, now: float) -> None:
        """While it is open a rollout starts: the probe. The next may go when its wait is over, answered or not."""
        self._is_probing = True
        self._next_probe = now + self._probe_s

    def succeeded(self) -> bool:
        """There was an answer; whether that closed an open breaker."""
        if not self._failures:  # as nearly always
            return False
        was_open = self.is_open
        self._failures, self._probe_s = 0, self._first_probe_s
        self.is_open = self._is_probing = self.is_given_up = False
        return was_open

    def failed(self, now: float) -> bool:
        """There was no answer; whether that opened the breaker."""
        self._failures += 1
        if self.is_open:
            if self._is_probing:
                self._is_probing = False
                self._probe_s = min(self._probe_s * 2, self._first_probe_s * 2**PROBES_DOUBLE)
            self._next_probe = now + self._probe_s
            self.is_given_up = now - self._open_since >= self.patience_s
            return False
        if self._failures < TRIP_AFTER:
            return False
        self.is_open = True
        self._open_since, self._next_probe = now, now + self._probe_s
        self.is_given_up = self.patience_s <= 0
        return True

    def inconclusive(self) -> None:
        """A rollout ended without telling anything; if it was the probe, another one may go."""
        if self._is_probing:
            self._is_probing, self._next_probe = False, 0.0

    def next_probe(self) -> float | None:
        """When the next probe is due; None when none waits for its time."""
        return self._next_probe if self.is_open and not self.is_given_up else None
