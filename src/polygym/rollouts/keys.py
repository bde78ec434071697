"""Keys of rollouts and numbers of tasks, in memory that stays small with millions of them."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple


class RolloutKey(NamedTuple):
    """Which rollout: two rollouts of one run never share it."""

    task: int
    repeat: int

    def packed(self) -> int:
        """The pair as one unsigned 64-bit number."""
        return (self.task << 24) | self.repeat


class KeySet:
    """An unchanging set of keys: 8 bytes a member, membership in O(log n)."""

    def __init__(self, keys: Iterable[RolloutKey] = ()) -> None:
        self._sorted = array("Q", sorted(key.packed() for key in keys))

    def __len__(self) -> int:
        return len(self._sorted)

    def first_duplicate(self) -> RolloutKey | None:
        """The first key that was given twice; None when all differ."""
        for before, after in pairwise(self._sorted):
            if before == after:
                return RolloutKey(after >> 24, after & 0xFFFFFF)
        return None

    def __contains__(self, key: RolloutKey) -> bool:
        packed = key.packed()
        at = bisect_left(self._sorted, packed)
        return at < len(self._sorted) and self._sorted[at] == packed


class Numbering:
    """Numbers keys in the order of their first appearance: some 14 bytes a key, open addressing with linear probing."""

    def __init__(self) -> None:
        self._keys = array("Q")
        self._slots = array("i", [-1]) * 64

    def __len__(self) -> int:
        return len(self._keys)

    def number(self, key: int) -> int:
        """The number of `key`, an unsigned 64-bit number that is spread evenly, as a digest is."""
        slots, keys = self._slots, self._keys
        slot = key & (len(slots) - 1)
        while (at := slots[slot]) >= 0:
            if keys[at] == key:
                return at
            slot = (slot + 1) & (len(slots) - 1)
        slots[slot] = len(keys)
        keys.append(key)
        if 3 * len(keys) > 2 * len(slots):
            self._grow()
        return len(keys) - 1

    def _grow(self) -> None:
        self._slots = slots = array("i", [-1]) * (2 * len(self._slots))
        for at, key in enumerate(self._keys):
            slot = key & (len(slots) - 1)
            while slots[slot] >= 0:
                slot = (slot + 1) & (len(slots) - 1)
            slots[slot] = at
