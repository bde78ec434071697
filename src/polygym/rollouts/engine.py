"""Runs planned rollouts: starts them as the scheduler says, retries what may succeed, reports every ending once.

Knows no files: what happens to an ending is the recorder's affair.
"""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Protocol

from polygym.channels.clock import Limit, LimitExceededError
from polygym.protocol.calls import Agent, RolloutContext
from polygym.protocol.errors import UserError
from polygym.protocol.failures import FailureClass, RolloutFailure, Stage, agent_error
from polygym.protocol.json import JsonObject
from polygym.protocol.rollouts import RolloutState, rollout_id
from polygym.protocol.tasks import ATTEMPT_INDEX, ROLLOUT_INDEX, TASK_INDEX
from polygym.rollouts.breaker import Breaker
from polygym.rollouts.limiter import AutoLimit
from polygym.rollouts.records import finished_record
from polygym.rollouts.schedule import Lane, Scheduler, Work

ADJUST_EVERY_S = 0.25
"""Seconds between two looks at whether the automatic limit should change."""
STARTED_TOGETHER = 64
"""Rollouts that start in one turn of the event loop. All of 16,384 at once would keep it from everything else for as
long as they take to connect, and then their answers would all come at once, too: 92 % of the ideal rate, not 99.8 %."""


MODEL_ANSWERED = frozenset(
    {
        FailureClass.MODEL_RATE_LIMITED,
        FailureClass.MODEL_REJECTED,
        FailureClass.MODEL_BAD_RESPONSE,
        FailureClass.CONTEXT_EXCEEDED,
        FailureClass.CONTENT_FILTERED,
        FailureClass.VERIFIER_ERROR,
    }
)
"""Failures that show the model to be there."""
ENDS_EVERYTHING = (KeyboardInterrupt, SystemExit, GeneratorExit)
"""What is not the failure of a rollout."""
ENVIRONMENT_ANSWERED = frozenset({FailureClass.VERIFIER_ERROR, FailureClass.SEED_ERROR})
"""Failures that show the environment to be there."""


@dataclass(frozen=True, slots=True)
class LaneSettings:
    """How one agent's rollouts are run."""

    concurrency: int | None = None
    """In flight at most; None leaves it to the run's limit."""
    weight: float = 1.0
    """Share of the run's limit, relative to the other agents'."""
    timeout_s: float | None = None
    """Seconds of its own time that a whole rollout may take."""
    stage_timeouts_s: Mapping[str, float] = field(default_factory=dict)
    """Seconds that one call of a stage (seed, model, tool, verify) may take."""
    max_attempts: int = 3
    """Attempts in all."""
    model: str = ""
    """Name of the model server it depends on."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How soon a failed rollout is attempted again, and how long the run waits for what is down."""

    first_delay_s: float = 0.5
    longest_delay_s: float = 30.0
    wait_for_model_s: float = 300.0
    """Seconds that a model endpoint may be down before its rollouts are given up."""
    wait_for_environment_s: float = 60.0
    """The same for an environment."""
    is_model_awaited: bool = False
    """Whether that holds for the very first calls, too; else an endpoint that they cannot reach ends the run."""

    first_probe_s: float = 1.0
    """Seconds until something that is down is tried for the first time; later ones are longer apart."""

    def delay_s(self, attempt: int, failure: RolloutFailure) -> float:
        """Seconds to wait after failed attempt `attempt` (from 0): exponential with jitter, `Retry-After` at least."""
        longest = min(self.longest_delay_s, self.first_delay_s * 2.0 ** min(attempt, 30))
        asked_s = min(failure.retry_after_s or 0.0, max(self.wait_for_model_s, longest))
        return max(random.uniform(longest / 2, longest), asked_s)


class Rows(Protocol):
    """Where the rows of the lanes come from."""

    def read(self, agent: str, position: int) -> JsonObject:
        """The agent's row at `position`, for the caller alone."""
        ...


