"""A policy behind any endpoint that speaks OpenAI's Responses or Chat Completions API."""

from collections.abc import Coroutine
from typing import Any

from pydantic import Field, field_validator

from polygym import JsonObject, RolloutContext
from polygym.channels.endpoint_model import EndpointConfig, EndpointModel, reachable_urls, request_body


class OpenAIModelConfig(EndpointConfig):
    """Where the endpoint is and what it is sent."""

    openai_base_url: str | list[str]
    """URL that `/responses` and `/chat/completions` are appended to, `/v1` included; several share the rollouts."""
    openai_api_key: str | None = None
    """Sent as bearer token; none is sent without it."""
    openai_model: str = Field(min_length=1)
    """Name of the model; replaces the one in a request."""
    openai_default_headers: dict[str, str] = Field(default_factory=dict)
    """Sent with every call."""
    extra_body: JsonObject = Field(default_factory=dict)
    """Parameters for every call; those of the request win."""
    drop_input_reasoning_items: bool = False
    """Leave reasoning items out of the input, for endpoints that cannot read back their own."""

    @field_validator("openai_base_url")
    @classmethod
    def _is_reachable_by_http(cls, given: str | list[str]) -> str | list[str]:
        return reachable_urls(given)


class OpenAIModel(EndpointModel):
    """Sends every call to the endpoint, both dialects as they are."""

    config: OpenAIModelConfig

    async def start(self) -> None:
        """Set the endpoint up."""
        config = self.config
        self.connect(config.openai_base_url, api_key=config.openai_api_key, headers=config.openai_default_headers)

    def responses(self, params: JsonObject, context: RolloutContext) -> Coroutine[Any, Any, JsonObject]:
        """POST `/responses`. Raises RolloutFailure."""
        body = self._body(params)
        if self.config.drop_input_reasoning_items and isinstance(body.get("input"), list):
            body["input"] = [item for item in body["input"] if item.get("type") != "reasoning"]
        return self.ask_responses(body, params, context)

    def chat_completions(self, params: JsonObject, context: RolloutContext) -> Coroutine[Any, Any, JsonObject]:
        """POST `/chat/completions`. Raises RolloutFailure."""
        return self.ask_chat(self._body(params), context)

    def list_models(self) -> list[str]:
        """The endpoint's model, whose name need not be asked for: it replaces any other."""
        return [self.config.openai_model]

    def _body(self, params: JsonObject) -> JsonObject:
        return request_body(params, model=self.config.openai_model, extra=self.config.extra_body)
