"""An event loop in a thread of its own, for plain code that uses async things."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

ResultT = TypeVar("ResultT")
WAIT_LIMIT_S: Final = 3600.0
"""Seconds that plain code waits for anything at most."""
CLOSE_LIMIT_S: Final = 10.0
"""Seconds that the thread gets to end; one that is blocked is left behind."""


class LoopThread:
    """Runs things in its loop and waits for them. Must not be used where an event loop runs."""

    def __init__(self, *, wait_timeout_s: float = WAIT_LIMIT_S, close_timeout_s: float = CLOSE_LIMIT_S) -> None:
        self._wait_s, self._close_s = wait_timeout_s, close_timeout_s
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sandbox", daemon=True)
        self._thread.start()
        self._is_closed = False

    def call(self, what: str, work: Callable[[], ResultT]) -> ResultT:
        """What a plain function gives that is called in the loop's thread."""

        async def called() -> ResultT:
            return work()

        return self.run(what, called)

    def run(self, what: str, work: Callable[[], Coroutine[Any, Any, ResultT]]) -> ResultT:
        """What a coroutine gives. Raises TimeoutError, with the coroutine cancelled, when it takes too long."""
        if self._is_closed:
            raise RuntimeError(f"Sandbox.{what}(): the sync loop is closed")
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            pass
        else:
            raise RuntimeError(f"Sandbox.{what}() is blocking; use AsyncSandbox in async code instead.")
        future = asyncio.run_coroutine_threadsafe(work(), self._loop)
        try:
            return future.result(self._wait_s)
        except TimeoutError as error:
            if future.done():
                raise
            future.cancel()
            raise TimeoutError(
                f"Sandbox.{what}() timed out waiting for the sync loop, after {self._wait_s:g}s"
            ) from error

    def close(self) -> None:
        """End the thread. May be called again."""
        if self._is_closed:
            return
        self._is_closed = True
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(self._close_s)
        if not self._thread.is_alive():
            self._loop.close()