class Recorder(Protocol):
    """Who is told what happened."""

    def finished(self, agent: str, record: JsonObject, context: RolloutContext) -> None:
        """A rollout has a reward."""
        ...

    def failed(
        self, agent: str, row: JsonObject, failure: RolloutFailure, attempt: int, state: RolloutState | None
    ) -> None:
        """An attempt failed. `state` is how the rollout ended, None when it is tried again."""
        ...

    def flush(self) -> None:
        """Bring what was told to where it lasts. Called once for all that one turn of the event loop has brought."""
        ...

    def noticed(self, message: str) -> None:
        """Something about the run that its user should see."""
        ...


class Engine:
    """One run over the rows of some lanes."""

    def __init__(
        self,
        rows: Rows,
        agents: Mapping[str, Agent],
        settings: Mapping[str, LaneSettings],
        recorder: Recorder,
        *,
        concurrency: int,
        auto: AutoLimit | None = None,
        retries: RetryPolicy | None = None,
    ) -> None:
        self._rows = rows
        self._agents = agents
        self._settings = settings
        self._recorder = recorder
        self._retries = retries or RetryPolicy()
        self._auto = auto
        probe_s, model_s = self._retries.first_probe_s, self._retries.wait_for_model_s
        environment_s = self._retries.wait_for_environment_s
        self._models = {
            lane.model: Breaker(f"model {lane.model}".strip(), model_s, probe_s) for lane in settings.values()
        }
        self._environments = {agent: Breaker(f"environment of {agent}", environment_s, probe_s) for agent in settings}
        self.scheduler = Scheduler(
            (self._lane(agent, lane) for agent, lane in settings.items()), auto.limit if auto else concurrency
        )
        self._changed = asyncio.Event()
        self._is_stopping = False
        self._cancel_at: float | None = None
        self._attempts: dict[Work, asyncio.Task[None]] = {}
        """In flight. No task group: its callback at the end of every task costs 1.4 % of a rollout's instructions."""
        self._problem: BaseException | None = None
        """What ends the run."""
        self._is_open = False

    def _lane(self, agent: str, settings: LaneSettings) -> Lane:
        breakers = (self._models[settings.model], self._environments[agent])
        return Lane(agent, 0, concurrency=settings.concurrency, weight=settings.weight, breakers=breakers)

    def add(self, agent: str, count: int = 1) -> None:
        """The agent has `count` more rows, which follow those it had."""
        self.scheduler.lanes[agent].total += count
        self._changed.set()

    def keep_open(self, is_open: bool) -> None:
        """While open, `run` waits for more rows when it has none."""
        self._is_open = is_open
        self._changed.set()

    def stop(self, grace_s: float | None = None) -> None:
        """Start nothing more; what is still in flight after `grace_s` seconds, if a number is given, is cancelled."""
        self._is_stopping = True
        if grace_s is not None:
            self._cancel_at = monotonic() + grace_s
        self._changed.set()

    async def run(self) -> None:
        """Run everything; returns when each rollout has ended, or after `stop` when those in flight have.

        Whatever the recorder raises cancels the rollouts in flight and comes out of here.
        """
        try:
            while not self._is_done() and self._problem is None:
                self._changed.clear()
                now = monotonic()
                if self._start_some(now):
                    await asyncio.sleep(0)
                elif not self._adjust():
                    await self._wait_for_change(now)
                self._recorder.flush()
                self._end_grace()
        finally:
            try:
                await self._cancel_all()
            finally:
                self._recorder.flush()
            if self._problem is not None:
                raise self._problem

    async def _cancel_all(self) -> None:
        """Cancel what is in flight and wait until it has ended, however often the run itself is cancelled meanwhile."""
        cancellation: asyncio.CancelledError | None = None
        left = set(self._attempts.values())
        for attempt in left:
            attempt.cancel()
        while left:
            try:
                _, left = await asyncio.wait(left)
            except asyncio.CancelledError as error:
                cancellation = error
        if cancellation is not None and self._problem is None:
            raise cancellation

    def _start_some(self, now: float) -> bool:
        """Start what may start; whether there may be more, which can wait for a turn of the event loop."""
        loop = asyncio.get_running_loop()
        for _ in range(STARTED_TOGETHER):
            if self._is_stopping or (work := self.scheduler.take(now)) is None:
                return False
            self._attempts[work] = loop.create_task(self._attempt(work))
        return True

    def _is_done(self) -> bool:
        if self._is_stopping:
            return not self.scheduler.in_flight
        return not self._is_open and self.scheduler.is_finished

    async def _wait_for_change(self, now: float) -> None:
        """Until an attempt ends, rows are added, time lets something start, or the grace is over.

        `now` is when it was last seen that nothing can start: what has become due since is not overlooked.
        """
        due = self._cancel_at if self._is_stopping else self.scheduler.next_due(now)
        if self._auto is not None:
            due = min(due or now + ADJUST_EVERY_S, now + ADJUST_EVERY_S)
        if due is None:
            await self._changed.wait()
            return
        try:
            async with asyncio.timeout(max(0.0, due - monotonic())):
                await self._changed.wait()
        except TimeoutError:
            return

    def _adjust(self) -> bool:
        """Whether the automatic limit has changed. Looked at when everything that may be in flight is."""
        if self._auto is None:
            return False
        step = self._auto.adjust(monotonic(), self.scheduler.in_flight)
        if step is None:
            return False
        self.scheduler.limit = step.limit
        self._recorder.noticed(f"concurrency {step.limit}: {step.why}")
        return True

    def _end_grace(self) -> None:
        if self._cancel_at is not None and monotonic() >= self._cancel_at:
            self._cancel_at = None
            for attempt in self._attempts.values():
                attempt.cancel()

    async def _attempt(self, work: Work) -> None:
        try:
            row = self._rows.read(work.agent, work.position)
            if work.attempt:
                row[ATTEMPT_INDEX] = work.attempt
            settings = self._settings[work.agent]
            context = RolloutContext(
                rollout_id(row[TASK_INDEX], row[ROLLOUT_INDEX], work.attempt), limits_s=settings.stage_timeouts_s
            )
            try:
                try:
                    if settings.timeout_s is None:
                        result = await self._agents[work.agent].run(row, context)
                    else:
                        result = await self._run_limited(work.agent, row, context, settings.timeout_s)
                except RolloutFailure:
                    raise
                except Exception as error:  # a UserError, too: the agent's own does not end the run
                    raise agent_error(work.agent, error) from error
                self._recorder.finished(work.agent, finished_record(row, result), context)
            except RolloutFailure as failure:
                self._failed(work, row, failure, context)
            except UserError:
                raise
            except asyncio.CancelledError as error:
                if not _is_being_cancelled():
                    self._failed(work, row, _unexpected(work.agent, error), context)
                    return
                message = "the run was stopped; the rollout is run again on --resume"
                stopped = RolloutFailure(FailureClass.CANCELLED, Stage.ROLLOUT, message)
                self._recorder.failed(work.agent, row, stopped, work.attempt, None)
                raise
            except ENDS_EVERYTHING:
                raise
            except BaseException as error:  # a panic of a library in Rust is no Exception, and ends one rollout only
                self._failed(work, row, _unexpected(work.agent, error), context)
            else:
                self._succeeded(work, context)
        except (asyncio.CancelledError, *ENDS_EVERYTHING):
            raise
        except BaseException as error:  # a UserError, or what the recorder raises
            self._problem = self._problem or error
        finally:
            self.scheduler.finish(work)
            self._attempts.pop(work, None)
            self._changed.set()

    async def _run_limited(self, agent: str, row: JsonObject, context: RolloutContext, limit_s: float) -> JsonObject:
        try:
            async with Limit(limit_s):
                return await self._agents[agent].run(row, context)
        except LimitExceededError as error:
            message = f"{agent}: the rollout {error}. Raise timeout_s of the agent if it may."
            raise RolloutFailure(FailureClass.TIMEOUT, Stage.ROLLOUT, message) from error

    def _succeeded(self, work: Work, context: RolloutContext) -> None:
        if self._auto is not None:
            self._auto.observe(context.durations_s.get(Stage.MODEL, ()), rate_limits=context.rate_limits)
        for breaker in (self._models[self._settings[work.agent].model], self._environments[work.agent]):
            if breaker.succeeded():
                self._recorder.noticed(f"{breaker.what} answers again")

    def _failed(self, work: Work, row: JsonObject, failure: RolloutFailure, context: RolloutContext) -> None:
        now = monotonic()
        if self._auto is not None:
            is_limited = failure.failure_class is FailureClass.MODEL_RATE_LIMITED
            self._auto.observe((), has_finished=False, rate_limits=max(context.rate_limits, int(is_limited)))
        breaker = self._breaker_of(work.agent, failure)
        if breaker is not None and breaker.failed(now):
            self._recorder.noticed(
                f"{breaker.what} is down, waiting {breaker.patience_s:.0f} s at most: {failure.message}"
            )
        is_waiting = breaker is not None and not breaker.is_given_up and (breaker.is_open or failure.is_nobody_there)
        settings = self._settings[work.agent]
        if not failure.is_retryable:
            self._recorder.failed(work.agent, row, failure, work.attempt, RolloutState.FAILED)
        elif not is_waiting and (work.spent + 1 >= settings.max_attempts or (breaker and breaker.is_given_up)):
            self._recorder.failed(work.agent, row, failure, work.attempt, RolloutState.UNRESOLVED)
        else:
            self.scheduler.retry(work, now + self._retries.delay_s(work.attempt, failure), spends=not is_waiting)
            self._recorder.failed(work.agent, row, failure, work.attempt, None)
        if breaker is not None and breaker.is_given_up:
            self._give_up(breaker, failure)

    def _breaker_of(self, agent: str, failure: RolloutFailure) -> Breaker | None:
        """The breaker that a failure speaks to; the others hear that what they stand for was there, or nothing."""
        model, environment = self._models[self._settings[agent].model], self._environments[agent]
        if failure.failure_class in MODEL_ANSWERED:
            model.succeeded()
        elif failure.failure_class is not FailureClass.MODEL_UNAVAILABLE:
            model.inconclusive()
        if failure.failure_class in ENVIRONMENT_ANSWERED:
            environment.succeeded()
        elif failure.failure_class is not FailureClass.ENVIRONMENT_LOST:
            environment.inconclusive()
        spoken_to = {FailureClass.MODEL_UNAVAILABLE: model, FailureClass.ENVIRONMENT_LOST: environment}
        return spoken_to.get(failure.failure_class)

    def _give_up(self, breaker: Breaker, failure: RolloutFailure) -> None:
        """Record every rollout that has to wait for what is lost as unresolved, without attempting it."""
        for lane in self.scheduler.lanes.values():
            if breaker in lane.breakers:
                waiting = lane.drain()
                if waiting:
                    self._recorder.noticed(f"{breaker.what} did not come back: {len(waiting)} rollouts are given up")
                for work in waiting:
                    row = self._rows.read(work.agent, work.position)
                    self._recorder.failed(work.agent, row, failure, work.attempt, RolloutState.UNRESOLVED)


def _is_being_cancelled() -> bool:
    """Whether the run cancels this attempt; otherwise a CancelledError is only something that its code has raised."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _unexpected(agent: str, error: BaseException) -> RolloutFailure:
    failure = agent_error(agent, error)
    failure.__cause__ = error
    return failure
