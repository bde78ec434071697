"""Keeps a server's process going: brings it back when it ends or no longer answers, and says when it can't."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic

import aiohttp

from polygym.channels.pool import open_session
from polygym.fleet.process import ServerProcess
from polygym.protocol.errors import ConfigError

log = logging.getLogger("polygym.fleet")


@dataclass(frozen=True, slots=True)
class KeepPolicy:
    """How hard a process is tried to be kept."""

    max_restarts: int = 5
    """Restarts in a row, each within `steady_s` of the one before."""
    steady_s: float = 60.0
    """Seconds a process has to stay up for earlier restarts to be forgotten."""
    first_delay_s: float = 0.5
    """Seconds before the first restart; they double from one to the next."""
    silence_s: float = 120.0
    """Seconds without an answer after which a process counts as stuck and is ended; it may only be computing."""
    ask_every_s: float = 5.0
    """Seconds between two looks at whether it answers."""


async def keep(
    name: str,
    url: str,
    process: ServerProcess,
    start_again: Callable[[], Awaitable[ServerProcess]],
    policy: KeepPolicy,
) -> None:
    """Watch `process` for ever; bring it back with `start_again`. Returns when it could not be brought back."""
    restarts = 0
    while True:
        started = monotonic()
        why = await _until_lost(url, process, policy)
        if monotonic() - started > policy.steady_s:
            restarts = 0
        tail = "\n  ".join(process.tail()[-5:])
        log.warning("%s: its process %s.%s", name, why, f" Its last output:\n  {tail}" if tail else "")
        await process.stop()
        while True:
            if restarts >= policy.max_restarts:
                log.error("%s: lost. Its process did not stay up after %d restarts.", name, restarts)
                return
            await asyncio.sleep(policy.first_delay_s * 2.0**restarts)
            restarts += 1
            try:
                process = await start_again()
            except (ConfigError, OSError) as error:
                log.warning("%s: could not be restarted (%d of %d): %s", name, restarts, policy.max_restarts, error)
            else:
                log.warning("%s: restarted (%d of %d).", name, restarts, policy.max_restarts)
                break


async def _until_lost(url: str, process: ServerProcess, policy: KeepPolicy) -> str:
    """Wait until the process has ended or has been silent too long; what happened."""
    answered = monotonic()
    async with open_session(timeout_s=policy.silence_s) as client:
        while True:
            try:
                async with asyncio.timeout(policy.ask_every_s):
                    return f"has ended with status {await process.wait()}"
            except TimeoutError:
                pass  # it is still there; whether it answers is asked next
            asking = asyncio.create_task(_answers(client, url))
            ended = asyncio.create_task(process.wait())
            await asyncio.wait({asking, ended}, return_when=asyncio.FIRST_COMPLETED)
            ended.cancel()
            if not asking.done():
                asking.cancel()
            elif asking.result():
                answered = monotonic()
            if monotonic() - answered >= policy.silence_s:
                return f"has not answered for {policy.silence_s:.0f} s"


async def _answers(client: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with client.get(url + "/"):
            return True
    except (aiohttp.ClientError, OSError):
        return False
