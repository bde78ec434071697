"""Small models with weights drawn at random, and a tokenizer trained on the spot: nothing is downloaded."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: pip install 'polygym[transformers]'")
transformers = pytest.importorskip("transformers", reason="transformers is not installed")

from tokenizers import AddedToken, ByteLevelBPETokenizer  # noqa: E402

from polygym import JsonObject, RolloutContext  # noqa: E402
from responses_api_models.transformers_model.app import TransformersModel  # noqa: E402

ResultT = TypeVar("ResultT")

CORPUS = [
    "The weather in Oslo is cold and in Lima it is warm, so take a coat to Oslo and a hat to Lima.",
    'A call is written {"name": "get_weather", "arguments": {"city": "Oslo"}} and nothing comes after it.',
    "You are a helpful assistant. You may call the functions below. What is the weather? Let me look it up.",
]
TEMPLATE = """
{%- if tools %}{{ '<|im_start|>system\n' }}{% for tool in tools %}{{ tool | tojson }}{% endfor %}{{ '<|im_end|>\n' }}
{%- endif %}
{%- for message in messages %}{{ '<|im_start|>' + message.role + '\n' }}
{%- if message.role == 'assistant' and message.reasoning_content and loop.last %}
{{- '<think>' + message.reasoning_content + '</think>' }}{% endif %}
{{- message.content }}
{%- for call in message.tool_calls or [] %}
{{- '\n<tool_call>\n' + (call.function | tojson) + '\n</tool_call>' }}{% endfor %}
{{- '<|im_end|>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% if thinks %}{{ '<think>\n' }}{% endif %}{% endif %}
"""
"""ChatML with the reasoning of earlier turns left out, as several families have it."""
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
PLAIN = ["<think>", "</think>", "<tool_call>", "</tool_call>"]


def save_tokenizer(folder: Path, template: str | None = TEMPLATE, special: Sequence[str] = ()) -> Any:
    """A tokenizer of some 350 tokens, saved in `folder`; `special` are more of its special tokens."""
    folder.mkdir(exist_ok=True)
    raw = ByteLevelBPETokenizer()
    raw.train_from_iterator(CORPUS, vocab_size=350, special_tokens=[*SPECIAL, *special])
    raw.add_tokens([AddedToken(text, special=False, normalized=False) for text in PLAIN])
    raw.save(str(folder / "trained.json"))
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "trained.json"),
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        extra_special_tokens=[*SPECIAL, *special],
    )
    if template is not None:
        tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)
    return tokenizer


def save_model(
    folder: Path, kind: str = "qwen2", *, seed: int = 0, template: str | None = TEMPLATE, **fields: Any
) -> Path:
    """A model of two layers, 64 wide, with its tokenizer, saved in `folder`."""
    tokenizer = save_tokenizer(folder, template)
    torch.manual_seed(seed)
    model = new_model(kind, len(tokenizer), **fields)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.save_pretrained(folder)
    return folder


def new_model(kind: str, vocabulary: int, **fields: Any) -> Any:
    """A model of that kind with random weights; wide enough apart that its choices differ from place to place."""
    common = {
        "vocab_size": vocabulary,
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "initializer_range": 0.4,
        "tie_word_embeddings": False,
        "eos_token_id": None,
        "pad_token_id": None,
        "bos_token_id": None,
    }
    config = transformers.AutoConfig.for_model(kind, **{**common, **fields})
    return transformers.AutoModelForCausalLM.from_config(config)


class ScriptedModels:
    """A GPT-2 that says what it is told: its layers add nothing, so that only the position decides what comes next."""

    WIDTH = 1024

    def __init__(self, folder: Path, template: str | None = TEMPLATE, special: Sequence[str] = ()) -> None:
        self.folder = folder
        self.tokenizer = save_tokenizer(folder, template, special)
        config = transformers.GPT2Config(
            vocab_size=len(self.tokenizer),
            n_positions=self.WIDTH,
            n_embd=self.WIDTH,
            n_layer=1,
            n_head=2,
            tie_word_embeddings=False,
            bos_token_id=None,
            eos_token_id=self.tokenizer.eos_token_id,
        )
        model = transformers.GPT2LMHeadModel(config)
        with torch.no_grad():
            for name, weights in model.named_parameters():
                if "ln_f.weight" not in name:
                    weights.zero_()
            model.transformer.wpe.weight.copy_(torch.eye(self.WIDTH))
        model.save_pretrained(folder)

    def saying(self, texts: dict[int, str]) -> dict[str, Any]:
        """Weights with which the model says `texts` from the positions on that they stand at, and then ends."""
        head = torch.zeros(len(self.tokenizer), self.WIDTH)
        for start, text in texts.items():
            ids = [*self.tokenizer.encode(text, add_special_tokens=False), self.tokenizer.eos_token_id]
            for offset, token in enumerate(ids):
                head[token, start - 1 + offset] = 100.0
        return {"lm_head.weight": head}


def make(folder: Path, **fields: Any) -> TransformersModel:
    """A server of the model in `folder`, not started."""
    fields = {"model": str(folder), "device": "cpu", **fields}
    return TransformersModel("policy_model", TransformersModel.parse_config(fields, "test"), None)  # type: ignore[arg-type]


def serve(server: TransformersModel, work: Callable[[TransformersModel], Awaitable[ResultT]]) -> ResultT:
    """What `work` gives with the server up."""

    async def run() -> ResultT:
        await server.start()
        try:
            return await work(server)
        finally:
            await server.stop()

    return asyncio.run(run())


async def ask(server: TransformersModel, **params: Any) -> JsonObject:
    """The Response to these create params; the same each time, unless `seed` is None."""
    return await server.responses({"input": "What is the weather?", "seed": 0, **params}, RolloutContext("0-0"))


async def chat(server: TransformersModel, **params: Any) -> JsonObject:
    """The ChatCompletion to these create params; the same each time, unless `seed` is None."""
    messages = [{"role": "user", "content": "What is the weather?"}]
    return await server.chat_completions({"messages": messages, "seed": 0, **params}, RolloutContext("0-0"))


def message(completion: JsonObject) -> JsonObject:
    """The message of the only choice."""
    [choice] = completion["choices"]
    found: JsonObject = choice["message"]
    return found


async def until_running(server: TransformersModel, count: int) -> None:
    """Wait until so many answers are in the batch."""
    await until(lambda: server.load.running == count)


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for something that another thread brings about."""
    while not is_so():  # noqa: ASYNC110
        await asyncio.sleep(0.001)
