"""The record of a run: append-only JSONL, one write a row, each row whole or not there.

The rollouts file is the truth: what is in it is done, what is not in it is to do.
"""

import math
import os
from pathlib import Path
from typing import Final

from polygym.data.jsonl import drop_torn_line, whole_lines
from polygym.protocol.errors import OutputError
from polygym.protocol.json import JsonObject, dumps, loads
from polygym.protocol.tasks import ROLLOUT_INDEX, TASK_INDEX
from polygym.rollouts.keys import KeySet, RolloutKey
from polygym.rollouts.outputs import OutputPaths

WRITE_FLAGS: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC


class Journal:
    """Writes finished rollouts and failed attempts of one run."""

    def __init__(self, paths: OutputPaths) -> None:
        self._rollouts = _AppendFile(paths.rollouts)
        try:
            self._failures = _AppendFile(paths.failures)
        except OutputError:
            self._rollouts.close()
            raise

    def rollout(self, record: JsonObject) -> None:
        """Append a finished rollout. Raises OutputError when it cannot be written whole."""
        self._rollouts.append(record)

    def failure(self, record: JsonObject) -> None:
        """Append a failed attempt. Raises OutputError when it cannot be written whole."""
        self._failures.append(record)

    def close(self) -> None:
        """Hand everything to the disk and close."""
        self._rollouts.close()
        self._failures.close()


class _AppendFile:
    """A file that grows by whole lines."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._fd = os.open(path, WRITE_FLAGS, 0o666)
        except OSError as error:
            raise OutputError(f"{path}: cannot be written: {error.strerror}.") from error

    def append(self, record: JsonObject) -> None:
        line = memoryview(dumps(record) + b"\n")
        before = os.fstat(self._fd).st_size
        try:
            while line:
                line = line[os.write(self._fd, line) :]
        except OSError as error:
            os.ftruncate(self._fd, before)
            raise OutputError(
                f"{self._path}: cannot be written: {error.strerror}. Make room, then go on with --resume."
            ) from error

    def close(self) -> None:
        os.fsync(self._fd)
        os.close(self._fd)


def read_done(paths: OutputPaths) -> KeySet:
    """The rollouts that an earlier run has finished; cuts torn last lines from its files.

    Raises OutputError when a line in the middle is not a rollout: somebody has to look at it before anything is added.
    """
    for path in (paths.rollouts, paths.failures):
        drop_torn_line(path)
    return KeySet(
        _finished(path=paths.rollouts, number=number, line=line) for number, line in whole_lines(paths.rollouts)
    )


def _finished(path: Path, number: int, line: bytes) -> RolloutKey:
    try:
        row = loads(line)
        key = RolloutKey(row[TASK_INDEX], row[ROLLOUT_INDEX])
        key.packed()
        if not math.isfinite(row["reward"]):
            raise ValueError("its reward is not finite")
    except (ValueError, KeyError, TypeError) as error:
        raise OutputError(
            f"{path}:{number}: not a rollout of this run ({type(error).__name__}: {error}). Mend or remove the"
            " line, then resume; the rollout it stood for is run again."
        ) from error
    return key
