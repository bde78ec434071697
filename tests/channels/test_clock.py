import asyncio
import time

import pytest

from polygym.channels.clock import Limit, loop_clock


def test_work_that_takes_longer_than_its_limit_is_ended() -> None:
    async def go() -> None:
        async with Limit(0.05):
            await asyncio.sleep(30)

    with pytest.raises(TimeoutError, match=r"longer than 0\.05 s"):
        asyncio.run(go())


def test_time_in_which_something_else_blocked_the_loop_does_not_count() -> None:
    async def answer(limit_s: float) -> str:
        async with Limit(limit_s):
            await asyncio.sleep(0.15)
        return "in time"

    async def block() -> None:
        await asyncio.sleep(0.05)
        time.sleep(0.6)  # noqa: ASYNC251 - this is the fault

    async def go() -> list[str | None]:
        return await asyncio.gather(answer(0.4), answer(0.5), block())

    assert asyncio.run(go()) == ["in time", "in time", None]


def test_a_cancellation_from_outside_stays_a_cancellation() -> None:
    async def work() -> None:
        async with Limit(10):
            await asyncio.sleep(30)

    async def go() -> None:
        task = asyncio.create_task(work())
        await asyncio.sleep(0.01)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(go())


def test_nested_limits_name_the_one_that_ran_out() -> None:
    async def go() -> None:
        async with Limit(30), Limit(0.05):
            await asyncio.sleep(30)

    with pytest.raises(TimeoutError, match=r"0\.05 s"):
        asyncio.run(go())


def test_the_clock_runs_while_the_loop_is_responsive() -> None:
    async def go() -> float:
        clock = loop_clock()
        clock.acquire()
        start = clock.now()
        await asyncio.sleep(0.2)
        elapsed = clock.now() - start
        clock.release()
        return elapsed

    assert asyncio.run(go()) > 0.1
