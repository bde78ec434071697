"""A policy behind any endpoint that speaks OpenAI's Responses or Chat Completions API."""

import asyncio
from contextlib import nullcontext
from typing import Any

from pydantic import Field, field_validator

from polygym import (
    FailureClass,
    JsonObject,
    ModelServer,
    ModelServerConfig,
    RolloutContext,
    RolloutFailure,
    Stage,
    check_response,
)
from polygym.channels.endpoint import Endpoint, parse_base_url


class OpenAIModelConfig(ModelServerConfig):
    """Where the endpoint is and how it is called."""

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
    timeout_s: float | None = Field(default=None, gt=0)
    """Seconds one attempt may take; None for no limit."""
    max_attempts: int = Field(default=5, ge=1)
    """Attempts per call for overload, rate limits and lost connections, the first included."""
    max_concurrent_requests: int | None = Field(default=None, ge=1)
    """Calls under way at once, for endpoints that must not be saturated; None for no limit."""

    @field_validator("openai_base_url")
    @classmethod
    def _is_reachable_by_http(cls, given: str | list[str]) -> str | list[str]:
        urls = [given] if isinstance(given, str) else given
        if not urls:
            raise ValueError("the list of base URLs is empty")
        for url in urls:
            parse_base_url(url)
        return given


class OpenAIModel(ModelServer):
    """Sends every call to the endpoint, both dialects as they are."""

    config: OpenAIModelConfig

    async def start(self) -> None:
        """Set the endpoint up; connections are made when they are needed."""
        config = self.config
        self._endpoint = Endpoint(
            config.openai_base_url,
            api_key=config.openai_api_key,
            headers=config.openai_default_headers,
            timeout_s=config.timeout_s,
            max_attempts=config.max_attempts,
        )
        limit = config.max_concurrent_requests
        self._slots = asyncio.Semaphore(limit) if limit is not None else nullcontext()

    async def stop(self) -> None:
        """Close the connections."""
        await self._endpoint.close()

    async def probe(self) -> None:
        """GET `/models`. Raises RolloutFailure when nobody is there, or the key is refused."""
        await self._endpoint.probe("/models")

    async def responses(self, params: JsonObject, context: RolloutContext) -> JsonObject:
        """POST `/responses`. Raises RolloutFailure."""
        body = self._body(params)
        if self.config.drop_input_reasoning_items and isinstance(body.get("input"), list):
            body["input"] = [item for item in body["input"] if item.get("type") != "reasoning"]
        async with self._slots:
            response = await self._endpoint.post("/responses", body, context)
        return _checked(response, check_response(response), "/responses", self.config)

    async def chat_completions(self, params: JsonObject, context: RolloutContext) -> JsonObject:
        """POST `/chat/completions`. Raises RolloutFailure."""
        async with self._slots:
            completion = await self._endpoint.post("/chat/completions", self._body(params), context)
        return _checked(completion, _check_completion(completion), "/chat/completions", self.config)

    def list_models(self) -> list[str]:
        """The endpoint's model, whose name need not be asked for: it replaces any other."""
        return [self.config.openai_model]

    def _body(self, params: JsonObject) -> JsonObject:
        """What goes out: nulls mean "not given" and stay here, and answers are never streamed to us."""
        if None in params.values():
            params = {name: value for name, value in params.items() if value is not None}
        body = {**self.config.extra_body, **params, "model": self.config.openai_model}
        body.pop("stream", None)
        body.pop("stream_options", None)
        return body


def _check_completion(completion: JsonObject) -> str | None:
    """Why `completion` is no ChatCompletion, or None when it is one."""
    choices: Any = completion.get("choices")
    if not isinstance(choices, list) or not choices:
        return "'choices' must be a list with at least one entry"
    if not all(isinstance(choice, dict) and isinstance(choice.get("message"), dict) for choice in choices):
        return "every entry of 'choices' must have a 'message'"
    return None


def _checked(answer: JsonObject, problem: str | None, path: str, config: OpenAIModelConfig) -> JsonObject:
    if problem is None:
        return answer
    message = f"{config.openai_model}: the endpoint's answer to {path} cannot be used: {problem}."
    raise RolloutFailure(FailureClass.MODEL_BAD_RESPONSE, Stage.MODEL, message)
