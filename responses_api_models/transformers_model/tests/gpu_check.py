"""Checks answers on a GPU against forward passes, and measures how many tokens a second come out.

    python -m responses_api_models.transformers_model.tests.gpu_check

needs a GPU, torch, transformers and polygym's core packages; nothing is downloaded. Models have random weights. It ends
with 1 when log-probabilities are further from those of a pass over the whole sequence than rounding explains.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final, NamedTuple

import torch
import transformers

from polygym import JsonObject
from responses_api_models.transformers_model.app import TransformersModel
from responses_api_models.transformers_model.tests.tiny_models import chat, make, message, save_model, serve

SIZES: Final[dict[str, JsonObject]] = {
    "tiny": {"initializer_range": 0.2},
    "0.5b": {
        "hidden_size": 896,
        "intermediate_size": 4864,
        "num_hidden_layers": 24,
        "num_attention_heads": 14,
        "vocab_size": 151_936,
        "initializer_range": 0.02,
    },
    "7b": {
        "hidden_size": 3584,
        "intermediate_size": 18_944,
        "num_hidden_layers": 28,
        "num_attention_heads": 28,
        "num_key_value_heads": 4,
        "vocab_size": 152_064,
        "initializer_range": 0.02,
    },
}
"""Shapes of Qwen2 models."""
MOST_APART: Final = {"float32": 1e-3, "bfloat16": 0.5}
"""Natural logarithms by which a token's probability may differ."""


class Run(NamedTuple):
    """What one load of requests gave."""

    answers: list[JsonObject]
    seconds: float

    @property
    def tokens(self) -> int:
        """Generated."""
        return sum(len(answer["generation_token_ids"]) for answer in self.answers)


async def load(server: TransformersModel, requests: int, tokens: int) -> Run:
    """That many requests at once, with prompts and answers of different lengths, after one that warms up."""
    await chat(server, max_tokens=4)
    started = time.perf_counter()
    calls = (
        chat(
            server,
            messages=[{"role": "user", "content": "Oslo or Lima? " * (1 + index % 9)}],
            seed=index,
            max_tokens=max(1, tokens * (4 + index % 5) // 8),
            ignore_eos=True,
        )
        for index in range(requests)
    )
    completions = await asyncio.gather(*calls)
    return Run([message(completion) for completion in completions], time.perf_counter() - started)


def differences(folder: Path, dtype: str, device: str, answers: list[JsonObject]) -> Any:
    """For each token by how much its log-probability differs from that of a pass over its whole sequence alone."""
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).to(device).eval()
    found = []
    for answer in answers:
        prompt, generated = answer["prompt_token_ids"], answer["generation_token_ids"]
        with torch.inference_mode():
            ids = torch.tensor([prompt + generated], device=device)
            log_probs = torch.log_softmax(model(input_ids=ids).logits[0, len(prompt) - 1 : -1].float(), -1)
        expected = log_probs.gather(1, torch.tensor(generated, device=device).unsqueeze(1)).squeeze(1).cpu()
        found.append((torch.tensor(answer["generation_log_probs"]) - expected).abs())
    return torch.cat(found)


def check(folder: Path, dtype: str, options: argparse.Namespace) -> bool:
    """Run the requests with weights of that type, say what came out; whether it is right."""
    server = make(
        folder,
        device=options.device,
        dtype=dtype,
        max_batch_size=options.batch,
        max_batch_tokens=options.batch_tokens,
        return_token_id_information=True,
    )
    run = serve(server, lambda server: load(server, options.requests, options.tokens))
    apart = differences(folder, dtype, options.device, run.answers)
    is_right = bool(apart.max() <= MOST_APART[dtype])
    print(  # noqa: T201
        f"{dtype:8} {options.size}: {options.requests} requests, {run.tokens} tokens in {run.seconds:.2f} s ="
        f" {run.tokens / run.seconds:.0f} tokens/s; log-probabilities differ by {apart.mean():.1e} on average,"
        f" {apart.max():.1e} at most: {'right' if is_right else f'WRONG, {MOST_APART[dtype]} is allowed'}",
        flush=True,
    )
    return is_right


def main() -> int:
    """Check each type; 0 when all are right."""
    parser = argparse.ArgumentParser(description="Check transformers_model on a GPU.")
    parser.add_argument("--size", choices=SIZES, default="tiny")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--dtype", choices=MOST_APART, action="append")
    parser.add_argument("--requests", type=int, default=64)
    parser.add_argument("--tokens", type=int, default=128, help="about so many in each answer")
    parser.add_argument("--batch", type=int, default=64, help="max_batch_size")
    parser.add_argument("--batch-tokens", type=int, default=None, help="max_batch_tokens")
    options = parser.parse_args()
    if options.device.startswith("cuda"):
        print(f"{torch.cuda.get_device_name(options.device)}, torch {torch.__version__}")  # noqa: T201
    with tempfile.TemporaryDirectory() as temporary:
        torch.set_default_dtype(torch.float32 if options.size == "tiny" else torch.bfloat16)
        folder = save_model(Path(temporary), max_position_embeddings=32_768, **SIZES[options.size])
        torch.set_default_dtype(torch.float32)
        checked = [check(folder, dtype, options) for dtype in options.dtype or MOST_APART]
        return 0 if all(checked) else 1


if __name__ == "__main__":
    sys.exit(main())
