"""Weights are replaced between two batches, from the same process."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from polygym import JsonObject
from responses_api_models.transformers_model.app import TransformersModel
from responses_api_models.transformers_model.tests.tiny_models import (
    chat,
    make,
    message,
    save_model,
    serve,
    torch,
    transformers,
    until_running,
)

pytestmark = pytest.mark.transformers


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small Llama whose input and output embeddings are the same weights."""
    fields: JsonObject = {"max_position_embeddings": 100_000, "tie_word_embeddings": True}
    return save_model(tmp_path_factory.mktemp("llama"), "llama", **fields)


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A module of the same shapes with other weights, as a trainer has one."""
    folder = tmp_path_factory.mktemp("other")
    save_model(folder, "llama", seed=1, max_position_embeddings=100_000, tie_word_embeddings=True)
    return transformers.AutoModelForCausalLM.from_pretrained(folder, dtype="float32")


async def greedy(server: TransformersModel, **params: Any) -> JsonObject:
    """The message of an answer with nothing left to chance."""
    return message(await chat(server, **{"temperature": 0, "max_tokens": 12, **params}))


def said(folder_or_model: Any, prompt: list[int], count: int) -> list[int]:
    """What a model of transformers says, by itself."""
    model = folder_or_model
    if isinstance(model, Path):
        model = transformers.AutoModelForCausalLM.from_pretrained(model, dtype="float32")
    ids: list[int] = []
    cache, given = None, prompt
    for _ in range(count):
        with torch.no_grad():
            output = model(input_ids=torch.tensor([given]), past_key_values=cache, use_cache=True)
        ids.append(int(output.logits[0, -1].argmax()))
        cache, given = output.past_key_values, ids[-1:]
    return ids


def wrapped(model: Any) -> JsonObject:
    """A state dict as a compiled model in a wrapper for several devices has it."""
    return {f"module._orig_mod.{name}": tensor for name, tensor in model.state_dict().items()}


def untied(model: Any) -> JsonObject:
    """A state dict as it is saved: tied weights once."""
    return {name: tensor for name, tensor in model.state_dict().items() if name != "lm_head.weight"}


def halved(model: Any) -> JsonObject:
    """A state dict in half precision."""
    return {name: tensor.to(torch.bfloat16) for name, tensor in model.state_dict().items()}


@pytest.mark.parametrize("form", [lambda model: model, wrapped, untied])
def test_answers_after_it_are_the_new_weights(folder: Path, other: Any, form: Any) -> None:
    async def work(server: TransformersModel) -> tuple[JsonObject, int, JsonObject]:
        before = await greedy(server)
        version = await asyncio.to_thread(server.update_weights, form(other))
        return before, version, await greedy(server)

    server = make(folder, dtype="float32", return_token_id_information=True)
    before, version, after = serve(server, work)

    prompt = before["prompt_token_ids"]
    for answer, model in ((before, folder), (after, other)):
        ids = answer["generation_token_ids"]
        assert ids == said(model, prompt, len(ids))
    assert (before["weight_version"], version, after["weight_version"]) == (0, 1, 1)


def test_types_are_brought_to_those_of_the_model(folder: Path, other: Any) -> None:
    async def work(server: TransformersModel) -> JsonObject:
        await asyncio.to_thread(server.update_weights, halved(other), version=40)
        return await greedy(server)

    answer = serve(make(folder, dtype="float32", return_token_id_information=True), work)
    assert answer["weight_version"] == 40


def test_answers_under_way_are_finished_with_the_old_weights_and_waiting_ones_begin_with_the_new(
    folder: Path, other: Any
) -> None:
    async def work(server: TransformersModel) -> tuple[JsonObject, JsonObject]:
        running = asyncio.create_task(greedy(server, ignore_eos=True, max_tokens=150))
        await until_running(server, 1)
        update = asyncio.create_task(asyncio.to_thread(server.update_weights, other))
        waiting = asyncio.create_task(greedy(server))
        await update
        return await running, await waiting

    server = make(folder, dtype="float32", max_batch_size=1, return_token_id_information=True)
    running, waiting = serve(server, work)

    assert running["generation_token_ids"] == said(folder, running["prompt_token_ids"], 150)
    assert "generation_weight_versions" not in running
    count = len(waiting["generation_token_ids"])
    assert waiting["generation_token_ids"] == said(other, waiting["prompt_token_ids"], count)


def test_an_interrupted_answer_goes_on_with_the_new_weights_and_says_from_where(folder: Path, other: Any) -> None:
    async def work(server: TransformersModel) -> JsonObject:
        running = asyncio.create_task(greedy(server, ignore_eos=True, max_tokens=1500))
        await until_running(server, 1)
        await asyncio.to_thread(server.update_weights, other, interrupt=True)
        return await running

    answer = serve(make(folder, dtype="float32", return_token_id_information=True), work)

    versions, ids = answer["generation_weight_versions"], answer["generation_token_ids"]
    first = versions.index(1)
    assert versions == [0] * first + [1] * (1500 - first) and first > 0
    assert ids[:first] == said(folder, answer["prompt_token_ids"], first)
    assert ids[first : first + 30] == said(other, answer["prompt_token_ids"] + ids[:first], 30)
    assert answer["weight_version"] == 1


def shortened(model: Any) -> JsonObject:
    return {**model.state_dict(), "model.norm.weight": torch.ones(3)}


def without_norm(model: Any) -> JsonObject:
    return {name: tensor for name, tensor in model.state_dict().items() if name != "model.norm.weight"}


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        (shortened, "'model.norm.weight' has the shape"),
        (without_norm, "1 weights of the model are missing, 'model.norm.weight' the first"),
        (lambda model: {**model.state_dict(), "model.norms.weight": torch.ones(64)}, "Meant 'model.norm.weight'"),
        (lambda model: {**model.state_dict(), "model.norm.weight": [1.0]}, "must be a tensor, got list"),
        (lambda model: {}, "must be a module or a state dict"),
        (lambda model: "weights.pt", "got str"),
    ],
)
def test_weights_that_do_not_fit_are_refused_and_nothing_is_changed(
    folder: Path, other: Any, form: Any, problem: str
) -> None:
    async def work(server: TransformersModel) -> tuple[JsonObject, JsonObject]:
        before = await greedy(server)
        with pytest.raises(ValueError, match=problem):
            server.update_weights(form(other))
        return before, await greedy(server)

    server = make(folder, dtype="float32", return_token_id_information=True)
    before, after = serve(server, work)
    assert after == before


def test_some_weights_can_be_replaced_alone(folder: Path) -> None:
    async def work(server: TransformersModel) -> JsonObject:
        await asyncio.to_thread(server.update_weights, {"model.norm.weight": torch.zeros(64)}, strict=False)
        return await greedy(server, max_tokens=1)

    answer = serve(make(folder, return_token_id_information=True), work)
    assert answer["generation_token_ids"] == [0]  # all logits are equal


def test_weights_that_are_no_numbers_fail_the_answer_and_good_ones_mend_it(folder: Path, other: Any) -> None:
    async def work(server: TransformersModel) -> JsonObject:
        broken = {name: torch.full_like(tensor, torch.nan) for name, tensor in other.state_dict().items()}
        await asyncio.to_thread(server.update_weights, broken)
        with pytest.raises(Exception, match="not finite"):
            await chat(server, seed=1)
        await asyncio.to_thread(server.update_weights, other)
        return await greedy(server)

    assert serve(make(folder, return_token_id_information=True), work)["weight_version"] == 2


def test_a_trainer_steps_and_the_policy_follows(folder: Path) -> None:
    trained = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype="float32")
    optimizer = torch.optim.SGD(trained.parameters(), lr=0.5)

    def log_probs(answer: JsonObject) -> Any:
        ids = torch.tensor([answer["prompt_token_ids"] + answer["generation_token_ids"]])
        logits = trained(input_ids=ids).logits[0, len(answer["prompt_token_ids"]) - 1 : -1]
        return torch.log_softmax(logits, -1).gather(1, ids[0, len(answer["prompt_token_ids"]) :].unsqueeze(1))[:, 0]

    async def work(server: TransformersModel) -> list[JsonObject]:
        answers = []
        for step in range(3):
            answer = await greedy(server, temperature=1, seed=step, ignore_eos=True)
            assert answer["generation_log_probs"] == pytest.approx(log_probs(answer).tolist(), abs=1e-3)
            (-log_probs(answer).sum()).backward()
            optimizer.step()
            optimizer.zero_grad()
            await asyncio.to_thread(server.update_weights, trained)
            answers.append(answer)
        return answers

    answers = serve(make(folder, dtype="float32", return_token_id_information=True), work)
    assert [answer["weight_version"] for answer in answers] == [0, 1, 2]
