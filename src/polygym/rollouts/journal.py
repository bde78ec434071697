"""The record of a run: append-only JSONL, each row whole or not there.

The rollouts file is the truth: what is in it is done, what is not in it is to do.
"""

import fcntl
import logging
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

from polygym.data.jsonl import cut_torn_end, whole_lines
from polygym.protocol.errors import OutputError
from polygym.protocol.json import JsonObject, dumps_line, loads
from polygym.protocol.tasks import AGENT_REF, ROLLOUT_INDEX, TASK_INDEX
from polygym.rollouts.keys import KeySet, RolloutKey
from polygym.rollouts.outputs import OutputPaths

log = logging.getLogger("polygym.rollouts")

WRITE_FLAGS: Final = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC


class Journal:
    """Writes finished rollouts and failed attempts of one run; `is_shared` when several processes write it."""

    def __init__(self, paths: OutputPaths, *, is_shared: bool = False) -> None:
        self._rollouts = _AppendFile(paths.rollouts, is_shared=is_shared)
        try:
            self._failures = _AppendFile(paths.failures, is_shared=is_shared)
        except OutputError:
            self._rollouts.close()
            raise

    def rollout(self, record: JsonObject) -> int:
        """Take in a finished rollout; `flush` writes it: the bytes of its line. Raises TypeError when it is no JSON."""
        return self._rollouts.add(record)

    def failure(self, record: JsonObject) -> None:
        """Take in a failed attempt; `flush` writes it."""
        self._failures.add(record)

    def flush(self) -> None:
        """Write what was taken in. Raises OutputError when not all of it can be written; the rest is kept."""
        self._rollouts.flush()
        self._failures.flush()

    def close(self) -> None:
        """Hand what has been written to the disk and close."""
        self._rollouts.close()
        self._failures.close()


class _AppendFile:
    """A file that grows by whole lines."""

    def __init__(self, path: Path, *, is_shared: bool) -> None:
        self._path = path
        self._is_shared = is_shared
        self._lines: list[bytes] = []
        """Taken in and not written yet."""
        try:
            self._fd = os.open(path, WRITE_FLAGS, 0o666)
            self._size = os.fstat(self._fd).st_size
        except OSError as error:
            raise OutputError(f"{path}: cannot be written: {error.strerror}.") from error

    def add(self, record: JsonObject) -> int:
        line = dumps_line(record)
        self._lines.append(line)
        return len(line)

    def flush(self) -> None:
        if not self._lines:
            return
        if not self._is_shared:
            self._write()
            return
        fcntl.lockf(self._fd, fcntl.LOCK_EX)
        try:
            self._size = cut_torn_end(self._fd)  # a writer that was killed may have left half a line
            self._write()
        finally:
            fcntl.lockf(self._fd, fcntl.LOCK_UN)

    def _write(self) -> None:
        rows = b"".join(self._lines)
        written = 0
        try:
            while written < len(rows):
                written += os.write(self._fd, rows[written:] if written else rows)
        except OSError as error:
            whole = rows.rfind(b"\n", 0, written) + 1
            self._size += whole
            os.ftruncate(self._fd, self._size)
            self._lines = rows[whole:].splitlines(keepends=True)
            raise OutputError(
                f"{self._path}: cannot be written: {error.strerror}. Make room, then go on with --resume."
            ) from error
        self._size += written
        self._lines.clear()

    def close(self) -> None:
        try:
            os.fsync(self._fd)
        except OSError as error:  # what could not be written whole has been reported and cut off already
            log.warning("%s: could not be handed to the disk: %s", self._path, error.strerror)
        os.close(self._fd)


OnRow: TypeAlias = Callable[[JsonObject, int], None]
"""Is given a finished rollout and the bytes of its line."""


def read_done(paths: OutputPaths, on_row: OnRow) -> KeySet:
    """The rollouts that an earlier run has finished, each row handed to `on_row`; a torn last line is none. Reads only.

    Raises OutputError when a line in the middle is not a rollout, or a rollout is there twice: somebody has to look at
    it before anything is added.
    """
    keys = KeySet(_finished(paths.rollouts, number, line, on_row) for number, line in whole_lines(paths.rollouts))
    if (twice := keys.first_duplicate()) is not None:
        raise OutputError(
            f"{paths.rollouts}: task {twice.task}, repeat {twice.repeat} is there twice. Remove one of the two lines."
        )
    return keys


def _finished(path: Path, number: int, line: bytes, on_row: OnRow) -> RolloutKey:
    try:
        row = loads(line)
        key = RolloutKey(row[TASK_INDEX], row[ROLLOUT_INDEX])
        key.packed()
        if not math.isfinite(row["reward"]):
            raise ValueError("its reward is not finite")
        row[AGENT_REF]["name"]
    except (ValueError, KeyError, TypeError) as error:
        raise OutputError(
            f"{path}:{number}: not a rollout of this run ({type(error).__name__}: {error}). Mend or remove the"
            " line, then resume; the rollout it stood for is run again."
        ) from error
    on_row(row, len(line))
    return key
