"""An event loop's hold on an answer that the engine's thread makes."""

import asyncio
from contextlib import suppress
from typing import TypeVar

from polygym.protocol.waiting import waiting_for_capacity
from responses_api_models.transformers_model.sequences import Generation

ResultT = TypeVar("ResultT")


class Ticket:
    """To be made, and waited for, on an event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._begun: asyncio.Future[None] = self._loop.create_future()
        self._done: asyncio.Future[Generation | Exception] = self._loop.create_future()

    def begun(self) -> None:
        """The sequence has got a place in the batch."""
        self._settle(self._begun, None)

    def finished(self, generation: Generation) -> None:
        """The sequence has ended."""
        self._settle(self._done, generation)

    def failed(self, error: Exception) -> None:
        """There will be no answer."""
        self._settle(self._done, error)
        self._settle(self._begun, None)

    async def answer(self) -> Generation:
        """The generation; the time without a place in the batch counts against no limit. Raises what it failed with."""
        with waiting_for_capacity():
            await self._begun
        result = await self._done
        if isinstance(result, Exception):
            raise result
        return result

    def _settle(self, future: "asyncio.Future[ResultT]", result: ResultT) -> None:
        def settle() -> None:
            if not future.done():
                future.set_result(result)

        with suppress(RuntimeError):  # the loop is closed: nobody waits
            self._loop.call_soon_threadsafe(settle)
