"""Ctrl-C and SIGTERM while an event loop runs: first a polite end where there is one, then a prompt one."""

import asyncio
import signal
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Self

from polygym.cli.exits import ExitCode

_CODES = {signal.SIGINT: ExitCode.INTERRUPTED, signal.SIGTERM: ExitCode.TERMINATED}


class Interrupts:
    """Enter it in the main task of a command. A signal cancels that task, unless `politely` says otherwise."""

    def __init__(self) -> None:
        self.exit_code: ExitCode | None = None
        """For the first signal that came; None while none has."""
        self._task: asyncio.Task[object] | None = None
        self._polite: Callable[[], None] | None = None
        self._polite_signals: Collection[signal.Signals] = ()

    def __enter__(self) -> Self:
        self._task = asyncio.current_task()
        loop = asyncio.get_running_loop()
        for number in _CODES:
            loop.add_signal_handler(number, self._arrived, number)
        return self

    def __exit__(self, *_: object) -> None:
        loop = asyncio.get_running_loop()
        for number in _CODES:
            loop.remove_signal_handler(number)

    @contextmanager
    def politely(self, end: Callable[[], None], *signals: signal.Signals) -> Iterator[None]:
        """Inside, the first signal of those calls `end` instead; the next one cancels."""
        self._polite, self._polite_signals = end, signals
        try:
            yield
        finally:
            self._polite = None

    def _arrived(self, number: signal.Signals) -> None:
        is_first = self.exit_code is None
        self.exit_code = self.exit_code or _CODES[number]
        if is_first and self._polite is not None and number in self._polite_signals:
            self._polite()
        else:
            assert self._task is not None
            self._task.cancel()
