"""A generation as a ChatCompletion: text, reasoning and tool calls told apart, and what is known of the tokens."""

import time
from typing import Any, Final, NamedTuple

from polygym import JsonObject, new_id
from polygym.protocol.chat.thinking import CLOSING, OPENING, split_thinking
from polygym.protocol.chat.tokens import GENERATION_IDS, LOG_PROBS, PROMPT_IDS, TOKEN_FIELDS
from polygym.protocol.chat.tool_formats import Call, ToolFormat, tools_of
from responses_api_models.transformers_model.prompts import Prompts
from responses_api_models.transformers_model.sequences import Generation

WEIGHT_VERSION: Final = "weight_version"
"""The version of the weights that an answer, or its last token, comes from. SGLang's name for it."""
WEIGHT_VERSIONS: Final = "generation_weight_versions"
"""The version for each token, where it changed on the way."""
OF_TOKENS: Final = frozenset({*TOKEN_FIELDS, WEIGHT_VERSION, WEIGHT_VERSIONS})
"""Fields of a message that say how it was made."""


class Answer(NamedTuple):
    """What was made of a generation."""

    completion: JsonObject
    is_whole: bool
    """Whether it holds all that the model said: calls beyond the one that was asked for are left out."""


class Answers:
    """Reads generations with the tokenizer of `prompts`."""

    def __init__(self, model: str, prompts: Prompts, tool_format: ToolFormat, *, splits_reasoning: bool) -> None:
        self._model = model
        self._prompts = prompts
        self._format = tool_format
        self._splits_reasoning = splits_reasoning

    def completion(self, generation: Generation, body: JsonObject, *, opens_thinking: bool) -> Answer:
        """The ChatCompletion to the chat request `body`; its message has no token fields."""
        text = self._text(generation)
        reasoning: str | None = None
        if self._splits_reasoning:
            reasoning, text = split_thinking(OPENING + text if opens_thinking else text, is_answer=True)
        tools = tools_of(body)
        said, calls = self._format.parse(text, tools) if tools else (text, [])
        is_whole = len(calls) < 2 or body.get("parallel_tool_calls") is not False
        message = self._message(said, reasoning, calls if is_whole else calls[:1])
        reason = "tool_calls" if message.get("tool_calls") and generation.finish_reason == "stop" else None
        completion = {
            "id": new_id("chatcmpl"),
            "object": "chat.completion",
            "created": int(time.time()),
            "model": self._model,
            "choices": [
                {
                    "index": 0,
                    "message": message,
                    "logprobs": self._logprobs(generation) if body.get("logprobs") else None,
                    "finish_reason": reason or generation.finish_reason,
                    "stop_reason": generation.stopped_by,
                }
            ],
            "usage": self._usage(generation, reasoning),
            WEIGHT_VERSION: generation.versions[-1],
        }
        return Answer(completion, is_whole)

    def _text(self, generation: Generation) -> str:
        """What the model said before it ended or was stopped."""
        if isinstance(generation.stopped_by, int):
            return self._prompts.text(generation.ids[:-1])
        text = self._prompts.text(generation.ids)
        return text if generation.stopped_by is None else text.partition(generation.stopped_by)[0]

    def _message(self, text: str, reasoning: str | None, calls: list[Call]) -> JsonObject:
        message: JsonObject = {"role": "assistant", "content": text if text or not calls else None}
        if reasoning:
            message["reasoning_content"] = reasoning
        if calls:
            message["tool_calls"] = self._format.as_chat(calls)
        return message

    def _logprobs(self, generation: Generation) -> JsonObject:
        tokens = zip(generation.ids, generation.log_probs, generation.top, strict=True)
        return {
            "content": [
                {**self._likelihood(token, log_prob), "top_logprobs": [self._likelihood(*other) for other in top]}
                for token, log_prob, top in tokens
            ],
            "refusal": None,
        }

    def _likelihood(self, token: int, log_prob: float) -> JsonObject:
        text = self._prompts.exact_text([token])
        is_whole = "\ufffd" not in text  # of a part of a character the tokenizer does not give the bytes
        return {"token": text, "logprob": log_prob, "bytes": list(text.encode()) if is_whole else None}

    def _usage(self, generation: Generation, reasoning: str | None) -> JsonObject:
        asked, answered = len(generation.prompt_ids), len(generation.ids)
        usage: dict[str, Any] = {
            "prompt_tokens": asked,
            "completion_tokens": answered,
            "total_tokens": asked + answered,
        }
        if reasoning is not None:
            thought = self._prompts.count_until(generation.ids, CLOSING)
            usage["completion_tokens_details"] = {"reasoning_tokens": thought}
        return usage


def with_token_fields(message: JsonObject, generation: Generation) -> JsonObject:
    """The message with the ids of prompt and answer, how likely each was, and the weights' version."""
    fields: JsonObject = {
        PROMPT_IDS: generation.prompt_ids,
        GENERATION_IDS: generation.ids,
        LOG_PROBS: generation.log_probs,
        WEIGHT_VERSION: generation.versions[-1],
    }
    if generation.versions[0] != generation.versions[-1]:
        fields[WEIGHT_VERSIONS] = generation.versions
    return {**message, **fields}
