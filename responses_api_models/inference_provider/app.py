"""A policy at a hosted provider whose API is almost OpenAI's; what it does otherwise stands in the configuration."""

import logging
from typing import Any, Literal

from pydantic import Field, field_validator

from polygym import JsonObject, RolloutContext
from polygym.channels.endpoint_model import EndpointConfig, EndpointModel, reachable_urls, request_body
from polygym.protocol.chat import REASONING_FIELDS
from polygym.protocol.chat.requests import MaxTokensField
from polygym.protocol.errors import ConfigError

log = logging.getLogger("polygym.models")


class InferenceProviderConfig(EndpointConfig):
    """Where the provider is, and its quirks."""

    base_url: str | list[str]
    """URL that `/chat/completions` or `/responses` is appended to."""
    api_key: str | None = None
    """Sent as bearer token."""
    api_key_variable: str | None = None
    """Environment variable that the configuration takes the key from. With it, a key is required."""
    model: str = Field(min_length=1)
    """Name of the model; replaces the one in a request."""
    default_headers: dict[str, str] = Field(default_factory=dict)
    """Sent with every call."""
    extra_body: JsonObject = Field(default_factory=dict)
    """Parameters for every call; those of the request win."""
    dialect: Literal["chat", "responses"] = "chat"
    """What Responses calls go out as: chat completions, or as they are."""
    max_tokens_field: MaxTokensField = "max_tokens"
    """In chat completions that are made of Responses calls: the name of the limit of output tokens."""
    reasoning_fields: list[str] = Field(default_factory=lambda: list(REASONING_FIELDS))
    """Fields of a message that earlier reasoning is sent in; none for a provider that takes no reasoning back."""
    renamed_params: dict[str, str] = Field(default_factory=dict)
    """Parameters that the provider has under another name: `{seed: random_seed}`."""
    dropped_params: list[str] = Field(default_factory=list)
    """Parameters that the provider refuses. One that a request has is named in a warning, once, and not sent."""
    dropped_message_fields: list[str] = Field(default_factory=list)
    """The same for fields of messages."""

    @field_validator("base_url")
    @classmethod
    def _is_reachable_by_http(cls, given: str | list[str]) -> str | list[str]:
        return reachable_urls(given)


class InferenceProvider(EndpointModel):
    """Sends every call to the provider, in the form that it takes."""

    config: InferenceProviderConfig

    async def start(self) -> None:
        """Set the endpoint up. Raises ConfigError when there is no key where there has to be one."""
        config = self.config
        if config.api_key_variable and not config.api_key:
            raise ConfigError(
                f"{self.name}: there is no API key. Set {config.api_key_variable}, or give --model-api-key."
            )
        self._said: set[str] = set()
        self.connect(config.base_url, api_key=config.api_key, headers=config.default_headers)

    async def responses(self, params: JsonObject, context: RolloutContext) -> JsonObject:
        """POST in the configured dialect. Raises RolloutFailure."""
        if self.config.dialect == "responses":
            return await self.ask_responses(self._body(params), params, context)
        asked = self.to_chat(
            params, max_tokens_field=self.config.max_tokens_field, reasoning_fields=self.config.reasoning_fields
        )
        return await self.ask_chat_for_response(self._body(asked), params, context)

    async def chat_completions(self, params: JsonObject, context: RolloutContext) -> JsonObject:
        """POST `/chat/completions`. Raises RolloutFailure."""
        return await self.ask_chat(self._body(params), context)

    def list_models(self) -> list[str]:
        """The model, whose name replaces any other."""
        return [self.config.model]

    def _body(self, params: JsonObject) -> JsonObject:
        """What goes out, the provider's quirks heeded."""
        config = self.config
        body = request_body(params, model=config.model, extra=config.extra_body)
        for name in config.dropped_params:
            if body.pop(name, None) is not None:
                self._say_dropped(f"the parameter '{name}'")
        for name, new in config.renamed_params.items():
            if name in body:
                body[new] = body.pop(name)
        if config.dropped_message_fields and isinstance(body.get("messages"), list):
            body["messages"] = [self._message(message) for message in body["messages"]]
        return body

    def _message(self, message: Any) -> Any:
        dropped = [name for name in self.config.dropped_message_fields if isinstance(message, dict) and name in message]
        for name in dropped:
            self._say_dropped(f"the field '{name}' of a message")
        return {name: value for name, value in message.items() if name not in dropped} if dropped else message

    def _say_dropped(self, what: str) -> None:
        if what not in self._said:
            self._said.add(what)
            log.warning("%s: %s is not sent, because the provider refuses it", self.name, what)
