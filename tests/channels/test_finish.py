import asyncio

import pytest

from polygym.channels.finish import run_to_end


class Cleanup:
    """Takes a moment, then is done or raises."""

    def __init__(self, problem: Exception | None = None) -> None:
        self.problem = problem
        self.started = asyncio.Event()
        self.may_end = asyncio.Event()
        self.is_done = False

    async def run(self) -> None:
        self.started.set()
        await self.may_end.wait()
        if self.problem is not None:
            raise self.problem
        self.is_done = True


def test_a_cleanup_is_awaited_and_its_error_raised() -> None:
    async def main() -> None:
        cleanup = Cleanup()
        cleanup.may_end.set()
        await run_to_end(cleanup.run())
        assert cleanup.is_done

        failing = Cleanup(OSError("disk full"))
        failing.may_end.set()
        with pytest.raises(OSError, match="disk full"):
            await run_to_end(failing.run())

    asyncio.run(main())


def test_a_cancelled_caller_is_cancelled_only_when_the_cleanup_is_done() -> None:
    async def main() -> None:
        cleanup = Cleanup()
        caller = asyncio.create_task(run_to_end(cleanup.run()))
        await cleanup.started.wait()
        for _ in range(3):
            caller.cancel()
            await asyncio.sleep(0)
        assert not caller.done()

        cleanup.may_end.set()
        with pytest.raises(asyncio.CancelledError) as caught:
            await caller
        assert cleanup.is_done and caught.value.__cause__ is None

    asyncio.run(main())


def test_what_a_cleanup_raises_after_a_cancellation_is_its_cause() -> None:
    async def main() -> None:
        cleanup = Cleanup(OSError("disk full"))
        caller = asyncio.create_task(run_to_end(cleanup.run()))
        await cleanup.started.wait()
        caller.cancel()
        await asyncio.sleep(0)
        cleanup.may_end.set()

        with pytest.raises(asyncio.CancelledError) as caught:
            await caller
        assert caught.value.__cause__ is cleanup.problem

    asyncio.run(main())


def test_a_cleanup_that_hangs_is_given_up() -> None:
    async def main() -> None:
        cleanup = Cleanup()
        with pytest.raises(TimeoutError, match=r"longer than 0\.01 s"):
            await run_to_end(cleanup.run(), limit_s=0.01)
        await asyncio.sleep(0)
        assert not cleanup.is_done

    asyncio.run(main())


def test_a_cancellation_is_delivered_also_when_the_cleanup_hangs() -> None:
    async def main() -> None:
        cleanup = Cleanup()
        caller = asyncio.create_task(run_to_end(cleanup.run(), limit_s=0.01))
        await cleanup.started.wait()
        caller.cancel()

        with pytest.raises(asyncio.CancelledError) as caught:
            await caller
        assert isinstance(caught.value.__cause__, TimeoutError)

    asyncio.run(main())
