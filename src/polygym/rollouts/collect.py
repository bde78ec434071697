"""A collection from beginning to end: plan, run, record, sum up. What the command line and the Python API call."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Self

from polygym.metrics.running import EnvironmentMetrics
from polygym.protocol.calls import Agent, RolloutContext
from polygym.protocol.errors import OutputError, UserError, suggest
from polygym.protocol.failures import FailureClass, RolloutFailure
from polygym.protocol.json import JsonObject
from polygym.protocol.rollouts import RolloutState
from polygym.protocol.tasks import AGENT_REF
from polygym.rollouts.engine import Engine, LaneSettings, RetryPolicy
from polygym.rollouts.journal import Journal, read_done
from polygym.rollouts.limiter import AutoLimit
from polygym.rollouts.manifest import check_manifest, manifest_of, write_manifest
from polygym.rollouts.outputs import Mode, OutputLock, OutputPaths, Replaced, check_output
from polygym.rollouts.plan import Plan, PlanRequest, make_plan, reopen_plan
from polygym.rollouts.progress import AgentProgress, Progress
from polygym.rollouts.records import failed_record
from polygym.rollouts.summary import write_metrics

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
        self._engine: Engine | None = None
        self._recorder: _Recorder | None = None

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
        return self

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
            return make_plan(self.request.plan, self._unfinished_plan)
        if self.request.mode == "resume":
            check_manifest(self.paths.manifest, self._manifest)
        plan = reopen_plan(self.paths, read_done(self.paths, self._count_earlier), self.request.plan.order)
        unknown = [agent for agent in plan.offsets if agent not in self.request.plan.agents]
        if unknown:
            raise OutputError(
                f"{self.paths.inputs}: names agent '{unknown[0]}', which is not configured."
                f" {suggest(unknown[0], self.request.plan.agents)}"
            )
        return plan

    def _count_earlier(self, row: JsonObject) -> None:
        """Count a rollout of an earlier run in the metrics."""
        self.metrics.setdefault(row[AGENT_REF]["name"], EnvironmentMetrics()).add(row)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._plan is not None
        self._plan.close()
        self._unfinished_plan.unlink(missing_ok=True)
        if self._recorder is not None:
            self._recorder.journal.close()
            if not self._recorder.has_recorded and not self._is_going_on:
                for path in self.paths.all():
                    path.unlink(missing_ok=True)
                if self._replaced is not None:
                    self._replaced.restore()
            elif self._replaced is not None:
                self._replaced.delete()
        self._lock.__exit__()

    async def run(self, agents: Mapping[str, Agent]) -> None:
        """Run the plan on `agents`, by instance name. Returns when every rollout has ended, or after `stop`.

        Raises UserError when the model endpoint refuses the very first calls, OutputError when a row cannot be written.
        """
        assert self._plan is not None
        self._is_going_on = self._plan.path == self.paths.inputs
        if not self._is_going_on:
            if self.request.mode == "overwrite":
                self._replaced = Replaced(self.paths)
            self._plan.move(self.paths.inputs)
            write_manifest(self.paths.manifest, self._manifest)
        self._recorder = _Recorder(Journal(self.paths), self.progress, self.metrics)
        settings = {agent: self.request.lanes.get(agent, LaneSettings()) for agent in self._plan.offsets}
        concurrency = self.request.concurrency
        self._engine = Engine(
            self._plan,
            agents,
            settings,
            self._recorder,
            concurrency=concurrency or 0,
            auto=AutoLimit(monotonic(), LARGEST_AUTO) if concurrency is None else None,
            retries=self.request.retries,
        )
        for agent, offsets in self._plan.offsets.items():
            self._engine.add(agent, len(offsets))
        try:
            await self._engine.run()
        except* UserError as group:
            raise group.exceptions[0] from None

    def stop(self) -> None:
        """Start nothing more; `run` returns when what is in flight has ended."""
        if self._engine is not None:
            self._engine.stop()

    async def write_metrics(self, agents: Mapping[str, Agent]) -> list[JsonObject]:
        """Have every agent's environment aggregate its rollouts, and write the aggregate metrics file; its entries."""
        return await write_metrics(self.paths, {name: agents[name] for name in self.progress.agents})


class _Recorder:
    """Writes every ending down, once, and counts it."""

    def __init__(self, journal: Journal, progress: Progress, metrics: Mapping[str, EnvironmentMetrics]) -> None:
        self.journal = journal
        self.has_recorded = False
        """Whether anything that cost something has been written."""
        self._progress = progress
        self._metrics = metrics
        self._has_model_answered = False

    def finished(self, agent: str, record: JsonObject, context: RolloutContext) -> None:
        self.journal.rollout(record)
        self.has_recorded = self._has_model_answered = True
        counts = self._progress.agents[agent]
        counts.done += 1
        counts.scored += 1
        counts.reward_sum += record["reward"]
        self._metrics[agent].add(record, context.durations_s)

    def failed(
        self, agent: str, row: JsonObject, failure: RolloutFailure, attempt: int, state: RolloutState | None
    ) -> None:
        if not self._has_model_answered and _is_endpoint_wrong(failure):
            raise UserError(failure.message) from failure
        self.journal.failure(failed_record(row, failure, attempt, state))
        if failure.failure_class is FailureClass.CANCELLED:
            return  # it says nothing about the environment, and nothing is lost with it
        self.has_recorded = True
        counts = self._progress.agents[agent]
        counts.last_failure = failure
        if state is None:
            counts.retried += 1
        else:
            counts.failed += 1
            self._metrics[agent].add_failure(str(failure.failure_class))
        if counts.retried + counts.failed == 1:
            log.warning("%s: first failed attempt: %s: %s", agent, failure.failure_class, failure.message)

    def noticed(self, message: str) -> None:
        log.warning("%s", message)


def _is_endpoint_wrong(failure: RolloutFailure) -> bool:
    """Whether the endpoint can't be what the user meant: nothing there, wrong key, wrong path."""
    if failure.failure_class is FailureClass.MODEL_REJECTED:
        return failure.http_status in (401, 403, 404)
    return failure.failure_class is FailureClass.MODEL_UNAVAILABLE and failure.http_status is None
