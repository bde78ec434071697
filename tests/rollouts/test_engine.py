"""How a run of the engine ends when it is not by its last rollout: nothing stays behind, and the reason comes out."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import ParamSpec

import pytest

from polygym.protocol.calls import RolloutContext
from polygym.protocol.errors import ConfigError, OutputError
from polygym.protocol.failures import FailureClass, RolloutFailure, describe
from polygym.protocol.json import JsonObject
from polygym.protocol.rollouts import RolloutState
from polygym.rollouts.engine import Engine, LaneSettings

P = ParamSpec("P")


def in_a_loop(test: Callable[P, Coroutine[object, object, None]]) -> Callable[P, None]:
    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


Behaviour = Callable[[int], Coroutine[object, object, None]]


class Rows:
    def read(self, agent: str, position: int) -> JsonObject:
        return {"_ng_task_index": position, "_ng_rollout_index": 0, "agent_ref": {"name": agent}}


class UnreadableRows(Rows):
    def read(self, agent: str, position: int) -> JsonObject:
        if position == 1:
            raise OutputError("inputs.jsonl: was changed while the run was reading it.")
        return super().read(agent, position)


class FakeAgent:
    """Does `behaviour` for each rollout, and remembers which have ended."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.ended: list[int] = []

    async def run(self, row: JsonObject, context: RolloutContext) -> JsonObject:
        try:
            await self.behaviour(row["_ng_task_index"])
        finally:
            self.ended.append(row["_ng_task_index"])
        return {**row, "reward": 1.0}


class Heard:
    """A recorder that keeps what it is told, and may refuse a rollout."""

    def __init__(self, refused: int | None = None) -> None:
        self.refused = refused
        self.finished_tasks: list[int] = []
        self.classes: list[FailureClass] = []
        self.messages: list[str] = []
        self.flushed_after = -1

    def finished(self, agent: str, record: JsonObject, context: RolloutContext) -> None:
        if record["_ng_task_index"] == self.refused:
            raise OutputError("rollouts.jsonl: cannot be written: no space left.")
        self.finished_tasks.append(record["_ng_task_index"])

    def failed(
        self, agent: str, row: JsonObject, failure: RolloutFailure, attempt: int, state: RolloutState | None
    ) -> None:
        self.classes.append(failure.failure_class)
        self.messages.append(failure.message)

    def flush(self) -> None:
        self.flushed_after = len(self.classes)

    def noticed(self, message: str) -> None:
        raise AssertionError(message)


def engine_of(agent: FakeAgent, recorder: Heard, *, rows: Rows | None = None, total: int = 5) -> Engine:
    engine = Engine(rows or Rows(), {"a": agent}, {"a": LaneSettings()}, recorder, concurrency=total)
    engine.add("a", total)
    return engine


async def wait_long(_: int) -> None:
    await asyncio.sleep(60)


async def clean_up_slowly(_: int) -> None:
    try:
        await asyncio.sleep(60)
    finally:
        await asyncio.sleep(0.2)


async def only_the_first_ends(task: int) -> None:
    await asyncio.sleep(0 if task == 0 else 60)


@in_a_loop
async def test_what_the_recorder_raises_ends_the_run_and_what_is_in_flight() -> None:
    agent, recorder = FakeAgent(only_the_first_ends), Heard(refused=0)

    with pytest.raises(OutputError, match="no space left"):
        await engine_of(agent, recorder).run()
    assert sorted(agent.ended) == [0, 1, 2, 3, 4]
    assert recorder.classes == [FailureClass.CANCELLED] * 4
    assert recorder.flushed_after == 4


async def run_and_cancel(engine: Engine, *, after_s: float) -> None:
    running = asyncio.create_task(engine.run())
    await asyncio.sleep(after_s)
    running.cancel()
    await running


class Panic(BaseException):
    """As a library in Rust raises it."""


@in_a_loop
@pytest.mark.parametrize(
    "error", [Panic("index out of bounds"), KeyError("answer"), ConfigError("no such file"), OutputError("disk full")]
)
async def test_whatever_an_agents_code_raises_fails_one_rollout_only(error: BaseException) -> None:
    async def panic(task: int) -> None:
        if task == 1:
            raise error

    agent, recorder = FakeAgent(panic), Heard()
    engine = Engine(Rows(), {"a": agent}, {"a": LaneSettings(max_attempts=1)}, recorder, concurrency=5)
    engine.add("a", 3)
    await engine.run()
    assert sorted(recorder.finished_tasks) == [0, 2]
    assert recorder.classes == [FailureClass.AGENT_ERROR]
    assert recorder.messages == [f"a: agent raised {describe(error)}"]


@in_a_loop
async def test_why_a_run_ends_is_not_hidden_by_its_cancellation() -> None:
    async def fail_or_clean_up(task: int) -> None:
        await (asyncio.sleep(0.05) if task == 0 else clean_up_slowly(task))

    with pytest.raises(OutputError, match="no space left"):
        await run_and_cancel(engine_of(FakeAgent(fail_or_clean_up), Heard(refused=0)), after_s=0.1)


@in_a_loop
async def test_what_the_recorder_raises_while_a_run_is_cancelled_comes_out() -> None:
    class Full(Heard):
        def failed(self, *_: object) -> None:
            raise OutputError("failures.jsonl: cannot be written: no space left.")

    with pytest.raises(OutputError, match="no space left"):
        await run_and_cancel(engine_of(FakeAgent(wait_long), Full()), after_s=0.05)


@in_a_loop
async def test_a_row_that_cannot_be_read_ends_the_run() -> None:
    agent = FakeAgent(wait_long)

    with pytest.raises(OutputError, match="was changed"):
        async with asyncio.timeout(10):
            await engine_of(agent, Heard(), rows=UnreadableRows()).run()
    assert 0 in agent.ended


@in_a_loop
async def test_a_run_that_is_cancelled_ends_after_its_rollouts_however_often_it_is_cancelled() -> None:
    agent, recorder = FakeAgent(clean_up_slowly), Heard()
    running = asyncio.create_task(engine_of(agent, recorder).run())
    await asyncio.sleep(0.05)
    for _ in range(3):
        running.cancel()
        await asyncio.sleep(0.02)

    assert not running.done()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert len(agent.ended) == 5
    assert recorder.flushed_after == len(recorder.classes) == 5


@in_a_loop
async def test_a_run_can_be_cancelled_before_its_rollouts_have_begun() -> None:
    agent = FakeAgent(wait_long)
    with pytest.raises(asyncio.CancelledError):
        await run_and_cancel(engine_of(agent, Heard()), after_s=0)
    assert asyncio.all_tasks() == {asyncio.current_task()}


@in_a_loop
async def test_the_last_rollout_ends_the_run() -> None:
    agent, recorder = FakeAgent(lambda _: asyncio.sleep(0.01)), Heard()
    await engine_of(agent, recorder).run()
    assert sorted(recorder.finished_tasks) == [0, 1, 2, 3, 4]
    assert asyncio.all_tasks() == {asyncio.current_task()}
