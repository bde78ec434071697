"""Continuous batching in a thread of its own: sequences join the batch when there is room, and leave it when they end.

Each round computes one token of every sequence in the batch. Nothing here waits for an event loop, and no event loop
for this: sequences come through a queue, and their listeners are told.
"""

import logging
import math
import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Final, NamedTuple

import torch

from polygym import FailureClass, RolloutFailure, Stage
from polygym.protocol.failures import describe
from responses_api_models.transformers_model.batch import Batch
from responses_api_models.transformers_model.sampling import LogprobsMode, draw
from responses_api_models.transformers_model.sequences import Drawn, Sequence

log = logging.getLogger("polygym.transformers")

PREFILL_TOKENS: Final = 16_384
"""Positions of prompts that are computed in one pass, padding included, unless a single prompt is longer."""
SPARE_TOKENS: Final = 32
"""Positions that a sequence must have left to join: one that is put back soon has been computed for nothing."""


class Load(NamedTuple):
    """How busy an engine is."""

    running: int
    """Sequences in the batch."""
    waiting: int
    """Sequences without a place in it."""


@dataclass(frozen=True, slots=True)
class Change:
    """Something to be done to the model between two rounds."""

    work: Callable[[], None]
    version: int | None
    """What the weights are called then; None for the next number."""
    waits_for_running: bool
    """Whether the sequences in the batch are finished first; else they are computed again and go on."""
    done: "Future[int]"
    """Their version, when it is done; or what `work` raised."""


