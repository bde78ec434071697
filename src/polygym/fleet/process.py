"""A server in a process of its own: starting it, waiting until it answers, noticing its death, stopping it."""

import asyncio
import logging
import os
import signal
import socket
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from polygym.config.model import ServerInstance
from polygym.protocol.errors import ConfigError
from polygym.protocol.json import JsonObject, dumps

log = logging.getLogger("polygym.process")

STOP_S = 10.0
"""Seconds between asking a process to end and ending it; more than serving takes to let go of requests under way."""
UNREADY_STOP_S = 1.0
"""The same for a process that is not ready: it holds no sessions yet, and may be busy importing."""
TAIL_LINES = 20
"""Lines of a process's output that are kept for the message about its death."""
POLL_S = 0.05
"""Seconds between two looks at whether a process has ended."""
LONGEST_LINE = 1 << 16
"""Bytes of output without a line break that are taken for a line."""
READY_LINE = "polygym: ready"
"""What a child writes when it answers requests."""


@dataclass(frozen=True)
class Peer:
    """Where a child process finds one of the other servers."""

    server_type: str
    url: str
    is_ours: bool = True
    """Whether it holds time limits itself."""


class ServerProcess:
    """One child process that serves one instance on a socket bound by its parent."""

    def __init__(
        self,
        instance: ServerInstance,
        bound: socket.socket,
        peers: dict[str, Peer],
        roots: tuple[Path, ...],
        stop_s: float = STOP_S,
        *,
        config: JsonObject | None = None,
        capture: Path | None = None,
    ) -> None:
        """`capture` is the file that a model server writes its calls to."""
        self.instance = instance
        self._socket = bound
        self._stop_s = stop_s
        self._order = {**_order(instance, peers, roots), "config": config or {}, "stop_s": stop_s}
        self._order["capture"] = None if capture is None else str(capture.absolute())
        self._process: asyncio.subprocess.Process | None = None
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._is_ready = asyncio.Event()
        self._reader: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """Process id, None before `start`."""
        return self._process.pid if self._process is not None else None

    @property
    def has_ended(self) -> bool:
        """Whether it was started and has ended, by itself or not."""
        return self._process is not None and self._process.returncode is not None

    async def start(self, python: Path, timeout_s: float) -> None:
        """Start and wait until the server is ready; then the socket is the child's alone.

        Raises ConfigError with the last output when the process ends or is too slow.
        """
        self._process = await asyncio.create_subprocess_exec(
            str(python),
            *("-m", "polygym.fleet.child", str(self._socket.fileno())),
            pass_fds=(self._socket.fileno(),),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        assert self._process.stdin is not None
        self._process.stdin.write(dumps(self._order) + b"\n")
        self._reader = asyncio.create_task(self._read(), name=f"output of {self.instance.name}")
        waiting = [asyncio.create_task(self._is_ready.wait()), asyncio.create_task(self.wait())]
        try:
            await asyncio.wait(waiting, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
        if not self._is_ready.is_set():
            status = self._process.returncode
            problem = f"was not ready after {timeout_s:g} s" if status is None else f"ended with status {status}"
            await self.stop()
            output = "\n  ".join(self._tail) or "(no output)"
            raise ConfigError(f"{self.instance.origin}: the process of {self.instance.name} {problem}:\n  {output}")
        # While it stays open here, callers of a child that died would be let in and wait for ever.
        self._socket.close()

    async def _read(self) -> None:
        """Pass the child's output on, line by line; its first line of readiness says so."""
        assert self._process is not None and self._process.stdout is not None
        rest = b""
        while chunk := await self._process.stdout.read(LONGEST_LINE):
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > LONGEST_LINE:
                lines, rest = [*lines, rest], b""
            for line in lines:
                self._take(line.decode("utf-8", "replace").rstrip())
        if rest:
            self._take(rest.decode("utf-8", "replace").rstrip())

    def _take(self, line: str) -> None:
        if not self._is_ready.is_set() and line.endswith(READY_LINE):
            self._is_ready.set()
        else:
            self._tail.append(line)
            log.info("%s: %s", self.instance.name, line)

    async def wait(self) -> int:
        """Wait for the process to end; its exit status, negative for a signal."""
        assert self._process is not None
        # asyncio's own wait is also for the pipes, which what the process has started may hold open (cpython #119710).
        while self._process.returncode is None:  # noqa: ASYNC110
            await asyncio.sleep(POLL_S)
        return self._process.returncode

    def tail(self) -> list[str]:
        """The last lines the process wrote."""
        return list(self._tail)

    async def stop(self) -> None:
        """End the process: closing its input asks it to, a signal makes it, and what it has started."""
        process = self._process
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(self.wait(), self._stop_s if self._is_ready.is_set() else UNREADY_STOP_S)
        with suppress(ProcessLookupError, PermissionError):  # nobody is left; macOS reports that as the latter
            os.killpg(process.pid, signal.SIGKILL)
        await self.wait()
        if self._reader is not None:
            await asyncio.wait({self._reader}, timeout=POLL_S)
            self._reader.cancel()


def _order(instance: ServerInstance, peers: dict[str, Peer], roots: tuple[Path, ...]) -> JsonObject:
    """What the child is told to be."""
    return {
        "server": {
            "name": instance.name,
            "server_type": instance.server_type,
            "implementation": instance.implementation,
            "entrypoint": instance.entrypoint,
            "fields": instance.fields,
            "origin": instance.origin,
        },
        "roots": [str(root) for root in roots],
        "peers": {
            name: {"server_type": peer.server_type, "url": peer.url, "is_ours": peer.is_ours}
            for name, peer in peers.items()
            if name != instance.name
        },
        "folder": str(instance.folder),
    }
