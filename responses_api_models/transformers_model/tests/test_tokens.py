"""Token ids and log-probabilities of answers, against a forward pass over the whole sequence in float32."""

import asyncio
import math
from pathlib import Path
from typing import Any

import pytest

from polygym import JsonObject
from responses_api_models.transformers_model.app import TransformersModel
from responses_api_models.transformers_model.tests.tiny_models import (
    ask,
    chat,
    make,
    save_model,
    serve,
    torch,
    transformers,
)

pytestmark = pytest.mark.transformers

KINDS: dict[str, dict[str, Any]] = {
    "qwen2": {},
    "llama": {"tie_word_embeddings": True},
    "mistral": {"sliding_window": 16},
    "gemma2": {"sliding_window": 16, "head_dim": 16},
    "gpt2": {"n_positions": 512, "n_embd": 64, "n_layer": 2, "n_head": 4},
}
"""Full attention, sliding windows in all and in every other layer, positions that are learned."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small Qwen2."""
    return save_model(tmp_path_factory.mktemp("qwen2"))


def tokens_of(response: JsonObject) -> tuple[list[int], list[int], list[float]]:
    """The token fields, which only the last item has."""
    *others, last = response["output"]
    assert not any("generation_token_ids" in item for item in others)
    return last["prompt_token_ids"], last["generation_token_ids"], last["generation_log_probs"]


def logits_for(folder: Path, response: JsonObject) -> Any:
    """The logits that a pass over prompt and answer alone gives for each token of the answer."""
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype="float32").eval()
    prompt, generated, _ = tokens_of(response)
    with torch.no_grad():
        return model(input_ids=torch.tensor([prompt + generated])).logits[0, len(prompt) - 1 : -1].float()


def log_probs_under(logits: Any, response: JsonObject) -> list[float]:
    """How likely the answer's tokens are under these logits."""
    generated = torch.tensor(tokens_of(response)[1])
    chosen: list[float] = torch.log_softmax(logits, -1).gather(1, generated.unsqueeze(1)).squeeze(1).tolist()
    return chosen


@pytest.mark.parametrize("kind", KINDS)
def test_log_probs_are_those_of_a_pass_over_the_whole_sequence_while_others_come_and_go(
    kind: str, tmp_path: Path
) -> None:
    folder = save_model(tmp_path, kind, **KINDS[kind])
    server = make(folder, dtype="float32", max_batch_size=4, return_token_id_information=True)

    async def work(server: TransformersModel) -> list[JsonObject]:
        calls = (
            ask(
                server,
                input="Oslo and Lima. " * (index % 5 + 1),
                max_output_tokens=5 + 7 * (index % 4),
                ignore_eos=True,
                seed=index,
            )
            for index in range(14)
        )
        return await asyncio.gather(*calls)

    responses = serve(server, work)

    assert len({tuple(tokens_of(response)[1]) for response in responses}) == len(responses)
    for response in responses:
        expected = log_probs_under(logits_for(folder, response), response)
        assert tokens_of(response)[2] == pytest.approx(expected, abs=1e-4)


def test_the_prompt_s_ids_are_those_of_the_chat_template(folder: Path) -> None:
    response = serve(
        make(folder, return_token_id_information=True), lambda server: ask(server, ignore_eos=True, max_output_tokens=3)
    )

    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    text = tokenizer.decode(tokens_of(response)[0])
    assert text == "<|im_start|>user\nWhat is the weather?<|im_end|>\n<|im_start|>assistant\n"
    assert response["usage"]["input_tokens"] == len(tokens_of(response)[0])
    assert response["usage"]["output_tokens"] == len(tokens_of(response)[1]) == 3


WARPED: dict[str, Any] = {"temperature": 0.6, "top_k": 40, "top_p": 0.8, "min_p": 0.01}


def warped(logits: Any, prompt: list[int], generated: list[int]) -> Any:
    """Logits as transformers' own processors make them of `WARPED`."""
    warpers = [
        transformers.TemperatureLogitsWarper(WARPED["temperature"]),
        transformers.MinPLogitsWarper(WARPED["min_p"]),
        transformers.TopKLogitsWarper(WARPED["top_k"]),
        transformers.TopPLogitsWarper(WARPED["top_p"]),
    ]
    rows = []
    for index, row in enumerate(logits):
        ids, scores = torch.tensor([prompt + generated[:index]]), row.unsqueeze(0)
        for warper in warpers:
            scores = warper(ids, scores)
        rows.append(scores[0])
    return torch.stack(rows)


def test_log_probs_are_of_the_distribution_that_was_sampled_from(folder: Path) -> None:
    server = make(folder, dtype="float32", return_token_id_information=True)

    response = serve(server, lambda server: ask(server, seed=3, max_output_tokens=40, **WARPED))

    prompt, generated, given = tokens_of(response)
    logits = logits_for(folder, response)
    assert given == pytest.approx(log_probs_under(warped(logits, prompt, generated), response), abs=1e-4)
    assert given != pytest.approx(log_probs_under(logits, response), abs=1e-2)


