"""A collection from beginning to end: plan, run, record, sum up. What the command line and the Python API call."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Self

from polygym.channels.watching import ModelWatch
from polygym.config.model import RunConfig
from polygym.data.jsonl import drop_torn_line, whole_lines
from polygym.metrics.running import EnvironmentMetrics
from polygym.protocol.calls import Agent
from polygym.protocol.errors import OutputError, suggest
from polygym.protocol.json import JsonObject, loads
from polygym.protocol.tasks import AGENT_REF
from polygym.rollouts.engine import Engine, LaneSettings, RetryPolicy
from polygym.rollouts.journal import Journal, read_done
from polygym.rollouts.limiter import AutoLimit
from polygym.rollouts.manifest import check_manifest, manifest_of, write_manifest
from polygym.rollouts.outputs import Mode, OutputLock, OutputPaths, Replaced, check_output
from polygym.rollouts.plan import Plan, PlanRequest, RowCheck, make_plan, reopen_plan
from polygym.rollouts.progress import AgentProgress, Progress
from polygym.rollouts.recorder import Recorder
from polygym.rollouts.spending import NOTHING, Ledger, Spending, spent_by
from polygym.rollouts.summary import write_metrics
from polygym.rollouts.workers import Workers, share_out

log = logging.getLogger("polygym.rollouts")

LARGEST_AUTO = 16_384
"""Rollouts in flight that an automatic concurrency goes up to."""


@dataclass(frozen=True, slots=True)
class CollectRequest:
    """What to run, and what to write."""

    plan: PlanRequest
    output: Path
    mode: Mode = "new"
    concurrency: int | None = 256
    """Rollouts in flight; None finds out by itself."""
    lanes: Mapping[str, LaneSettings] = field(default_factory=dict)
    """How single agents' rollouts are run, where the defaults won't do."""
    retries: RetryPolicy = field(default_factory=RetryPolicy)
    setup: JsonObject = field(default_factory=dict)
    """What the results depend on besides the plan, from `manifest.setup_of`; noticed at resume when it has changed."""
    check_row: RowCheck | None = None
    """Called for every task before anything runs."""
    own_metrics: frozenset[str] = frozenset()
    """Agents whose environments compute metrics of their own, over all rollouts however many they are."""
    spending: Spending | None = None
    """What model calls cost and may cost; None counts nothing."""
    watch: ModelWatch | None = None
    """Sees the model calls of the fleet that the agents belong to; what is to be counted is counted through it."""


class Collection:
    """One run. Entering checks all that can be checked without a server; leaving an unused run leaves no trace."""

    def __init__(self, request: CollectRequest) -> None:
        self.request = request
        self.paths = OutputPaths(request.output)
        self.progress = Progress()
        self.metrics: dict[str, EnvironmentMetrics] = {}
        self._lock = OutputLock(self.paths)
        self._plan: Plan | None = None
        self._replaced: Replaced | None = None
        self._manifest: JsonObject = {}
        self._is_going_on = False
        self._runner: Engine | Workers | None = None
        self._recorder: Recorder | None = None
        self._auto: AutoLimit | None = None
        self.ledger: Ledger | None = None
        """What the run has taken; None where nothing is counted."""
        self._earlier = NOTHING
        self.exhausted: str | None = None
        """Which limit of the budget has stopped the run, in words; None while none has."""

    def __enter__(self) -> Self:
        self._lock.__enter__()
        try:
            check_output(self.paths, self.request.mode)
            self._manifest = manifest_of(self.request.plan, self.request.setup)
            self._plan = self._make_plan()
        except BaseException:
            self._lock.__exit__()
            raise
        for agent in {**self._plan.offsets, **self._plan.skipped}:
            planned, done = len(self._plan.offsets.get(agent, ())), self._plan.skipped[agent]
            self.progress.agents[agent] = AgentProgress(total=planned + done, done=done)
            self.metrics.setdefault(agent, EnvironmentMetrics())
        if self.request.spending is not None:
            self.ledger = Ledger(self.request.spending, self._earlier)
            if self.request.watch is not None:
                self.request.watch.meter = self.ledger
        return self

    @property
    def plan(self) -> Plan:
        """What is to be run."""
        assert self._plan is not None
        return self._plan

    @property
    def has_begun(self) -> bool:
        """Whether anything was started, after all checks."""
        return self._recorder is not None

    @property
    def settled(self) -> str | None:
        """Where an automatic concurrency has settled and why, in a sentence; None without one."""
        return self._auto.summary() if self._auto is not None else None

    @property
    def is_resumed(self) -> bool:
        """Whether this run goes on with what an earlier one has planned."""
        return self.request.mode in ("resume", "force") and self.paths.inputs.exists()

    @property
    def _unfinished_plan(self) -> Path:
        return self.paths.inputs.with_name(f".{self.paths.inputs.name}.unfinished")

    def _make_plan(self) -> Plan:
        if not self.is_resumed:
            if self.request.mode in ("resume", "force") and self.paths.rollouts.exists():
                raise OutputError(
                    f"{self.paths.inputs}: is not there, so {self.paths.rollouts} cannot be resumed."
                    " Start anew with --overwrite."
                )
            return make_plan(self.request.plan, self._unfinished_plan, self.request.check_row)
        try:
            check_manifest(self.paths.manifest, self._manifest)
        except OutputError as error:
            if self.request.mode == "resume":
                raise
            log.warning("Going on with the rows as they were planned at the beginning, although: %s", error)
        done = read_done(self.paths, self._count_earlier)
        self._count_earlier_failures()
        plan = reopen_plan(self.paths, done, self.request.plan.order, self.request.check_row)
        unknown = [agent for agent in plan.offsets if agent not in self.request.plan.agents]
        if unknown:
            raise OutputError(
                f"{self.paths.inputs}: names agent '{unknown[0]}', which is not configured."
                f" {suggest(unknown[0], self.request.plan.agents)}"
            )
        return plan

    def _count_earlier(self, row: JsonObject, size: int) -> None:
        """Count a rollout of an earlier run in the metrics."""
        self.metrics.setdefault(row[AGENT_REF]["name"], EnvironmentMetrics()).add(row, size=size)
        if self.request.spending is not None:
            self._earlier = self._earlier.plus(spent_by(row))

    def _count_earlier_failures(self) -> None:
        """Count what failed attempts of an earlier run have taken."""
        if self.request.spending is None:
            return
        for number, line in whole_lines(self.paths.failures):
            try:
                row = loads(line)
                agent, spent = row[AGENT_REF]["name"], spent_by(row)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise OutputError(
                    f"{self.paths.failures}:{number}: not a failed attempt ({type(error).__name__}: {error}), so that"
                    " nobody knows what it cost. Mend or remove the line, then resume."
                ) from error
            self._earlier = self._earlier.plus(spent)
            if spent.cost_usd:
                self.metrics.setdefault(agent, EnvironmentMetrics()).add_cost(spent.cost_usd)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.plan.close()
        self._unfinished_plan.unlink(missing_ok=True)
        if self._recorder is not None:
            self._recorder.journal.close()
            is_empty = not self.paths.rollouts.exists() or not self.paths.rollouts.stat().st_size
            if is_empty and not self._recorder.has_recorded and not self._is_going_on and self.plan.total():
                for path in self.paths.all():
                    path.unlink(missing_ok=True)
                if self._replaced is not None:
                    self._replaced.restore()
            elif self._replaced is not None:
                self._replaced.delete()
        elif self._replaced is not None:  # it ended between making way and the first rollout
            for path in self.paths.all():
                path.unlink(missing_ok=True)
            self._replaced.restore()
        self._lock.__exit__()

    async def run(self, agents: Mapping[str, Agent]) -> None:
        """Run the plan on `agents`, by instance name. Returns when every rollout has ended, or after `stop`.

        Raises UserError when the model endpoint refuses the very first calls, OutputError when a row cannot be written.
        """
        plan = self._begin()
        self._auto = AutoLimit(monotonic(), LARGEST_AUTO) if self.request.concurrency is None else None
        self._recorder = Recorder(
            Journal(self.paths),
            self.progress,
            self.metrics,
            is_model_awaited=self.request.retries.is_model_awaited,
            ledger=self.ledger,
            is_capturing=self._is_capturing,
        )
        engine = Engine(
            plan,
            agents,
            self._lanes(plan),
            self._recorder,
            concurrency=self.request.concurrency or 0,
            auto=self._auto,
            retries=self.request.retries,
        )
        for agent, offsets in plan.offsets.items():
            engine.add(agent, len(offsets))
        self._runner = engine
        self._heed_budget()
        await engine.run()

    async def run_in_workers(self, config: RunConfig, workers: int) -> None:
        """As `run`, in that many processes, each of which brings the servers of `config` up for itself."""
        plan = self._begin()
        self._recorder = Recorder(Journal(self.paths), self.progress, self.metrics)
        orders = share_out(
            config,
            self.paths,
            plan,
            self._lanes(plan),
            workers,
            concurrency=self.request.concurrency or 0,
            auto_ceiling=LARGEST_AUTO if self.request.concurrency is None else None,
            retries=self.request.retries,
            spending=self.request.spending,
            capture=self.paths.model_calls if self._is_capturing else None,
        )
        self._runner = pool = Workers(orders, self.progress, self.ledger)
        self._heed_budget()
        try:
            await pool.run(self.metrics)
        finally:
            self._recorder.has_recorded = pool.has_recorded
            if not pool.is_complete:
                self._count_again()

    def _count_again(self) -> None:
        """Take counts and metrics from the journal, which knows of every rollout that has a reward."""
        drop_torn_line(self.paths.rollouts)
        self.metrics = {agent: EnvironmentMetrics() for agent in self.progress.agents}
        for _, line in whole_lines(self.paths.rollouts):
            self._count_earlier(loads(line), len(line))
        self._count_earlier_failures()
        for agent, counts in self.progress.agents.items():
            counts.done = self.metrics[agent].done

    def _begin(self) -> Plan:
        """Put the plan in its place, and what an earlier run has left aside."""
        self._is_going_on = self.plan.path == self.paths.inputs
        if not self._is_going_on:
            if self.request.mode == "overwrite":
                self._replaced = Replaced(self.paths)
            self.plan.move(self.paths.inputs)
            write_manifest(self.paths.manifest, self._manifest)
        for path in (self.paths.rollouts, self.paths.failures, self.paths.model_calls):
            drop_torn_line(path)
        return self.plan

    @property
    def _is_capturing(self) -> bool:
        return self.request.watch is not None and self.request.watch.capture is not None

    def _heed_budget(self) -> None:
        """Stop when the budget has been used up, at once if an earlier part of the run has done so."""
        if self.ledger is not None:
            self.ledger.on_exhausted = self._stop_for_budget
            self.ledger.spent_elsewhere(NOTHING)

    def _stop_for_budget(self, why: str) -> None:
        self.exhausted = why
        log.warning("The budget is used up: %s. What is in flight is finished, nothing more is started.", why)
        self.stop()

    def _lanes(self, plan: Plan) -> dict[str, LaneSettings]:
        return {agent: self.request.lanes.get(agent, LaneSettings()) for agent in plan.offsets}

    def stop(self, grace_s: float | None = None) -> None:
        """Start nothing more; `run` returns when what is in flight has ended, or was cancelled after `grace_s`."""
        if self._runner is not None:
            self._runner.stop(grace_s)

    async def write_metrics(self, agents: Mapping[str, Agent]) -> list[JsonObject]:
        """Have every agent's environment aggregate its rollouts, and write the aggregate metrics file; its entries."""
        return await write_metrics(
            self.paths,
            {name: metrics.snapshot() for name, metrics in self.metrics.items()},
            {name: agents[name].aggregate_metrics for name in self.metrics},
            in_full=self.request.own_metrics,
        )
