"""The batching thread when things go wrong below it: memory runs out, a pass raises, the thread is stopped."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import pytest

from polygym import FailureClass, RolloutFailure
from responses_api_models.transformers_model.sampling_params import SamplingParams
from responses_api_models.transformers_model.sequences import Generation, Sequence
from responses_api_models.transformers_model.tests.tiny_models import new_model, torch, transformers

pytestmark = pytest.mark.transformers


class Model:
    """A small Llama around which passes can be made to fail."""

    def __init__(self, fails: Callable[[tuple[int, ...]], Exception | None]) -> None:
        torch.manual_seed(0)
        self._model = new_model("llama", 100).eval()
        self._fails = fails
        self.config = self._model.config
        self.device = self._model.device
        self.shapes: list[tuple[int, ...]] = []
        """Of the tokens that went into each pass: rows, tokens a row."""
        self.held: list[tuple[int, ...]] = []
        """Of what is in memory after each pass: rows, tokens a row."""

    def forward(self, input_ids: Any, position_ids: Any, logits_to_keep: int, **options: Any) -> Any:
        """The model's pass."""
        self.shapes.append(tuple(input_ids.shape))
        self.held.append(tuple(options["attention_mask"].shape))
        error = self._fails(self.shapes[-1])
        if error is not None:
            raise error
        return self._model(input_ids=input_ids, position_ids=position_ids, logits_to_keep=logits_to_keep, **options)

    __call__ = forward


class Waiter:
    """Who waits for an answer, on any thread."""

    def __init__(self) -> None:
        self.result: Future[Generation] = Future()

    def begun(self) -> None:
        """Nothing hangs on it here."""

    def finished(self, generation: Generation) -> None:
        """The answer."""
        self.result.set_result(generation)

    def failed(self, error: Exception) -> None:
        """There is none."""
        self.result.set_exception(error)


@contextmanager
def running(model: Model, **limits: Any) -> Iterator[Any]:
    """An engine of that model."""
    from responses_api_models.transformers_model.batch import Batch
    from responses_api_models.transformers_model.engine import Engine

    settings = {"max_batch_size": 8, "max_batch_tokens": None, **limits}
    batch = Batch(model, transformers.DynamicCache)
    engine = Engine(batch, logprobs_mode="processed_logprobs", name="policy_model", **settings)
    engine.start()
    try:
        yield engine
    finally:
        engine.stop()


def submit(engine: Any, seed: int, prompt: int = 5, count: int = 12) -> "Future[Generation]":
    """An answer of `count` tokens to be."""
    waiter = Waiter()
    sequence = Sequence(
        list(range(1, prompt + 1)), SamplingParams(seed=seed), waiter, max_new_tokens=count, end_ids=frozenset()
    )
    engine.submit(sequence)
    return waiter.result


def test_running_out_of_memory_makes_batches_smaller_and_changes_no_answer() -> None:
    def fails(shape: tuple[int, ...]) -> Exception | None:
        return torch.OutOfMemoryError("CUDA out of memory") if shape[0] > 3 else None

    def answers(model: Model) -> list[list[int]]:
        with running(model) as engine:
            return [result.result(30).ids for result in [submit(engine, seed) for seed in range(8)]]

    tight = Model(fails)
    assert answers(tight) == answers(Model(lambda shape: None))
    assert max(shape[0] for shape in tight.shapes[-20:]) <= 3


def test_an_answer_that_does_not_fit_into_memory_alone_fails() -> None:
    def fails(shape: tuple[int, ...]) -> Exception | None:
        return torch.OutOfMemoryError("CUDA out of memory") if shape[1] > 50 else None

    with running(Model(fails)) as engine:
        results = [submit(engine, 0, prompt=60), submit(engine, 1)]
        with pytest.raises(RolloutFailure, match="60 tokens do not fit into memory") as caught:
            results[0].result(30)
        assert len(results[1].result(30).ids) == 12
    assert caught.value.failure_class is FailureClass.MODEL_UNAVAILABLE


def test_a_pass_that_raises_fails_those_in_the_batch_and_no_others(caplog: pytest.LogCaptureFixture) -> None:
    broken = threading.Event()
    broken.set()

    with running(Model(lambda shape: RuntimeError("device-side assert") if broken.is_set() else None)) as engine:
        failing = [submit(engine, seed) for seed in range(3)]
        for result in failing:
            with pytest.raises(RolloutFailure, match="RuntimeError: device-side assert"):
                result.result(30)
        broken.clear()
        assert len(submit(engine, 0).result(30).ids) == 12
    assert "a batch of" in caplog.text


def test_the_batch_never_holds_more_tokens_than_it_may() -> None:
    model = Model(lambda shape: None)
    with running(model, max_batch_tokens=150) as engine:
        results = [submit(engine, seed, count=60) for seed in range(6)]
        assert [len(result.result(30).ids) for result in results] == [60] * 6
    assert max(rows * length for rows, length in model.held) <= 150
    assert max(rows for rows, _ in model.held) > 2


def test_who_comes_while_a_change_waits_begins_after_it() -> None:
    from responses_api_models.transformers_model.engine import Change

    with running(Model(lambda shape: None)) as engine:
        before = submit(engine, 0, count=400)
        while engine.load.running == 0:
            time.sleep(0.001)
        done: Future[int] = Future()
        engine.change(Change(lambda: None, None, waits_for_running=True, done=done))
        after = submit(engine, 1)
        assert before.result(30).versions == [0] * 400
        assert after.result(30).versions == [1] * 12
        assert done.result(30) == engine.weight_version == 1


def test_a_change_that_fails_changes_no_version_and_stops_nobody() -> None:
    from responses_api_models.transformers_model.engine import Change

    def fails() -> None:
        raise RuntimeError("no")

    with running(Model(lambda shape: None)) as engine:
        done: Future[int] = Future()
        running_on = submit(engine, 0, count=200)
        engine.change(Change(fails, None, waits_for_running=False, done=done))
        with pytest.raises(RuntimeError, match="no"):
            done.result(30)
        assert running_on.result(30).versions == [0] * 200


def test_a_stopped_engine_refuses_what_comes_later() -> None:
    with running(Model(lambda shape: None)) as engine:
        pass
    with pytest.raises(RolloutFailure, match="the model server is stopped"):
        submit(engine, 0).result(30)
