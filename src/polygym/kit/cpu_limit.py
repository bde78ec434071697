"""An end to code that computes for ever: interrupted where it stands, also inside a regular expression."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

_REPEAT_S: Final = 0.05
"""Seconds of CPU time between two interruptions of code that swallows the first."""


class CpuLimitExceededError(BaseException):
    """Code has used up its CPU time. No `Exception`, so that the code itself does not take it for one of its own."""


@contextmanager
def cpu_limit(seconds: float) -> Iterator[None]:
    """Raise CpuLimitExceededError in a block once this process has computed for so long.

    Works on the main thread of systems with interval timers; elsewhere there is no limit.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise CpuLimitExceededError(f"computed for more than {seconds:g} s")

    before = signal.signal(signal.SIGPROF, interrupt)
    signal.setitimer(signal.ITIMER_PROF, seconds, _REPEAT_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
