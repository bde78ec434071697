"""Completions with token ids as endpoints send them, cut down to what matters; written after their sources.

Prompt and answer are the same in all: ids 9, 8, 7 and 5, 6, 2.
"""

from typing import Any

from polygym.protocol.json import JsonObject

PROMPT = [9, 8, 7]
ANSWER = [5, 6, 2]
LOG_PROBS = [-0.25, -1.5, -0.0]
TEXTS = ["it", " is", "<|im_end|>"]
MESSAGE: JsonObject = {"role": "assistant", "content": "it is"}


def content(tokens: list[str]) -> JsonObject:
    """`logprobs` of a chat completion."""
    entries = zip(tokens, LOG_PROBS, strict=True)
    return {"content": [{"token": token, "logprob": p, "bytes": None, "top_logprobs": []} for token, p in entries]}


def spelled() -> list[str]:
    """The answer's tokens as vLLM spells them with `return_tokens_as_token_ids`."""
    return [f"token_id:{number}" for number in ANSWER]


def completion(choice: JsonObject, message: JsonObject | None = None, **fields: Any) -> JsonObject:
    """A ChatCompletion with one choice."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {**MESSAGE, **(message or {})}, **choice}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6},
        **fields,
    }


def text_completion(choice: JsonObject) -> JsonObject:
    """A text completion with one choice."""
    whole = {"index": 0, "finish_reason": "stop", "text": "it is", **choice}
    return {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "m", "choices": [whole]}


VLLM_0_11 = completion(
    {"logprobs": content(spelled()), "stop_reason": None, "token_ids": ANSWER},
    {"refusal": None, "tool_calls": [], "reasoning_content": None},
    prompt_token_ids=PROMPT,
    prompt_logprobs=None,
    kv_transfer_params=None,
)
"""vLLM 0.11, `return_token_ids` and `return_tokens_as_token_ids` (entrypoints/openai/protocol.py)."""
VLLM_0_25 = completion(
    {"logprobs": content(TEXTS), "stop_reason": None, "token_ids": ANSWER, "routed_experts": "k05VTVBZ"},
    {"refusal": None, "reasoning": None},
    prompt_token_ids=PROMPT,
)
"""vLLM 0.25, `return_token_ids` alone, with `enable_return_routed_experts` (openai/chat_completion/protocol.py)."""
VLLM_0_8 = completion({"logprobs": content(spelled()), "stop_reason": None}, {"reasoning_content": None})
"""vLLM 0.8: the ids of the answer only, spelled (`return_tokens_as_token_ids`)."""
SGLANG_IDS = completion(
    {"logprobs": content(TEXTS), "matched_stop": 2, "prompt_token_ids": PROMPT, "token_ids": ANSWER},
    {"reasoning_content": None, "tool_calls": None},
)
"""SGLang from July 2026, `return_token_ids` (sgl-project/sglang#30917)."""
SGLANG_META = completion(
    {
        "logprobs": content(TEXTS),
        "matched_stop": 2,
        "prompt_token_ids": PROMPT,
        "meta_info": {
            "id": "abc",
            "prompt_tokens": 3,
            "output_token_logprobs": [
                [p, number, text] for p, number, text in zip(LOG_PROBS, ANSWER, TEXTS, strict=True)
            ],
        },
    },
    {"reasoning_content": None, "tool_calls": None},
)
"""SGLang before it, `return_meta_info` and `return_prompt_token_ids` (srt/entrypoints/openai/protocol.py)."""
NEMO_RL = completion(
    {"logprobs": None},
    {"prompt_token_ids": PROMPT, "generation_token_ids": ANSWER, "generation_log_probs": LOG_PROBS},
)
"""NeMo RL of August 2026, its TensorRT-LLM server: the fields on the message."""
VLLM_TEXT = text_completion(
    {
        "logprobs": {"tokens": spelled(), "token_logprobs": LOG_PROBS, "top_logprobs": [], "text_offset": [0, 2, 5]},
        "stop_reason": None,
        "token_ids": ANSWER,
        "prompt_token_ids": PROMPT,
    }
)
"""vLLM 0.11, `/v1/completions`."""
VLLM_TEXT_0_8 = text_completion({"logprobs": {"tokens": spelled(), "token_logprobs": LOG_PROBS}, "stop_reason": None})
"""vLLM 0.8, `/v1/completions`."""
SGLANG_TEXT = text_completion(
    {
        "logprobs": {"tokens": TEXTS, "token_logprobs": LOG_PROBS, "top_logprobs": None, "text_offset": [-1, -1, -1]},
        "matched_stop": 2,
        "prompt_token_ids": PROMPT,
        "token_ids": ANSWER,
    }
)
"""SGLang from July 2026, `/v1/completions`."""

IN_CHAT = {
    "vllm_0_11": VLLM_0_11,
    "vllm_0_25": VLLM_0_25,
    "vllm_0_8": VLLM_0_8,
    "sglang_ids": SGLANG_IDS,
    "sglang_meta": SGLANG_META,
    "nemo_rl": NEMO_RL,
}
IN_TEXT = {"vllm": VLLM_TEXT, "vllm_0_8": VLLM_TEXT_0_8, "sglang": SGLANG_TEXT}
WITHOUT_PROMPT = ("vllm_0_8",)
"""Those of both that do not say what the prompt's ids were."""