class Engine:
    """A batch, and who wants to be in it."""

    def __init__(
        self, batch: Batch, *, logprobs_mode: LogprobsMode, max_batch_size: int, max_batch_tokens: int | None, name: str
    ) -> None:
        """`max_batch_tokens` is None for as many as memory holds."""
        self.weight_version = 0
        """How often the weights were replaced, or what the last who did so called them."""
        self._batch = batch
        self._mode: LogprobsMode = logprobs_mode
        self._max_size = max_batch_size
        self._max_tokens: float = math.inf if max_batch_tokens is None else max_batch_tokens
        self._name = name
        self._orders: SimpleQueue[Sequence | Change | None] = SimpleQueue()
        self._waiting: deque[Sequence] = deque()
        self._changes: deque[Change] = deque()
        self._is_over = False
        self._ending = threading.Lock()
        self._thread = threading.Thread(target=self._run, name=f"batches of {name}", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def stop(self) -> None:
        """Let go of every sequence, and wait for the thread's end. Waits for the round under way."""
        self._orders.put(None)
        self._thread.join()
        self._end("the model server is stopped")
        self._batch.clear()

    def submit(self, sequence: Sequence) -> None:
        """Have a sequence computed; from any thread."""
        self._order(sequence)

    def change(self, change: Change) -> None:
        """Have the model changed; from any thread."""
        self._order(change)

    @property
    def load(self) -> Load:
        """From any thread."""
        return Load(len(self._batch.rows), len(self._waiting) + self._orders.qsize())

    def _order(self, order: Sequence | Change) -> None:
        self._orders.put(order)
        if self._is_over:  # nobody else will look
            self._end("the model server is stopped")

    def _run(self) -> None:
        reason = "the model server is stopped"
        try:
            with torch.inference_mode():
                while self._receive():
                    self._advance()
        except BaseException as error:
            reason = f"the thread that computes died: {describe(error)}"
            raise
        finally:
            self._end(reason)

    def _receive(self) -> bool:
        """Take in what has come, waiting for it when there is nothing to do; False at the end."""
        waits = not (self._waiting or self._changes or self._batch.rows)
        while True:
            try:
                order = self._orders.get(block=waits)
            except Empty:
                return True
            waits = False
            if order is None:
                return False
            if isinstance(order, Sequence):
                self._waiting.append(order)
            else:
                self._changes.append(order)

    def _advance(self) -> None:
        """One round, or one change."""
        self._drop_cancelled()
        if self._changes and (not self._batch.rows or not self._changes[0].waits_for_running):
            self._carry_out(self._changes.popleft())
            return
        joining = [] if self._changes else self._next_ones()
        if joining:
            self._compute(lambda: self._batch.add(joining), joining, [*self._batch.rows, *joining])
        self._put_back_excess()
        if self._batch.rows:
            self._compute(self._batch.step, self._batch.rows, self._batch.rows)

    def _drop_cancelled(self) -> None:
        self._keep(row for row in self._batch.rows if not row.is_cancelled)
        if any(sequence.is_cancelled for sequence in self._waiting):
            self._waiting = deque(sequence for sequence in self._waiting if not sequence.is_cancelled)

    def _keep(self, rows: Iterable[Sequence]) -> None:
        wanted = set(map(id, rows))
        self._batch.keep([index for index, row in enumerate(self._batch.rows) if id(row) in wanted])

    def _next_ones(self) -> list[Sequence]:
        """Those at the head of the queue that the batch has room for, taken out of the queue."""
        chosen: list[Sequence] = []
        longest_new = 0
        while self._waiting and len(self._batch.rows) + len(chosen) < self._max_size:
            longest_new = max(longest_new, len(self._waiting[0]))
            count = len(self._batch.rows) + len(chosen) + 1
            tokens = count * (max(longest_new, self._batch.length) + SPARE_TOKENS)
            if (count > 1 and tokens > self._max_tokens) or (
                chosen and (len(chosen) + 1) * longest_new > PREFILL_TOKENS
            ):
                break
            chosen.append(self._waiting.popleft())
        return chosen

    def _put_back_excess(self) -> None:
        """Put those that came last back where the batch outgrows its limit; one alone may always go on."""
        rows = self._batch.rows
        count = len(rows)
        while count > 1 and count * (self._batch.length + 1) > self._max_tokens:
            count -= 1
        self._waiting.extendleft(reversed(rows[count:]))
        self._keep(rows[:count])

    def _compute(self, forward: Callable[[], torch.Tensor], rows: list[Sequence], involved: list[Sequence]) -> None:
        """Get one token for each of `rows`. `involved` are those in the batch, then or if it had gone well."""
        for row in rows:
            row.begin()
        try:
            drawn = draw(forward(), rows, self._mode)
        except torch.OutOfMemoryError as error:
            self._make_room(involved, error)
        except Exception as error:
            self._batch.clear()
            log.exception("%s: a batch of %d failed", self._name, len(involved))
            self._fail(involved, FailureClass.MODEL_UNAVAILABLE, f"computing the answer failed: {describe(error)}")
        else:
            self._take(rows, drawn)

    def _take(self, rows: list[Sequence], drawn: list[Drawn]) -> None:
        ended = set()
        for row, one in zip(rows, drawn, strict=True):
            if not math.isfinite(one.log_prob):
                self._fail([row], FailureClass.MODEL_BAD_RESPONSE, "the model's logits are not finite numbers")
                ended.add(id(row))
                continue
            generation = row.take(one, self.weight_version)
            if generation is not None:
                row.listener.finished(generation)
                ended.add(id(row))
        if ended:
            self._keep(row for row in self._batch.rows if id(row) not in ended)

    def _make_room(self, involved: list[Sequence], error: Exception) -> None:
        """After running out of memory: begin again with half of what did not fit, and never with more."""
        self._batch.clear()
        torch.cuda.empty_cache()
        if len(involved) == 1:
            message = f"{len(involved[0])} tokens do not fit into memory; lower max_model_len: {error}"
            self._fail(involved, FailureClass.MODEL_UNAVAILABLE, message)
            return
        self._max_tokens = len(involved) * max(map(len, involved)) // 2
        log.warning("%s: out of memory; from now on max_batch_tokens is %d", self._name, self._max_tokens)
        self._waiting.extendleft(reversed(involved))

    def _carry_out(self, change: Change) -> None:
        """Change the model. What is in the batch goes on from its beginning, with the tokens it has."""
        self._waiting.extendleft(reversed(self._batch.rows))
        self._batch.clear()
        try:
            change.work()
        except Exception as error:
            change.done.set_exception(error)
            return
        self.weight_version = self.weight_version + 1 if change.version is None else change.version
        change.done.set_result(self.weight_version)

    def _fail(self, sequences: Iterable[Sequence], failure_class: FailureClass, message: str) -> None:
        for sequence in sequences:
            sequence.listener.failed(RolloutFailure(failure_class, Stage.MODEL, f"{self._name}: {message}."))

    def _end(self, reason: str) -> None:
        """Tell everybody who still waits that nothing will come."""
        self._is_over = True
        with self._ending:
            while (order := self._next_order()) is not None:
                if isinstance(order, Sequence):
                    self._waiting.append(order)
                else:
                    self._changes.append(order)
            self._fail([*self._batch.rows, *self._waiting], FailureClass.MODEL_UNAVAILABLE, reason)
            for change in self._changes:
                change.done.set_exception(RuntimeError(f"{self._name}: {reason}."))
            self._batch.rows = []
            self._waiting.clear()
            self._changes.clear()

    def _next_order(self) -> Sequence | Change | None:
        """The next in the queue but requests to stop; None when there is none."""
        with suppress(Empty):
            while True:
                order = self._orders.get(block=False)
                if order is not None:
                    return order
        return None
