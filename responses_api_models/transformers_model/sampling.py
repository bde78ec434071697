"""From logits to tokens: each row by its own parameters and its own random series.

A token is found where the row's random number falls among the cumulated probabilities. That takes one number a token,
so an answer with a seed depends on its seed and its logits alone, not on what else is in the batch.
"""

import math
from collections.abc import Sequence as Rows
from typing import Any, Literal, TypeAlias

import torch

from responses_api_models.transformers_model.sampling_params import SamplingParams
from responses_api_models.transformers_model.sequences import Drawn, Sequence

LogprobsMode: TypeAlias = Literal["processed_logprobs", "raw_logprobs"]


def draw(logits: torch.Tensor, rows: Rows[Sequence], mode: LogprobsMode) -> list[Drawn]:
    """The next token of each row; `logits` is rows by vocabulary.

    `processed_logprobs` are of the distribution drawn from: after penalties and biases, temperature, top-k, top-p and
    min-p, renormalized. At temperature 0, which draws nothing, they are of temperature 1 without truncation, as vLLM
    has it. `raw_logprobs` are of the model's logits as they are.
    """
    logits = logits.float()
    adjusted = _adjusted(logits, rows)
    params = [row.params for row in rows]
    numbers = torch.tensor(
        [
            [one.temperature or 1.0 for one in params],
            [0.0 if one.temperature == 0 else row.draw() for one, row in zip(params, rows, strict=True)],
        ],
        dtype=torch.float64,
    ).to(device=logits.device, dtype=_wide(logits))
    scaled = adjusted / numbers[0].to(torch.float32).unsqueeze(1)
    log_probs = torch.log_softmax(_truncated(scaled, params), dim=-1)
    tokens = _pick(log_probs, numbers[1])
    greedy = [index for index, one in enumerate(params) if one.temperature == 0]
    if greedy:
        tokens[greedy] = adjusted[greedy].argmax(dim=-1)
    reported = log_probs if mode == "processed_logprobs" else torch.log_softmax(logits, dim=-1)
    chosen = reported.gather(1, tokens.unsqueeze(1)).squeeze(1)
    return [
        Drawn(token, log_prob, top)
        for token, log_prob, top in zip(tokens.tolist(), chosen.tolist(), _likeliest(reported, params), strict=True)
    ]


def _wide(logits: torch.Tensor) -> Any:
    """The type for sums over the vocabulary; Apple's GPUs have no float64."""
    return torch.float32 if logits.device.type == "mps" else torch.float64


def _pick(log_probs: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
    """For each row the first token whose cumulated probability is beyond the row's number."""
    sums = log_probs.to(numbers.dtype).exp().cumsum(dim=-1)
    wanted = (numbers * sums[:, -1]).unsqueeze(1)
    tokens = torch.searchsorted(sums, wanted, right=True).squeeze(1).clamp(max=log_probs.shape[1] - 1)
    is_possible = log_probs.gather(1, tokens.unsqueeze(1)).squeeze(1) > -math.inf
    return torch.where(is_possible, tokens, log_probs.argmax(dim=-1))  # rounding may lead past the last possible one


def _adjusted(logits: torch.Tensor, rows: Rows[Sequence]) -> torch.Tensor:
    """The logits with the penalties and biases of those rows that have some."""
    if not any(row.params.changes_logits for row in rows):
        return logits
    logits = logits.clone()
    for index, row in enumerate(rows):
        if row.params.changes_logits:
            _adjust(logits[index], row)
    return logits


def _adjust(logits: torch.Tensor, row: Sequence) -> None:
    """Change one row's logits in place. `repetition_penalty` is for the prompt, too, the others for the answer."""
    params = row.params
    if params.repetition_penalty != 1:
        seen = torch.tensor(row.prompt_ids + row.generated, device=logits.device).unique()
        values = logits[seen]
        logits[seen] = torch.where(values > 0, values / params.repetition_penalty, values * params.repetition_penalty)
    if row.generated and (params.presence_penalty or params.frequency_penalty):
        written, counts = torch.tensor(row.generated, device=logits.device).unique(return_counts=True)
        logits[written] -= params.presence_penalty + params.frequency_penalty * counts
    for token, bias in params.logit_bias.items():
        logits[token] += bias


def _truncated(logits: torch.Tensor, params: Rows[SamplingParams]) -> torch.Tensor:
    """The logits with -inf for what top-k, top-p and min-p leave out; the same tensor when they leave out nothing."""
    size = logits.shape[1]
    sampled = [one.temperature > 0 for one in params]
    top_k = [min(one.top_k, size) if on and one.top_k > 0 else size for one, on in zip(params, sampled, strict=True)]
    top_p = [one.top_p if on else 1.0 for one, on in zip(params, sampled, strict=True)]
    min_p = [one.min_p if on else 0.0 for one, on in zip(params, sampled, strict=True)]
    if any(min_p):
        floor = torch.tensor(min_p, device=logits.device).log().unsqueeze(1)
        logits = logits.masked_fill(logits < logits.amax(dim=-1, keepdim=True) + floor, -math.inf)
    if min(top_p) == 1 and min(top_k) == size:
        return logits
    ranked, order = logits.sort(dim=-1, descending=True)
    ranks = torch.arange(size, device=logits.device)
    is_out = ranks >= torch.tensor(top_k, device=logits.device).unsqueeze(1)
    ranked = ranked.masked_fill(is_out, -math.inf)
    if min(top_p) < 1:
        chances = ranked.softmax(dim=-1)
        before = chances.cumsum(dim=-1) - chances
        limits = torch.tensor([p if p < 1 else math.inf for p in top_p], device=logits.device)
        ranked = ranked.masked_fill((before >= limits.unsqueeze(1)) & (ranks > 0), -math.inf)
    return torch.empty_like(logits).scatter_(1, order, ranked)


def _likeliest(log_probs: torch.Tensor, params: Rows[SamplingParams]) -> list[list[tuple[int, float]]]:
    """For each row as many tokens as it asks for; those that cannot come are not named."""
    wanted = [one.top_logprobs if one.logprobs else 0 for one in params]
    most = min(max(wanted), log_probs.shape[1])
    if most == 0:
        return [[] for _ in params]
    values, tokens = log_probs.topk(most, dim=-1)
    return [
        [(token, value) for token, value in zip(ids[:count], numbers[:count], strict=True) if value > -math.inf]
        for ids, numbers, count in zip(tokens.tolist(), values.tolist(), wanted, strict=True)
    ]
