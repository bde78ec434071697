"""One run spread over several processes of this machine, each with a fleet and an engine of its own.

Every worker takes its share of the plan's rows, every n-th of each agent's, and writes to the one journal itself, so
that nothing about a rollout travels between processes; only counts do. The parent watches, stops, adds the metrics up.
"""

import asyncio
import logging
import multiprocessing
import os
import signal
from array import array
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from time import monotonic
from typing import Any, Final

from polygym.channels.capture import CallFile
from polygym.channels.watching import ModelWatch
from polygym.config.model import RunConfig
from polygym.config.secrets import secret_values
from polygym.fleet.fleet import Fleet
from polygym.fleet.limits import calm_collector, raise_file_limit
from polygym.metrics.running import EnvironmentMetrics
from polygym.protocol.errors import UserError
from polygym.protocol.failures import describe
from polygym.protocol.groups import ungrouped
from polygym.rollouts.engine import Engine, LaneSettings, RetryPolicy
from polygym.rollouts.journal import Journal, read_done
from polygym.rollouts.limiter import AutoLimit
from polygym.rollouts.outputs import OutputPaths
from polygym.rollouts.plan import Plan
from polygym.rollouts.progress import AgentProgress, Progress
from polygym.rollouts.recorder import Recorder
from polygym.rollouts.shares import config_of_worker
from polygym.rollouts.spending import NOTHING, Ledger, Spending, Spent

log = logging.getLogger("polygym.rollouts")

REPORT_EVERY_S: Final = 0.25
"""Seconds between two reports of a worker."""
MAX_REPLACED: Final = 3
"""Workers that died and are replaced, in one run: what kills every worker that comes upon it has to end."""


@dataclass(frozen=True, slots=True)
class Order:
    """What one worker is told to do."""

    config: RunConfig
    paths: OutputPaths
    plan: Plan
    lanes: Mapping[str, LaneSettings]
    concurrency: int
    """Rollouts in flight in this worker."""
    auto_ceiling: int | None
    """Set when the worker finds out its concurrency by itself: the most it goes up to."""
    retries: RetryPolicy
    log_level: int
    spending: Spending | None = None
    """What to count. That the budget is used up is the parent's to say, but a worker that has done so alone stops."""
    capture: Path | None = None
    """Where model calls are written down."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a worker tells its parent."""

    agents: Mapping[str, AgentProgress]
    has_recorded: bool
    metrics: Mapping[str, EnvironmentMetrics] | None = None
    """In the last report."""
    problem: str | None = None
    """Why the worker ended early; something that the user can mend when `is_users`."""
    is_users: bool = False
    spent: Spent = NOTHING


