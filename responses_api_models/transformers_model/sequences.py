"""One answer in the making: what it continues, how its tokens are chosen, what has come of it. Knows no tensor."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from responses_api_models.transformers_model.sampling_params import SamplingParams

FinishReason = Literal["stop", "length"]


class Drawn(NamedTuple):
    """One token, and how likely it was."""

    token: int
    log_prob: float
    top: list[tuple[int, float]]
    """The likeliest tokens with their log-probabilities, as many as were asked for."""


@dataclass(frozen=True, slots=True)
class Generation:
    """A finished answer."""

    prompt_ids: list[int]
    ids: list[int]
    """With the token that ended it."""
    log_probs: list[float]
    top: list[list[tuple[int, float]]]
    versions: list[int]
    """Of the weights, for each token."""
    finish_reason: FinishReason
    stopped_by: int | str | None
    """The token or the text that ended it; None when it was cut off."""


class Listener(Protocol):
    """Who waits for an answer. Called from the engine's thread."""

    def begun(self) -> None:
        """It has got a place in the batch."""
        ...

    def finished(self, generation: Generation) -> None:
        """Here it is."""
        ...

    def failed(self, error: Exception) -> None:
        """There will be none."""
        ...


class StopTexts:
    """Looks for the texts that end an answer, in its last tokens only."""

    def __init__(self, stops: tuple[str, ...], decode: Callable[[list[int]], str]) -> None:
        self._stops = stops
        self._decode = decode
        self._window = max(len(stop.encode()) for stop in stops) + 8
        """A token is at least a byte, and a few more before it settle how the first is read."""

    def found_in(self, ids: list[int]) -> str | None:
        """The text that the last of `ids` has completed; of several, the one that begins first."""
        tail = self._decode(ids[-self._window :])
        return min((stop for stop in self._stops if stop in tail), key=tail.find, default=None)


class Sequence:
    """Owned by the engine's thread; others only cancel it."""

    def __init__(
        self,
        prompt_ids: list[int],
        params: SamplingParams,
        listener: Listener,
        *,
        max_new_tokens: int,
        end_ids: frozenset[int],
        stop_texts: StopTexts | None = None,
    ) -> None:
        self.prompt_ids = prompt_ids
        self.params = params
        self.listener = listener
        self.generated: list[int] = []
        self.is_cancelled = False
        self._max_new_tokens = max_new_tokens
        self._end_ids = end_ids
        self._stop_texts = stop_texts
        self._random = random.Random(params.seed)
        self._log_probs: list[float] = []
        self._top: list[list[tuple[int, float]]] = []
        self._versions: list[int] = []
        self._has_begun = False

    def __len__(self) -> int:
        return len(self.prompt_ids) + len(self.generated)

    @property
    def last_id(self) -> int:
        """The token that comes last."""
        return self.generated[-1] if self.generated else self.prompt_ids[-1]

    def begin(self) -> None:
        """Tell the listener that it is computed now; once, although it may be put back."""
        if not self._has_begun:
            self._has_begun = True
            self.listener.begun()

    def draw(self) -> float:
        """The next number of its own random series, from 0 up to 1."""
        return self._random.random()

    def take(self, drawn: Drawn, version: int) -> Generation | None:
        """Add a token, drawn with the weights of that version; the answer, when that ends it."""
        self.generated.append(drawn.token)
        self._log_probs.append(drawn.log_prob)
        self._top.append(drawn.top)
        self._versions.append(version)
        stopped_by: int | str | None = drawn.token if drawn.token in self._end_ids else None
        if stopped_by is None and self._stop_texts is not None:
            stopped_by = self._stop_texts.found_in(self.generated)
        if stopped_by is None and len(self.generated) < self._max_new_tokens:
            return None
        reason: FinishReason = "length" if stopped_by is None else "stop"
        return Generation(
            self.prompt_ids, self.generated, self._log_probs, self._top, self._versions, reason, stopped_by
        )
