"""Counts and sums by task, kept in arrays: some 35 bytes a task where a dict of objects takes 200."""

from array import array
from collections.abc import Iterator
from typing import NamedTuple

_SEGMENTS = 64
"""Tables that tasks are spread over, so that a table that grows holds up its caller for some milliseconds at most."""
_SEGMENT_BITS = 6
_WORD = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15
"""2**64 / golden ratio: Fibonacci hashing, Knuth 1973, 6.4."""
_FREE = -1


class TaskScore(NamedTuple):
    """The scored rollouts of one task, or of a part of them."""

    total: int
    correct: int
    reward_sum: float


class TaskMap:
    """Task index → `TaskScore`. Indices are integers of 64 bits."""

    __slots__ = ("_segments",)

    def __init__(self) -> None:
        self._segments: list[_Segment | None] = [None] * _SEGMENTS

    def add(self, task: int, total: int, correct: int, reward_sum: float) -> None:
        """Add scored rollouts to a task."""
        mixed = task * _GOLDEN & _WORD
        number = mixed >> (64 - _SEGMENT_BITS)
        segment = self._segments[number]
        if segment is None:
            segment = self._segments[number] = _Segment()
        segment.add(task, mixed, total, correct, reward_sum)

    def __len__(self) -> int:
        return sum(len(segment.tasks) for segment in self._segments if segment is not None)

    def __iter__(self) -> Iterator[tuple[int, TaskScore]]:
        for segment in self._segments:
            if segment is not None:
                yield from segment.scores()


class _Segment:
    """One table: scores side by side in the order of arrival, and an open-addressing index (linear probing) to them."""

    __slots__ = ("correct", "index", "reward_sums", "shift", "tasks", "totals")

    def __init__(self) -> None:
        self.tasks = array("q")
        self.totals = array("I")
        self.correct = array("I")
        self.reward_sums = array("d")
        self._make_index(bits=3)

    def add(self, task: int, mixed: int, total: int, correct: int, reward_sum: float) -> None:
        slot = self._slot(task, mixed)
        at = self.index[slot]
        if at != _FREE:
            self.totals[at] += total
            self.correct[at] += correct
            self.reward_sums[at] += reward_sum
            return
        self.index[slot] = len(self.tasks)
        self.tasks.append(task)
        self.totals.append(total)
        self.correct.append(correct)
        self.reward_sums.append(reward_sum)
        if 3 * len(self.tasks) > 2 * len(self.index):
            self._make_index(bits=len(self.index).bit_length())

    def scores(self) -> Iterator[tuple[int, TaskScore]]:
        for task, total, correct, reward_sum in zip(
            self.tasks, self.totals, self.correct, self.reward_sums, strict=True
        ):
            yield task, TaskScore(total, correct, reward_sum)

    def _slot(self, task: int, mixed: int) -> int:
        """Where the index names the task, or where it would."""
        index, tasks = self.index, self.tasks
        last = len(index) - 1
        slot = mixed >> self.shift & last
        while (at := index[slot]) != _FREE and tasks[at] != task:
            slot = slot + 1 & last
        return slot

    def _make_index(self, bits: int) -> None:
        self.index = array("i", [_FREE]) * (1 << bits)
        self.shift = 64 - _SEGMENT_BITS - bits
        for at, task in enumerate(self.tasks):
            self.index[self._slot(task, task * _GOLDEN & _WORD)] = at
