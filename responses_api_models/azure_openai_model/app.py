"""A policy that is deployed on Azure OpenAI, behind its v1 API or one of its dated API versions."""

import re
from typing import Self
from urllib.parse import quote

from pydantic import Field, field_validator, model_validator

from polygym import JsonObject, RolloutContext
from polygym.channels.endpoint_model import EndpointConfig, EndpointModel, reachable_urls, request_body
from polygym.protocol.chat.requests import MaxTokensField


class AzureOpenAIModelConfig(EndpointConfig):
    """Which deployment of which resource, and how it is called."""

    azure_endpoint: str | list[str]
    """URL of the resource, such as `https://NAME.openai.azure.com`; several with that deployment share the rollouts."""
    azure_deployment: str = Field(min_length=1)
    """Name of the deployment; sent in place of a model's name."""
    azure_api_key: str | None = None
    """Sent in the header `api-key`."""
    azure_ad_token: str | None = None
    """Microsoft Entra ID token, sent as bearer token."""
    azure_api_version: str | None = None
    """A dated version, such as `2024-10-21`, calls the deployment's own path; none, or `preview`, the v1 API."""
    default_headers: dict[str, str] = Field(default_factory=dict)
    """Sent with every call."""
    extra_body: JsonObject = Field(default_factory=dict)
    """Parameters for every call; those of the request win."""
    max_tokens_field: MaxTokensField = "max_completion_tokens"
    """With a dated version: the name of the limit of output tokens. Reasoning models take no `max_tokens`."""

    @field_validator("azure_endpoint", mode="before")
    @classmethod
    def _is_given(cls, given: object) -> object:
        if given is None:
            raise ValueError("there is no URL of the resource. Set AZURE_OPENAI_ENDPOINT, or give --model-url.")
        return given

    @field_validator("azure_endpoint")
    @classmethod
    def _is_reachable_by_http(cls, given: str | list[str]) -> str | list[str]:
        return reachable_urls(given)

    @model_validator(mode="after")
    def _has_one_credential(self) -> Self:
        if self.azure_api_key and self.azure_ad_token:
            raise ValueError("give either azure_api_key or azure_ad_token, not both")
        return self

    @property
    def is_dated(self) -> bool:
        """Whether the API version is a date: then there are chat completions only, at the deployment's own path."""
        return re.match(r"\d{4}-\d{2}-\d{2}", self.azure_api_version or "") is not None


class AzureOpenAIModel(EndpointModel):
    """Sends every call to the deployment. Dated API versions have chat completions only: the rest is converted."""

    config: AzureOpenAIModelConfig

    async def start(self) -> None:
        """Set the endpoint up."""
        config = self.config
        given = [config.azure_endpoint] if isinstance(config.azure_endpoint, str) else config.azure_endpoint
        headers = {"api-key": config.azure_api_key} if config.azure_api_key else {}
        self.connect(
            [_base_url(url, config) for url in given],
            api_key=config.azure_ad_token,
            headers={**headers, **config.default_headers},
        )

    async def responses(self, params: JsonObject, context: RolloutContext) -> JsonObject:
        """POST `/responses`, or `/chat/completions` of a dated version. Raises RolloutFailure."""
        if not self.config.is_dated:
            return await self.ask_responses(self._body(params), params, context)
        asked = self.to_chat(params, max_tokens_field=self.config.max_tokens_field, reasoning_fields=())
        return await self.ask_chat_for_response(self._body(asked), params, context)

    async def chat_completions(self, params: JsonObject, context: RolloutContext) -> JsonObject:
        """POST `/chat/completions`. Raises RolloutFailure."""
        return await self.ask_chat(self._body(params), context)

    def list_models(self) -> list[str]:
        """The deployment, whose name replaces any other."""
        return [self.config.azure_deployment]

    def _body(self, params: JsonObject) -> JsonObject:
        return request_body(params, model=self.config.azure_deployment, extra=self.config.extra_body)


def _base_url(given: str, config: AzureOpenAIModelConfig) -> str:
    """Where calls go. `given` may have the path that Azure's portal shows, `/openai` and what follows."""
    resource = re.sub(r"/openai(/.*)?$", "", given.split("?")[0].rstrip("/"))
    version = f"?api-version={quote(config.azure_api_version)}" if config.azure_api_version else ""
    if config.is_dated:
        return f"{resource}/openai/deployments/{quote(config.azure_deployment, safe='')}{version}"
    return f"{resource}/openai/v1{version}"
