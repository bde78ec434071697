"""The sequences that are computed at once, with the keys and values of what they hold already."""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from responses_api_models.transformers_model import kv_cache
from responses_api_models.transformers_model.sequences import Sequence


class Batch:
    """Rows of one forward pass. Between two passes rows may be added and dropped.

    To be used by one thread, in inference mode. What a call that raised leaves behind has to be cleared.
    """

    def __init__(self, model: Any, cache_class: Any) -> None:
        """`model` is a causal language model of transformers, `cache_class` its DynamicCache."""
        self.rows: list[Sequence] = []
        self._model = model
        self._new_cache: Callable[[], Any] = partial(cache_class, config=model.config)
        self._cache: Any = None
        self._mask: Any = None
        accepted = inspect.signature(model.forward).parameters
        self._takes_positions = "position_ids" in accepted
        self._last_only = {"logits_to_keep": 1} if "logits_to_keep" in accepted else {}

    @property
    def length(self) -> int:
        """Positions of every row, padding included."""
        return 0 if self._mask is None else int(self._mask.shape[1])

    @property
    def is_joinable(self) -> bool:
        """Whether the model allows for more than one row."""
        return kv_cache.is_joinable(self._new_cache())

    def add(self, sequences: list[Sequence]) -> torch.Tensor:
        """Compute the sequences from their beginning and add them as rows; their next logits, rows by vocabulary."""
        longest = max(map(len, sequences))
        ids = [[*sequence.prompt_ids, *sequence.generated] for sequence in sequences]
        padded = torch.tensor([[0] * (longest - len(row)) + row for row in ids])
        mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in ids])
        cache = self._new_cache()
        mask = mask.to(self._model.device)
        logits = self._forward(padded, mask, (mask.cumsum(-1) - 1).clamp(min=0), cache)
        if self._cache is None:
            self._cache, self._mask = cache, mask
        else:
            kv_cache.join(self._cache, cache)
            length = max(longest, self.length)
            self._mask = torch.cat([_padded(self._mask, length), _padded(mask, length)])
        self.rows += sequences
        return logits

    def step(self) -> torch.Tensor:
        """Compute the last token of every row, which no pass has seen yet; the next logits, rows by vocabulary."""
        ids = torch.tensor([[row.last_id] for row in self.rows])
        positions = torch.tensor([[len(row) - 1] for row in self.rows])
        self._mask = torch.cat([self._mask, self._mask.new_ones((len(self.rows), 1))], dim=1)
        return self._forward(ids, self._mask, positions, self._cache)

    def keep(self, indices: list[int]) -> None:
        """Drop all rows but these."""
        if len(indices) == len(self.rows):
            return
        if not indices:
            self.clear()
            return
        self.rows = [self.rows[index] for index in indices]
        kept = torch.tensor(indices, device=self._mask.device)
        mask = self._mask.index_select(0, kept)
        spare = int(mask.any(dim=0).int().argmax())
        self._mask = mask[:, spare:]
        kv_cache.keep(self._cache, kept, spare)

    def clear(self) -> None:
        """Drop all rows."""
        self.rows, self._cache, self._mask = [], None, None

    def _forward(self, ids: torch.Tensor, mask: torch.Tensor, positions: torch.Tensor, cache: Any) -> torch.Tensor:
        device = self._model.device
        options = dict(self._last_only)
        if self._takes_positions:
            options["position_ids"] = positions.to(device)
        output = self._model(
            input_ids=ids.to(device), attention_mask=mask, past_key_values=cache, use_cache=True, **options
        )
        logits: torch.Tensor = output.logits[:, -1]
        return logits


def _padded(mask: torch.Tensor, length: int) -> torch.Tensor:
    padded = mask.new_zeros((mask.shape[0], length))
    padded[:, length - mask.shape[1] :] = mask
    return padded
