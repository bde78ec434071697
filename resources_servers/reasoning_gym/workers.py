"""Scoring processes: started when they are needed, ended when an answer costs too much, and started again."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any, Final

from polygym import JsonObject, dumps
from polygym.protocol.json import loads

SCRIPT: Final = Path(__file__).with_name("worker.py")
LINE_LIMIT: Final = 64 << 20
"""Bytes of a reply at most."""
PASSED_ON: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV")
"""Variables that a scoring process sees. It needs no keys, and what it reads comes from models."""


class TooExpensiveError(Exception):
    """An answer took more processor time than it may."""


class Workers:
    """A few processes that run `worker.py`. One request at a time each; further requests wait."""

    def __init__(self, count: int, cpu_limit_s: int) -> None:
        self._places = asyncio.Semaphore(count)
        self._idle: list[asyncio.subprocess.Process] = []
        self._cpu_limit_s = cpu_limit_s

    async def ask(self, request: JsonObject) -> JsonObject:
        """The reply to a request of `worker.py`.

        Raises TooExpensiveError for an answer that cannot be scored in the time it has, ValueError for a request that
        cannot be carried out, RuntimeError when a process dies for another reason.
        """
        async with self._places:
            process = self._idle.pop() if self._idle else await self._start()
            try:
                line = await self._exchange(process, request)
            except BaseException:
                await _end(process)
                raise
            if not line:
                await self._explain(process)
            self._idle.append(process)
        reply: JsonObject = loads(line)
        if "problem" in reply:
            raise ValueError(reply["problem"])
        return reply

    async def close(self) -> None:
        """End the processes."""
        while self._idle:
            await _end(self._idle.pop())

    async def _start(self) -> asyncio.subprocess.Process:
        # -P: the script's folder is not searched for modules
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "ignore", "-P", str(SCRIPT), str(self._cpu_limit_s)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=LINE_LIMIT,
            env={name: value for name, value in os.environ.items() if name in PASSED_ON},
        )

    async def _exchange(self, process: asyncio.subprocess.Process, request: Any) -> bytes:
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(dumps(request) + b"\n")
            await process.stdin.drain()
        except ConnectionError:
            return b""
        return await process.stdout.readline()

    async def _explain(self, process: asyncio.subprocess.Process) -> None:
        """Raise what the end of a process means."""
        code = await process.wait()
        if code == -signal.SIGXCPU:
            raise TooExpensiveError(f"the answer took more than {self._cpu_limit_s} s of processor time to score")
        raise RuntimeError(f"a scoring process ended with code {code}; {SCRIPT.name} says why when it is run by hand")


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
    await process.wait()
