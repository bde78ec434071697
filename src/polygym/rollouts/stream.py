"""Rollouts for a caller's own loop: tasks are taken as they come, endings handed out as they come, nothing is written.

The same engine as for a collection, fed from memory. No more than a bounded number of rollouts is ahead of the
consumer.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field

from polygym.protocol.calls import Agent, RolloutContext
from polygym.protocol.errors import InputError, suggest
from polygym.protocol.failures import RolloutFailure
from polygym.protocol.json import JsonObject, dumps, loads
from polygym.protocol.rollouts import RolloutState
from polygym.protocol.tasks import AGENT_REF, ROLLOUT_INDEX, TASK_INDEX, parse_task
from polygym.rollouts.engine import Engine, LaneSettings, RetryPolicy
from polygym.rollouts.keys import RolloutKey
from polygym.rollouts.records import failed_record

log = logging.getLogger("polygym.rollouts")


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """How a stream of rollouts is run."""

    concurrency: int = 256
    """Rollouts in flight."""
    ahead: int | None = None
    """Rollouts submitted and not yet taken by the consumer, at most; None for twice the concurrency."""
    lanes: Mapping[str, LaneSettings] = field(default_factory=dict)
    """How single agents' rollouts are run; `Gym` takes the lanes of others from their configuration."""
    retries: RetryPolicy = field(default_factory=RetryPolicy)


