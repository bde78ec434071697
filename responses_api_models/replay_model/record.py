"""A rollouts file as a record: where each rollout stands in it. Memory holds some 20 bytes a rollout."""

import os
from array import array
from bisect import bisect_left
from collections.abc import Iterable
from pathlib import Path

from polygym import JsonObject
from polygym.data.jsonl import whole_lines
from polygym.protocol.errors import InputError
from polygym.protocol.json import loads
from polygym.protocol.tasks import PARAMS, ROLLOUT_INDEX, TASK_INDEX

REPEAT_BITS = 24
"""Of a packed key: those of the repeat."""


class Record:
    """The rollouts of some files, by task and repeat. Of a rollout that is there twice, the last counts."""

    def __init__(self, names: Iterable[str]) -> None:
        """Read all files once. Raises InputError for a line that is no rollout, OSError for a file there isn't."""
        self._files: list[int] = []
        found: list[tuple[int, int, int]] = []
        try:
            for number, name in enumerate(names):
                path = Path(name).expanduser()
                self._files.append(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
                found += [(key, number, offset) for key, offset in _keys(path)]
        except BaseException:
            self.close()
            raise
        found.sort()
        self._keys = array("Q", (key for key, _, _ in found))
        self._places = array("Q", (number << 48 | offset for _, number, offset in found))

    @property
    def is_empty(self) -> bool:
        """Whether there is no rollout in it."""
        return not self._keys

    @property
    def described(self) -> str:
        """How much there is, in words."""
        return f"{len(self._keys)} rollouts"

    def find(self, rollout_id: str) -> JsonObject | None:
        """The row of `<task>-<repeat>`; None when it is not there."""
        task, _, repeat = rollout_id.partition("-")
        if not (task.isdecimal() and repeat.isdecimal()):
            return None
        key = int(task) << REPEAT_BITS | int(repeat)
        place = bisect_left(self._keys, key + 1) - 1
        if place < 0 or self._keys[place] != key:
            return None
        return self._read(self._places[place])

    def _read(self, place: int) -> JsonObject:
        number, offset = place >> 48, place & ((1 << 48) - 1)
        length, line = 1 << 16, b""
        while b"\n" not in line:
            line = os.pread(self._files[number], length, offset)
            if b"\n" not in line and len(line) < length:
                raise InputError("the record was changed while it was being replayed")
            length *= 4
        row: JsonObject = loads(line[: line.index(b"\n")])
        return row

    def close(self) -> None:
        """Close the files."""
        for file in self._files:
            os.close(file)
        self._files = []


def _keys(path: Path) -> Iterable[tuple[int, int]]:
    """Key and offset of each rollout in a file."""
    offset = 0
    for number, line in whole_lines(path):
        try:
            row = loads(line)
            task, repeat = row[TASK_INDEX], row[ROLLOUT_INDEX]
            row[PARAMS]["input"], row["response"]["output"]
            yield task << REPEAT_BITS | repeat, offset
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path}:{number}: not a rollout ({type(error).__name__}: {error})") from error
        offset += len(line)
