"""Rows that come and go in a transformers cache of keys and values.

All rows end at the same place: a shorter one has zeros before it, which the attention mask hides. Knows the layers that
keep everything and those with a sliding window; `is_joinable` says whether a cache has others.
"""

from typing import Any, Final

import torch

_KNOWN: Final = frozenset({"DynamicLayer", "DynamicSlidingWindowLayer", "DummyLayer"})


def is_joinable(cache: Any) -> bool:
    """Whether rows can be added to and taken from a cache: not so with layers that keep more than keys and values."""
    return all(type(layer).__name__ in _KNOWN for layer in cache.layers)


def join(cache: Any, other: Any) -> None:
    """Add the rows of `other` below those of `cache`, the shorter padded to the length of the longer."""
    for ours, theirs in zip(cache.layers, other.layers, strict=True):
        if _is_empty(ours):
            continue
        ours.keys = _stack(ours.keys, theirs.keys)
        ours.values = _stack(ours.values, theirs.values)
        if hasattr(ours, "cumulative_length"):
            ours.cumulative_length = max(ours.cumulative_length, theirs.cumulative_length)


def keep(cache: Any, rows: torch.Tensor, spare: int) -> None:
    """Keep only `rows`, without the first `spare` positions, which none of them uses."""
    for layer in cache.layers:
        if _is_empty(layer):
            continue
        stored = layer.keys.shape[2]
        if hasattr(layer, "cumulative_length"):
            layer.cumulative_length -= spare
            start = max(stored - layer.cumulative_length, 0)
        else:
            start = spare
        here = rows.to(layer.keys.device)
        layer.keys = layer.keys[:, :, start:].index_select(0, here)
        layer.values = layer.values[:, :, start:].index_select(0, here)


def _is_empty(layer: Any) -> bool:
    """Whether a layer stores nothing: some share the keys and values of another."""
    return getattr(layer, "keys", None) is None


def _stack(upper: torch.Tensor, lower: torch.Tensor) -> torch.Tensor:
    """Two tensors of rows by heads by positions by width as one, both at the end of the positions."""
    length = max(upper.shape[2], lower.shape[2])
    shape = (upper.shape[0] + lower.shape[0], upper.shape[1], length, upper.shape[3])
    stacked = upper.new_zeros(shape)
    stacked[: upper.shape[0], :, length - upper.shape[2] :] = upper
    stacked[upper.shape[0] :, :, length - lower.shape[2] :] = lower
    return stacked
