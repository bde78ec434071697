"""Sets of (task, repeat) pairs and of row digests that stay small with millions of members."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable
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

    def __contains__(self, key: RolloutKey) -> bool:
        packed = key.packed()
        at = bisect_left(self._sorted, packed)
        return at < len(self._sorted) and self._sorted[at] == packed
