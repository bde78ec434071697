"""How far a collection is, by environment, on standard error while it runs.

In a terminal a table that is drawn anew twice a second; elsewhere a line for each environment that has got on, every
few seconds. Reads the run's progress, knows nothing else of it.
"""

import asyncio
import sys
from collections.abc import Iterator
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple, Self

import click

from polygym.rollouts.progress import AgentProgress, Progress

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

TABLE_INTERVAL_S = 0.5
LINES_INTERVAL_S = 5.0


class Line(NamedTuple):
    """One environment in words."""

    agent: str
    done: str
    rate: str
    reward: str
    failed: str


def describe(name: str, counts: AgentProgress, elapsed_s: float) -> Line:
    """One environment's counts as they are shown; the rate is of this run's rollouts."""
    ended = counts.scored + counts.failed
    retried = f", {counts.retried} retried" if counts.retried else ""
    last = f", last: {counts.last_failure.failure_class}" if counts.last_failure is not None else ""
    return Line(
        agent=name,
        done=f"{counts.done}/{counts.total}",
        rate=f"{ended / elapsed_s:.1f}/s" if elapsed_s > 0 else "-",
        reward="-" if counts.mean_reward is None else f"{counts.mean_reward:.3f}",
        failed=f"{counts.failed}{retried}{last}",
    )


class Display:
    """Shows `progress` while it is entered, anew every `interval_s` seconds."""

    def __init__(self, progress: Progress, *, interval_s: float | None = None) -> None:
        self._progress = progress
        self._started = monotonic()
        self._timer: asyncio.TimerHandle | None = None
        self._live: Live | None = None
        self._shown: dict[str, tuple[int, int, int]] = {}
        self._is_table = sys.stderr.isatty()
        self._interval_s = interval_s or (TABLE_INTERVAL_S if self._is_table else LINES_INTERVAL_S)

    def __enter__(self) -> Self:
        self._schedule()
        return self

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._live is not None:
            self._live.update(self._table())
            self._live.stop()

    def _schedule(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._interval_s, self._tick)

    def _tick(self) -> None:
        if self._is_table:
            self._draw()
        else:
            for line in self._lines_that_changed():
                click.echo(
                    f"{line.agent}: {line.done} done, {line.rate}, mean reward {line.reward}, failed {line.failed}",
                    err=True,
                )
        self._schedule()

    def _lines(self) -> Iterator[Line]:
        elapsed_s = monotonic() - self._started
        return (describe(name, counts, elapsed_s) for name, counts in self._progress.agents.items())

    def _lines_that_changed(self) -> Iterator[Line]:
        for line, counts in zip(self._lines(), self._progress.agents.values(), strict=True):
            state = (counts.done, counts.failed, counts.retried)
            if self._shown.get(line.agent, (0, 0, 0)) != state:
                self._shown[line.agent] = state
                yield line

    def _draw(self) -> None:
        if self._live is None:
            from rich.console import Console
            from rich.live import Live

            self._live = Live(console=Console(stderr=True), auto_refresh=False, transient=True)
            self._live.start()
        self._live.update(self._table(), refresh=True)

    def _table(self) -> "Table":
        from rich.table import Table

        table = Table("environment", box=None, pad_edge=False)
        for column in ("done", "rate", "mean reward", "failed"):
            table.add_column(column, justify="right")
        for line in self._lines():
            table.add_row(*line)
        return table
