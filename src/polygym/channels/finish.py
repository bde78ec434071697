"""Cleanup that runs to its end although its caller is being cancelled."""

import asyncio
from collections.abc import Awaitable

CLEANUP_LIMIT_S = 30.0
"""Seconds after which a cleanup is given up; one that hangs must not keep a run from ending."""


async def run_to_end(cleanup: Awaitable[None], limit_s: float = CLEANUP_LIMIT_S) -> None:
    """Await `cleanup`, shielded against cancellation of the caller, which is delivered afterwards.

    Raises what `cleanup` raises, and TimeoutError when it takes longer than `limit_s`; after a cancellation these are
    the cause of the CancelledError.
    """
    task = asyncio.ensure_future(cleanup)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + limit_s
    cancellation: asyncio.CancelledError | None = None
    while not task.done() and (remaining_s := deadline - loop.time()) > 0:
        try:
            await asyncio.wait({task}, timeout=remaining_s)
        except asyncio.CancelledError as error:
            cancellation = error
    problem = _problem(task, limit_s)
    if cancellation is not None:
        raise cancellation from problem
    if problem is not None:
        raise problem


def _problem(task: asyncio.Future[None], limit_s: float) -> BaseException | None:
    if not task.done():
        task.cancel()
        return TimeoutError(f"cleanup took longer than {limit_s:g} s")
    return asyncio.CancelledError() if task.cancelled() else task.exception()