def share_out(
    config: RunConfig,
    paths: OutputPaths,
    plan: Plan,
    lanes: Mapping[str, LaneSettings],
    workers: int,
    concurrency: int,
    auto_ceiling: int | None,
    retries: RetryPolicy,
    spending: Spending | None = None,
    capture: Path | None = None,
) -> list[Order]:
    """An order for each worker. An agent with a limit below the number of workers is run by as many of them."""
    orders = []
    for worker in range(workers):
        offsets: dict[str, array[int]] = {}
        settings: dict[str, LaneSettings] = {}
        for agent, rows in plan.offsets.items():
            limit = lanes[agent].concurrency
            sharing = workers if limit is None else min(workers, limit)
            if worker < sharing and len(rows[worker::sharing]):
                offsets[agent] = rows[worker::sharing]
                settings[agent] = lanes[agent] if limit is None else _with_share(lanes[agent], limit, worker, sharing)
        share = max(1, concurrency // workers + (worker < concurrency % workers))
        ceiling = None if auto_ceiling is None else max(1, auto_ceiling // workers)
        level = logging.getLogger("polygym").getEffectiveLevel()
        part = config_of_worker(config, worker, workers)
        order = Order(part, paths, plan.part(offsets), settings, share, ceiling, retries, level, spending, capture)
        orders.append(order)
    return orders


def _with_share(lane: LaneSettings, limit: int, worker: int, sharing: int) -> LaneSettings:
    return replace(lane, concurrency=limit // sharing + (worker < limit % sharing))


class Workers:
    """The processes of one run."""

    def __init__(self, orders: list[Order], progress: Progress, ledger: Ledger | None = None) -> None:
        self._orders = orders
        self._ledger = ledger
        self._progress = progress
        self._before = {name: replace(agent) for name, agent in progress.agents.items()}
        self._reports: dict[int, Report] = {}
        self._ends: dict[int, Connection] = {}
        self._gone: list[int] = []
        """Workers whose end has not been looked at."""
        self._left = asyncio.Event()
        self._processes: list[Any] = []
        self._replaced = 0
        self._is_stopping = False
        self.has_recorded = False
        """Whether a worker has written anything that cost something."""
        self.is_complete = True
        """Whether every worker came to its end; otherwise metrics and counts say less than the journal."""

    async def run(self, metrics: Mapping[str, EnvironmentMetrics]) -> None:
        """Run until all have ended; their metrics are merged into `metrics`.

        Raises UserError for the first that ends for a reason the user can mend; the others are stopped then.
        """
        try:
            for number in range(len(self._orders)) if not self._is_stopping else ():
                self._start(number)
            await self._wait()
        finally:
            for number, end in list(self._ends.items()):
                self._forget(number, end)
            for process in self._processes:
                await asyncio.to_thread(process.join, 30)
                process.kill()
                process.close() if process.exitcode is not None else None
        for report in self._reports.values():
            for agent, part in (report.metrics or {}).items():
                metrics[agent].merge(part)

    def _start(self, number: int) -> None:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(self._orders[number], theirs), name=f"polygym worker {number}")
        process.start()
        theirs.close()
        self._processes.append(process)
        self._ends[number] = ours
        asyncio.get_running_loop().add_reader(ours.fileno(), self._receive, number, ours)

    def stop(self, grace_s: float | None = None) -> None:
        """Have every worker start nothing more, and finish what is in flight, within `grace_s` seconds if given."""
        self._is_stopping = True
        for end in self._ends.values():
            with suppress(OSError):  # it has just died, which is noticed elsewhere
                end.send(grace_s)

    async def _wait(self) -> None:
        while self._ends:
            self._left.clear()
            await self._left.wait()
            for number in self._gone:
                report = self._reports[number]
                self.is_complete &= report.metrics is not None
                if report.problem is not None and report.is_users:
                    raise UserError(report.problem)
                if report.metrics is None and not self._is_stopping:
                    await self._replace(number, report.problem or "it died")
            self._gone.clear()

    async def _replace(self, number: int, why: str) -> None:
        """Have another worker run what the journal lacks of the share of one that ended early."""
        order = self._orders[number]
        if self._replaced == MAX_REPLACED:
            log.error("worker %d ended early: %s. --resume runs what is left of its share.", number, why)
            return
        self._replaced += 1
        left = await asyncio.to_thread(lambda: order.plan.without(read_done(order.paths, lambda row, size: None)))
        log.error(
            "worker %d ended early: %s. Another takes the %d rollouts left of its share.", number, why, left.total()
        )
        if left.total():
            report = self._reports[number]  # what had failed there is run again
            kept = {agent: replace(counts, failed=0) for agent, counts in report.agents.items()}
            self._reports[number] = replace(report, agents=kept)
            lanes = {agent: order.lanes[agent] for agent in left.offsets}
            self._orders.append(replace(order, plan=left, lanes=lanes))
            self._start(len(self._orders) - 1)

    def _receive(self, number: int, end: Connection) -> None:
        try:
            while end.poll():
                report: Report = end.recv()
                before = self._reports.get(number)
                if before is not None and not report.agents:  # a worker's last words: what it has counted still holds
                    report = replace(report, agents=before.agents, spent=before.spent)
                self._reports[number] = report
                self.has_recorded |= report.has_recorded
        except (EOFError, OSError):
            self._reports.setdefault(number, Report({}, has_recorded=False))
            self._gone.append(number)
            self._forget(number, end)
        self._add_up()

    def _forget(self, number: int, end: Connection) -> None:
        asyncio.get_running_loop().remove_reader(end.fileno())
        end.close()
        del self._ends[number]
        self._left.set()

    def _add_up(self) -> None:
        for name, agent in self._progress.agents.items():
            parts = [self._before[name], *(r.agents[name] for r in self._reports.values() if name in r.agents)]
            agent.done = sum(part.done for part in parts)
            agent.failed = sum(part.failed for part in parts)
            agent.retried = sum(part.retried for part in parts)
            agent.scored = sum(part.scored for part in parts)
            agent.reward_sum = sum(part.reward_sum for part in parts)
            agent.last_failure = next((part.last_failure for part in reversed(parts) if part.last_failure), None)
        if self._ledger is not None:
            spent = NOTHING
            for report in self._reports.values():
                spent = spent.plus(report.spent)
            self._ledger.spent_elsewhere(spent)


def _work(order: Order, end: Connection) -> None:
    """The main function of a worker's process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.basicConfig(level=order.log_level, format="%(message)s")
    raise_file_limit()
    try:
        with ungrouped(Exception), ungrouped(UserError):
            asyncio.run(_work_until_done(order, end.send, end))
    except UserError as error:
        end.send(Report({}, has_recorded=False, problem=str(error), is_users=True))
    except Exception as error:
        end.send(Report({}, has_recorded=True, problem=describe(error)))


async def _work_until_done(order: Order, send: Callable[[Report], None], end: Connection) -> None:
    totals = {agent: len(rows) for agent, rows in order.plan.offsets.items()}
    progress = Progress({agent: AgentProgress(total) for agent, total in totals.items()})
    metrics = {agent: EnvironmentMetrics() for agent in totals}
    journal = Journal(order.paths, is_shared=True)
    ledger = None if order.spending is None else Ledger(order.spending)
    watch = _watch_of(order, ledger)
    recorder = Recorder(
        journal,
        progress,
        metrics,
        is_model_awaited=order.retries.is_model_awaited,
        ledger=ledger,
        is_capturing=order.capture is not None,
    )
    auto = AutoLimit(monotonic(), order.auto_ceiling) if order.auto_ceiling is not None else None
    async with Fleet(order.config, watch=watch) as fleet:
        calm_collector()
        engine = Engine(
            order.plan,
            fleet.wiring.agents,
            order.lanes,
            recorder,
            concurrency=order.concurrency,
            auto=auto,
            retries=order.retries,
        )
        if ledger is not None:  # what this worker took alone may be enough, before the parent has heard of it
            ledger.on_exhausted = lambda _why: engine.stop()
        for agent, total in totals.items():
            engine.add(agent, total)
        running = asyncio.create_task(engine.run())
        asyncio.get_running_loop().add_reader(end.fileno(), _obey, end, engine)
        try:
            while not running.done():
                await asyncio.wait({running}, timeout=REPORT_EVERY_S)
                send(Report(progress.agents, recorder.has_recorded, spent=ledger.here if ledger else NOTHING))
            running.result()
        finally:
            asyncio.get_running_loop().remove_reader(end.fileno())
            recorder.journal.close()
    send(Report(progress.agents, recorder.has_recorded, metrics, spent=ledger.here if ledger else NOTHING))


def _watch_of(order: Order, ledger: Ledger | None) -> ModelWatch | None:
    if ledger is None and order.capture is None:
        return None
    config = order.config
    secrets = secret_values([config.settings, *(instance.fields for instance in config.instances.values())])
    return ModelWatch(ledger, None if order.capture is None else CallFile(order.capture, secrets))


def _obey(end: Connection, engine: Engine) -> None:
    """The parent wants the worker to stop. When it is gone, so is its lock on the output: the worker ends at once."""
    try:
        grace_s: float | None = end.recv()
    except (EOFError, OSError):
        os._exit(1)
    engine.stop(grace_s)
