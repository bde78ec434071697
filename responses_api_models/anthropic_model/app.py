"""A policy behind an endpoint that speaks Anthropic's Messages API: Anthropic itself, or a gateway."""

import re

from pydantic import Field, field_validator

from polygym import JsonObject, RolloutContext, RolloutFailure
from polygym.channels.endpoint_model import (
    EndpointConfig,
    EndpointModel,
    incomplete_or_raise,
    reachable_urls,
    rejected,
    request_body,
    unusable,
)
from polygym.protocol.messages import (
    check_message,
    message_to_response,
    response_to_message,
    responses_params_to_messages,
    without_responses_fields,
)

PATH = "/messages"
COUNT_PATH = "/messages/count_tokens"


class AnthropicModelConfig(EndpointConfig):
    """Where the endpoint is and what it is sent."""

    anthropic_base_url: str | list[str]
    """URL that `/messages` is appended to; `/v1` is put in where it is missing. Several share the rollouts."""
    anthropic_api_key: str | None = None
    """Sent in the header `x-api-key`."""
    anthropic_model: str = Field(min_length=1)
    """Name of the model; replaces the one in a request."""
    anthropic_version: str = "2023-06-01"
    """Version of the API; sent with every call."""
    anthropic_betas: list[str] = Field(default_factory=list)
    """Names of beta features; sent in the header `anthropic-beta`."""
    anthropic_default_headers: dict[str, str] = Field(default_factory=dict)
    """Sent with every call; they win over the others."""
    max_tokens: int = Field(default=4096, ge=1)
    """Limit of output tokens, thinking included, for requests that have none: the API wants one."""
    thinking: JsonObject | None = None
    """How much to think, as the API's `thinking`, for requests that do not say."""
    extra_body: JsonObject = Field(default_factory=dict)
    """Parameters for every call; those of the request win."""
    drop_input_reasoning_items: bool = False
    """Leave thoughts out of what earlier turns said."""

    @field_validator("anthropic_base_url")
    @classmethod
    def _is_reachable_by_http(cls, given: str | list[str]) -> str | list[str]:
        return reachable_urls(given)


class AnthropicModel(EndpointModel):
    """Sends every call to the endpoint: the Messages dialect as it is, the others converted."""

    config: AnthropicModelConfig

    async def start(self) -> None:
        """Set the endpoint up."""
        config = self.config
        headers = {"anthropic-version": config.anthropic_version}
        if config.anthropic_api_key:
            headers["x-api-key"] = config.anthropic_api_key.strip()
        if config.anthropic_betas:
            headers["anthropic-beta"] = ",".join(config.anthropic_betas)
        given = config.anthropic_base_url
        urls = [given] if isinstance(given, str) else given
        self.connect([_versioned(url) for url in urls], headers={**headers, **config.anthropic_default_headers})

    async def responses(self, params: JsonObject, context: RolloutContext) -> JsonObject:
        """POST `/messages`; the answer as a Response. Thoughts go back as they came. Raises RolloutFailure."""
        try:
            asked = without_responses_fields(responses_params_to_messages(self._wanted(params)))
        except ValueError as error:
            raise rejected(self.name, error) from error
        try:
            message = await self.endpoint.post(PATH, self._body(asked), context)
        except RolloutFailure as failure:
            return incomplete_or_raise(failure, params, self.config.anthropic_model)
        try:
            return message_to_response(message, params)
        except ValueError as error:
            raise unusable(self.name, PATH, self.endpoint.quoted(str(error))) from error

    async def messages(self, params: JsonObject, context: RolloutContext) -> JsonObject:
        """POST `/messages`, the request as it is. Raises RolloutFailure."""
        try:
            message = await self.endpoint.post(PATH, self._body(params), context)
        except RolloutFailure as failure:
            return response_to_message(incomplete_or_raise(failure, {}, self.config.anthropic_model))
        problem = check_message(message)
        if problem is not None:
            raise unusable(self.name, PATH, self.endpoint.quoted(problem))
        return message

    async def count_message_tokens(self, params: JsonObject, context: RolloutContext) -> JsonObject:
        """POST `/messages/count_tokens`. Raises RolloutFailure."""
        body = request_body(params, model=self.config.anthropic_model, extra={})
        counted = await self.endpoint.post(COUNT_PATH, body, context)
        if type(counted.get("input_tokens")) is not int:
            problem = f"'input_tokens' must be a whole number, got {counted.get('input_tokens')!r}."
            raise unusable(self.name, COUNT_PATH, self.endpoint.quoted(problem))
        return counted

    def list_models(self) -> list[str]:
        """The endpoint's model, whose name need not be asked for: it replaces any other."""
        return [self.config.anthropic_model]

    def _wanted(self, params: JsonObject) -> JsonObject:
        if not self.config.drop_input_reasoning_items or not isinstance(params.get("input"), list):
            return params
        return {**params, "input": [item for item in params["input"] if item.get("type") != "reasoning"]}

    def _body(self, params: JsonObject) -> JsonObject:
        config = self.config
        extra = {"max_tokens": config.max_tokens, **({"thinking": config.thinking} if config.thinking else {})}
        return request_body(params, model=config.anthropic_model, extra={**extra, **config.extra_body})


def _versioned(base_url: str) -> str:
    """The base URL with `/v1`, which the official clients' base URL does not have."""
    path, mark, query = base_url.partition("?")
    return base_url if re.search(r"/v\d", path) else f"{path.rstrip('/')}/v1{mark}{query}"
