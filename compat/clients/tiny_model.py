"""A language model of random weights whose tokens are bytes, and its place behind the stand-in endpoint.

What the endpoint answers is sampled from the weights as they are at that moment, so that rollouts are on-policy. Needs
torch and transformers.
"""

import threading
from collections.abc import Mapping
from typing import Any

import torch
from endpoint import END, Generation, Script, said
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

ANSWER_TOKENS = 12
PRINTABLE = range(97, 123)
"""What is sampled: small letters, so that text and tokens are the same thing."""


def tiny_model() -> Qwen2ForCausalLM:
    """The model; 64 wide, two layers."""
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=256, hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=4096, bos_token_id=None, eos_token_id=END, pad_token_id=0,
    )  # fmt: skip
    return Qwen2ForCausalLM(config)


def byte_tokenizer() -> PreTrainedTokenizerFast:
    """The tokenizer; a byte's token is the byte."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    characters = {byte: chr(byte) for byte in shown}
    characters |= {byte: chr(256 + rank) for rank, byte in enumerate(each for each in range(256) if each not in shown)}
    tokenizer = Tokenizer(models.BPE(vocab={characters[byte]: byte for byte in range(256)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=characters[END], pad_token=characters[0], padding_side="left"
    )


class LiveModel:
    """Calls the offered tool first, then answers with what the weights say; log-probabilities are the weights'."""

    def __init__(self, model: Qwen2ForCausalLM) -> None:
        self._model = model
        self._script = Script()
        self._lock = threading.Lock()

    def generate(self, prompt: list[int], body: Mapping[str, Any]) -> Generation:
        """The next turn."""
        with self._lock, torch.no_grad():
            if not any(message["role"] == "tool" for message in body["messages"]):
                message = self._script.generate(prompt, body).message
                return Generation(message, *self._scored(prompt, said(message)))
            generated: list[int] = []
            for _ in range(ANSWER_TOKENS):
                logits = self._model(torch.tensor([prompt + generated])).logits[0, -1, PRINTABLE.start : PRINTABLE.stop]
                generated.append(PRINTABLE.start + int(torch.multinomial(logits.softmax(-1), 1)))
            message = {"role": "assistant", "content": bytes(generated).decode()}
            return Generation(message, *self._scored(prompt, [*generated, END]))

    def _scored(self, prompt: list[int], generated: list[int]) -> tuple[list[int], list[float]]:
        logits = self._model(torch.tensor([prompt + generated])).logits[0, len(prompt) - 1 : -1].log_softmax(-1)
        return generated, logits.gather(1, torch.tensor(generated)[:, None])[:, 0].tolist()
