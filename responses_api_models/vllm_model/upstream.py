"""The calls that an endpoint of open models answers, and how one is carried out: as a chat completion.

`Calls` is the contract; `chat_with_tokens.py` and `text_completions.py` fulfil it otherwise.
"""

import re
from collections.abc import Coroutine
from typing import Any, Final, Protocol

from polygym import JsonObject, RolloutContext
from polygym.channels.endpoint import Endpoint, parse_base_url
from polygym.protocol.chat.tokens import require_ids
from responses_api_models.vllm_model.config import VLLMModelConfig

_PROMPT_FIELDS: Final = (
    *("messages", "tools", "tool_choice", "chat_template", "chat_template_kwargs", "mm_processor_kwargs"),
    *("add_generation_prompt", "continue_final_message", "add_special_tokens", "reasoning_effort", "documents"),
    "required_prefix_token_ids",
)
"""Parameters of a chat request that its prompt depends on."""


class Calls(Protocol):
    """How a chat request is carried out."""

    def complete(self, body: JsonObject, context: RolloutContext) -> Coroutine[Any, Any, JsonObject]:
        """The ChatCompletion to `body`. Raises RolloutFailure, and ValueError for an answer that cannot be used."""
        ...


class Upstream:
    """An endpoint. As `Calls` it answers with what it returns."""

    def __init__(self, endpoint: Endpoint, config: VLLMModelConfig) -> None:
        self._endpoint = endpoint
        self._model = config.model
        base_url = config.base_url if isinstance(config.base_url, str) else config.base_url[0]
        has_version = re.search(r"/v\d+/*$", parse_base_url(base_url).path) is not None
        self._tokenize_path = "../tokenize" if has_version else "/tokenize"

    def complete(self, body: JsonObject, context: RolloutContext) -> Coroutine[Any, Any, JsonObject]:
        """POST `/chat/completions`. Raises RolloutFailure."""
        return self._endpoint.post("/chat/completions", body, context)

    def complete_text(self, body: JsonObject, context: RolloutContext) -> Coroutine[Any, Any, JsonObject]:
        """POST `/completions`. Raises RolloutFailure."""
        return self._endpoint.post("/completions", body, context)

    async def prompt_ids(self, body: JsonObject, context: RolloutContext) -> list[int]:
        """The ids of a chat request's prompt, as the endpoint makes them: POST `/tokenize`, which is beside `/v1`.

        Raises RolloutFailure, and ValueError when it answers something else.
        """
        asked: JsonObject = {name: body[name] for name in _PROMPT_FIELDS if name in body}
        if "reasoning_effort" in asked:  # vLLM's /tokenize knows it as a variable of the template only
            variables = asked.get("chat_template_kwargs", {})
            asked["chat_template_kwargs"] = {"reasoning_effort": asked["reasoning_effort"], **variables}
        return await self._tokenize(asked, context)

    async def text_ids(self, prompt: str, context: RolloutContext, *, add_special_tokens: bool) -> list[int]:
        """The ids of a text, as the endpoint makes them. Raises RolloutFailure and ValueError."""
        return await self._tokenize({"prompt": prompt, "add_special_tokens": add_special_tokens}, context)

    async def _tokenize(self, asked: JsonObject, context: RolloutContext) -> list[int]:
        answer = await self._endpoint.post(self._tokenize_path, {"model": self._model, **asked}, context)
        return require_ids(answer.get("tokens"), "'tokens' of /tokenize")