class RolloutStream:
    """One stream of rollouts over some agents. Iterate it once, by rollout or by group."""

    def __init__(self, agents: Mapping[str, Agent], settings: StreamSettings) -> None:
        self._rows = _MemoryRows()
        self._ended: deque[JsonObject] = deque()
        """Records that the consumer has not taken yet; `ahead` bounds them."""
        self._changed = asyncio.Event()
        lanes = {name: settings.lanes.get(name, LaneSettings()) for name in agents}
        self._engine = Engine(
            self._rows, agents, lanes, self, concurrency=settings.concurrency, retries=settings.retries
        )
        self._agents = agents
        self._ahead = settings.ahead or 2 * settings.concurrency
        self._submitted = 0

    async def rollouts(
        self, tasks: Iterable[JsonObject] | AsyncIterable[JsonObject], num_repeats: int, agent: str | None
    ) -> AsyncGenerator[JsonObject, None]:
        """Records as rollouts end. Leaving the loop early cancels what is in flight."""
        slots = asyncio.Semaphore(self._ahead)
        async with aclosing(self._run(tasks, num_repeats, agent, slots, per_task=1)) as records:
            async for record in records:
                slots.release()
                yield record

    async def groups(
        self, tasks: Iterable[JsonObject] | AsyncIterable[JsonObject], num_repeats: int, agent: str | None
    ) -> AsyncGenerator[list[JsonObject], None]:
        """All records of a task, by repeat, when the last of them has ended. Leaving the loop cancels the others."""
        slots = asyncio.Semaphore(max(1, self._ahead // num_repeats))
        waiting: dict[int, list[JsonObject]] = {}
        async with aclosing(self._run(tasks, num_repeats, agent, slots, per_task=num_repeats)) as records:
            async for record in records:
                group = waiting.setdefault(record[TASK_INDEX], [])
                group.append(record)
                if len(group) == num_repeats:
                    del waiting[record[TASK_INDEX]]
                    slots.release()
                    yield sorted(group, key=lambda member: int(member[ROLLOUT_INDEX]))

    async def _run(
        self,
        tasks: Iterable[JsonObject] | AsyncIterable[JsonObject],
        num_repeats: int,
        agent: str | None,
        slots: asyncio.Semaphore,
        per_task: int,
    ) -> AsyncGenerator[JsonObject, None]:
        """Records as they come; `slots` is acquired once for every `per_task` rollouts that are submitted."""
        if num_repeats < 1:
            raise ValueError(f"num_repeats must be 1 or more, not {num_repeats}")
        self._engine.keep_open(True)
        feeding = asyncio.create_task(self._feed(tasks, num_repeats, agent, slots, per_task), name="rollout tasks")
        running = asyncio.create_task(self._engine.run(), name="rollout engine")
        for task in (feeding, running):
            task.add_done_callback(lambda _: self._changed.set())
        try:
            taken = 0
            while True:
                self._changed.clear()
                while self._ended:
                    taken += 1
                    yield self._ended.popleft()
                if running.done():
                    running.result()
                if feeding.done():
                    feeding.result()
                    if taken == self._submitted:
                        return
                await self._changed.wait()
        finally:
            for task in (feeding, running):
                task.cancel()
            await asyncio.gather(feeding, running, return_exceptions=True)

    async def _feed(
        self,
        tasks: Iterable[JsonObject] | AsyncIterable[JsonObject],
        num_repeats: int,
        agent: str | None,
        slots: asyncio.Semaphore,
        per_task: int,
    ) -> None:
        index = 0
        async for row in _each(tasks):
            name = self._agent_of(row, index, agent)
            prepared = {**row, AGENT_REF: {"type": "responses_api_agents", "name": name}, TASK_INDEX: index}
            for repeat in range(num_repeats):
                if repeat % per_task == 0:
                    await slots.acquire()
                self._rows.add(name, {**prepared, ROLLOUT_INDEX: repeat})
                self._submitted += 1
                self._engine.add(name)
            index += 1

    def _agent_of(self, row: JsonObject, index: int, agent: str | None) -> str:
        task = parse_task(row, index=index, origin=f"task {index}")
        name = task.agent or agent or (next(iter(self._agents)) if len(self._agents) == 1 else None)
        if name is None:
            raise InputError(f"task {index}: names no agent and there is more than one: {', '.join(self._agents)}.")
        if name not in self._agents:
            raise InputError(f"task {index}: no agent '{name}' is configured. {suggest(name, self._agents)}")
        return name

    # What the engine tells.

    def finished(self, agent: str, record: JsonObject, context: RolloutContext) -> None:
        """A rollout has a reward."""
        self._hand_out(record)

    def failed(
        self, agent: str, row: JsonObject, failure: RolloutFailure, attempt: int, state: RolloutState | None
    ) -> None:
        """An attempt failed; the last one's record is handed out."""
        if state is None:
            log.info("%s: attempt %d failed: %s: %s", agent, attempt, failure.failure_class, failure.message)
        else:
            self._hand_out(failed_record(row, failure, attempt, state))

    def flush(self) -> None:
        """Endings have been handed out already."""

    def noticed(self, message: str) -> None:
        """Something that the user should see."""
        log.warning("%s", message)

    def _hand_out(self, record: JsonObject) -> None:
        self._rows.forget(RolloutKey(record[TASK_INDEX], record[ROLLOUT_INDEX]))
        self._ended.append(record)
        self._changed.set()


class _MemoryRows:
    """Rows under way, encoded, so that every attempt gets one of its own."""

    def __init__(self) -> None:
        self._encoded: dict[RolloutKey, bytes] = {}
        self._keys: dict[tuple[str, int], RolloutKey] = {}
        self._positions: dict[RolloutKey, tuple[str, int]] = {}
        self._counts: dict[str, int] = {}

    def add(self, agent: str, row: JsonObject) -> None:
        """The agent's next row."""
        position = self._counts.get(agent, 0)
        self._counts[agent] = position + 1
        key = RolloutKey(row[TASK_INDEX], row[ROLLOUT_INDEX])
        self._encoded[key] = dumps(row)
        self._keys[agent, position] = key
        self._positions[key] = (agent, position)

    def read(self, agent: str, position: int) -> JsonObject:
        """The agent's row at `position`."""
        row: JsonObject = loads(self._encoded[self._keys[agent, position]])
        return row

    def forget(self, key: RolloutKey) -> None:
        """Its rollout has ended."""
        del self._encoded[key], self._keys[self._positions.pop(key)]


async def _each(tasks: Iterable[JsonObject] | AsyncIterable[JsonObject]) -> AsyncIterator[JsonObject]:
    if isinstance(tasks, AsyncIterable):
        async for task in tasks:
            yield task
    else:
        for task in tasks:
            yield task
            await asyncio.sleep(0)
