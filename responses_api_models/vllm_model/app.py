"""A policy behind an endpoint that speaks Chat Completions: vLLM, SGLang and others that serve open models.

Responses calls are converted, both ways without loss (`polygym.protocol.chat`). With `return_token_id_information`
every answer carries the token ids and log-probabilities that the endpoint itself reports.
"""

from collections.abc import Coroutine
from typing import Any

from polygym import JsonObject, RolloutContext, RolloutFailure
from polygym.channels.endpoint_model import EndpointModel, incomplete_or_raise, rejected, unusable
from polygym.protocol.chat import chat_completion_to_response, response_to_chat_completion
from polygym.protocol.chat.thinking import with_reasoning_apart
from responses_api_models.vllm_model.audio import AUDIO_FIELDS, with_audio
from responses_api_models.vllm_model.chat_with_tokens import ChatWithTokens
from responses_api_models.vllm_model.config import VLLMModelConfig
from responses_api_models.vllm_model.requests import chat_body
from responses_api_models.vllm_model.templates import ChatTemplate
from responses_api_models.vllm_model.text_completions import TextCompletions
from responses_api_models.vllm_model.tool_texts import ToolTexts
from responses_api_models.vllm_model.upstream import Calls, Upstream


class VLLMModel(EndpointModel):
    """Sends every call to the endpoint as a chat completion, or as a text completion with `use_completions_api`."""

    config: VLLMModelConfig

    async def start(self) -> None:
        """Set the endpoint up, and load the tokenizer if it is to render prompts. Raises ConfigError."""
        config = self.config
        self._template: ChatTemplate | None = None
        if config.render_chat_template:
            self._template = await ChatTemplate.load(config.tokenizer or config.model, self.name)
        self.connect(config.base_url, api_key=config.api_key, headers=config.default_headers)
        upstream = Upstream(self.endpoint, config)
        self._calls: Calls = upstream
        self._path = "/completions" if config.use_completions_api else "/chat/completions"
        if config.use_completions_api:
            self._calls = TextCompletions(upstream, config, self.name, self._template, self._tool_texts())
        elif config.return_token_id_information:
            self._calls = ChatWithTokens(upstream, config)

    async def stop(self) -> None:
        """Close the connections."""
        await super().stop()
        if self._template is not None:
            self._template.close()

    async def responses(self, params: JsonObject, context: RolloutContext) -> JsonObject:
        """The Response; incomplete and empty where the input is too long, or filtered. Raises RolloutFailure."""
        asked = self.to_chat(params)
        try:
            completion = _as_asked(await self._complete(asked, context), asked, self.config)
            return chat_completion_to_response(completion, params)
        except ValueError as error:
            raise unusable(self.name, self._path, self.endpoint.quoted(str(error))) from error
        except RolloutFailure as failure:
            return incomplete_or_raise(failure, params, self.config.model)

    async def chat_completions(self, params: JsonObject, context: RolloutContext) -> JsonObject:
        """The ChatCompletion; empty where the messages are too long, or filtered. Raises RolloutFailure."""
        try:
            return _as_asked(await self._complete(params, context), params, self.config)
        except ValueError as error:
            raise unusable(self.name, self._path, self.endpoint.quoted(str(error))) from error
        except RolloutFailure as failure:
            return response_to_chat_completion(incomplete_or_raise(failure, {}, self.config.model))

    def list_models(self) -> list[str]:
        """The endpoint's model, whose name need not be asked for: it replaces any other."""
        return [self.config.model]

    def _tool_texts(self) -> ToolTexts | None:
        if self.config.tool_format is None or self._template is None:
            return None
        return ToolTexts.named(self.config.tool_format, self._template.source, self.name)

    def _complete(self, params: JsonObject, context: RolloutContext) -> Coroutine[Any, Any, JsonObject]:
        """The completion, which raises RolloutFailure, and ValueError where the answer is none.

        Raises RolloutFailure at once for params that cannot be asked.
        """
        try:
            body = chat_body(params, self.config)
        except ValueError as error:
            raise rejected(self.name, error) from error
        metadata = params.get("metadata")
        if metadata and not metadata.keys().isdisjoint(AUDIO_FIELDS):
            return self._complete_with_audio(body, metadata, context)
        return self._calls.complete(body, context)

    async def _complete_with_audio(self, body: JsonObject, metadata: JsonObject, context: RolloutContext) -> JsonObject:
        try:
            body["messages"] = await with_audio(body["messages"], metadata, self.config.audio_root)
        except ValueError as error:
            raise rejected(self.name, error) from error
        return await self._calls.complete(body, context)


def _as_asked(completion: JsonObject, params: JsonObject, config: VLLMModelConfig) -> JsonObject:
    """The completion with its reasoning apart, and log-probabilities only if asked for. Raises ValueError."""
    choices: Any = completion.get("choices")
    if not isinstance(choices, list) or not choices:
        said = completion.get("message") or completion.get("detail")
        raise ValueError(f"'choices' must be a list that is not empty{f'; this says: {said}' if said else ''}")
    for choice in choices:
        if not isinstance(choice, dict) or not isinstance(choice.get("message"), dict):
            raise ValueError("every entry of 'choices' must have a 'message'")
        if config.uses_reasoning_parser:
            choice["message"] = with_reasoning_apart(choice["message"], is_answer=True)
        if config.return_token_id_information and not params.get("logprobs"):
            choice.pop("logprobs", None)
    return completion