def test_raw_log_probs_are_of_the_model_s_own_distribution(folder: Path) -> None:
    server = make(folder, dtype="float32", return_token_id_information=True, logprobs_mode="raw_logprobs")
    bias = {"frequency_penalty": 0.5, "logit_bias": {"20": 2.0}}

    response = serve(server, lambda server: ask(server, seed=3, max_output_tokens=40, **WARPED, **bias))

    expected = log_probs_under(logits_for(folder, response), response)
    assert tokens_of(response)[2] == pytest.approx(expected, abs=1e-4)


def test_penalties_and_biases_are_part_of_the_distribution(folder: Path) -> None:
    server = make(folder, dtype="float32", return_token_id_information=True)
    fields: JsonObject = {
        "presence_penalty": 0.7,
        "frequency_penalty": 0.4,
        "repetition_penalty": 1.3,
        "logit_bias": {"20": 2.5},
    }

    response = serve(server, lambda server: ask(server, seed=3, max_output_tokens=60, **fields))

    prompt, generated, given = tokens_of(response)
    logits = logits_for(folder, response)
    repetition = transformers.RepetitionPenaltyLogitsProcessor(1.3)
    for index in range(len(generated)):
        row = repetition(torch.tensor([prompt + generated[:index]]), logits[index].unsqueeze(0))[0]
        for token in set(generated[:index]):
            row[token] -= 0.7 + 0.4 * generated[:index].count(token)
        row[20] += 2.5
        logits[index] = row
    assert given == pytest.approx(log_probs_under(logits, response), abs=1e-4)


def test_temperature_zero_takes_the_likeliest_token_and_says_how_likely_it_was(folder: Path) -> None:
    server = make(folder, dtype="float32", return_token_id_information=True)

    response = serve(server, lambda server: ask(server, temperature=0, top_p=0.1, max_output_tokens=20))

    logits = logits_for(folder, response)
    assert tokens_of(response)[1] == logits.argmax(-1).tolist()
    assert tokens_of(response)[2] == pytest.approx(log_probs_under(logits, response), abs=1e-4)


def test_tokens_come_as_often_as_they_are_likely(folder: Path) -> None:
    server = make(folder, dtype="float32", max_batch_size=256)
    params: JsonObject = {"logprobs": True, "top_logprobs": 8, "max_tokens": 1, "temperature": 0.8, "top_k": 8}

    async def work(server: TransformersModel) -> list[JsonObject]:
        return await asyncio.gather(*(chat(server, seed=seed, **params) for seed in range(1500)))

    completions = serve(server, work)

    entries = [completion["choices"][0]["logprobs"]["content"][0] for completion in completions]
    chances = [math.exp(entry["logprob"]) for entry in entries[0]["top_logprobs"]]
    assert len(chances) == 8 and sum(chances) == pytest.approx(1)
    for chance in chances:
        found = sum(math.isclose(math.exp(entry["logprob"]), chance, rel_tol=1e-4) for entry in entries)
        assert abs(found - 1500 * chance) < 4 * math.sqrt(1500 * chance) + 1


def test_a_seed_repeats_an_answer_whatever_else_is_in_the_batch(folder: Path) -> None:
    async def work(server: TransformersModel) -> tuple[JsonObject, JsonObject, list[JsonObject]]:
        alone = await ask(server, seed=11, max_output_tokens=25)
        amid, *others = await asyncio.gather(
            ask(server, seed=11, max_output_tokens=25),
            *(ask(server, input="Lima? " * n, max_output_tokens=10 + n) for n in range(1, 8)),
            ask(server, seed=None, max_output_tokens=25),
            ask(server, seed=None, max_output_tokens=25),
        )
        return alone, amid, others

    alone, amid, others = serve(make(folder, dtype="float32", return_token_id_information=True), work)

    assert tokens_of(amid)[1] == tokens_of(alone)[1]
    assert tokens_of(others[-1])[1] != tokens_of(others[-2])[1]


def test_log_probabilities_come_in_openai_s_form_too(folder: Path) -> None:
    include = ["message.output_text.logprobs"]
    server = make(folder, return_token_id_information=True, uses_reasoning_parser=False)

    response = serve(server, lambda server: ask(server, include=include, top_logprobs=3, max_output_tokens=5))

    entries = response["output"][0]["content"][0]["logprobs"]
    assert [entry["logprob"] for entry in entries] == tokens_of(response)[2]
    assert all(len(entry["top_logprobs"]) == 3 for entry in entries)
    for entry in entries:
        is_part = "\ufffd" in entry["token"]
        assert entry["bytes"] is None if is_part else bytes(entry["bytes"]).decode() == entry["token"]
