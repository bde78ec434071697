"""Reading the materialized inputs of a run by offset, every rollout's row afresh."""

import os
from pathlib import Path
from typing import Final

from polygym.protocol.errors import OutputError
from polygym.protocol.json import JsonObject, copied, loads
from polygym.protocol.tasks import ROLLOUT_INDEX

LARGEST_WINDOW: Final = 1 << 17
"""Bytes that are read in one go at most, unless a single row takes more."""
SMALLEST_WINDOW: Final = 1 << 13
"""Bytes that are read for a row at first where it is not known how long it is."""
REPEAT: Final = f',"{ROLLOUT_INDEX}":'.encode()
"""What comes before the number in which the rows of a task's repeats differ, at the end of each."""


class RowReader:
    """One file of materialized inputs; opened when the first row is read.

    No two rollouts share anything that can be changed, so nothing an environment does to its row reaches another. The
    texts of a task are shared by its repeats where these follow each other: a long document is in memory once.
    """

    def __init__(self) -> None:
        self._fd = -1
        self._windows: dict[str, tuple[int, bytes]] = {}
        """Per agent: a part of the file with its next rows, and where it starts."""
        self._tasks: dict[str, tuple[bytes, JsonObject | None]] = {}
        """Per agent: the line that was read last, up to `REPEAT`, and from the second of its kind on its row."""

    def read(self, path: Path, agent: str, offset: int, ahead: int) -> JsonObject:
        """The agent's row at `offset` bytes; `ahead` is where a later one of its rows starts.

        Raises OutputError when the file ends before the row does.
        """
        start, window = self._windows.get(agent, (0, b""))
        begin = offset - start
        end = window.find(b"\n", begin) if begin >= 0 else -1
        if end < 0:
            begin, window = 0, self._window(path, offset, ahead)
            self._windows[agent] = (offset, window)
            end = window.find(b"\n")
        return self._decoded(agent, window[begin:end])

    def _decoded(self, agent: str, line: bytes) -> JsonObject:
        """The row of `line`: copied from that of the repeat before it, where there is one."""
        head, _, tail = line.rpartition(REPEAT)
        number = tail[:-1]
        row: JsonObject
        if not number.isdigit():  # the line was written by somebody else, who does not put the number at the end
            row = loads(line)
            return row
        before, task = self._tasks.get(agent, (b"", None))
        if head != before:
            self._tasks[agent] = (head, None)
            row = loads(line)
            return row
        if task is None:
            task = loads(line)
            self._tasks[agent] = (head, task)
        row = copied(task)
        row[ROLLOUT_INDEX] = int(number)
        return row

    def _window(self, path: Path, offset: int, ahead: int) -> bytes:
        """The file from `offset` to `ahead`, if that is near; one whole row at least."""
        if self._fd < 0:
            self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        length = ahead - offset if offset < ahead <= offset + LARGEST_WINDOW else SMALLEST_WINDOW
        while True:
            window = os.pread(self._fd, length, offset)
            if b"\n" in window:
                return window
            if len(window) < length:
                raise OutputError(f"{path}: was changed while the run was reading it.")
            length *= 4

    def close(self) -> None:
        """Close the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
