"""What model servers in front of an outside endpoint share: its limits, its health, answers that are none.

A subclass says where the endpoint is and what goes out; what comes back is checked here, and what the endpoint refuses
because of the conversation itself becomes an incomplete response, for the verifier to score.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import Field

from polygym.channels.admission import CallLimits
from polygym.channels.endpoint import Endpoint, parse_base_url
from polygym.protocol.calls import RolloutContext
from polygym.protocol.chat import (
    REASONING_FIELDS,
    chat_completion_to_response,
    response_to_chat_completion,
    responses_params_to_chat,
)
from polygym.protocol.chat.requests import MaxTokensField
from polygym.protocol.failures import FailureClass, RolloutFailure, Stage
from polygym.protocol.json import JsonObject
from polygym.protocol.responses import check_response, incomplete_response
from polygym.servers.models import ModelServer, ModelServerConfig

_REASONS: Final = {
    FailureClass.CONTEXT_EXCEEDED: "context_exceeded",
    FailureClass.CONTENT_FILTERED: "content_filter",
}
"""Refusals that are the conversation's own doing, and why the response to it is incomplete."""


class CallConfig(ModelServerConfig):
    """How patiently, and how often, an outside model is called."""

    timeout_s: float | None = Field(default=None, gt=0)
    """Seconds one attempt may take; None for no limit."""
    max_attempts: int = Field(default=5, ge=1)
    """Attempts per call for overload, rate limits and lost connections, the first included."""
    max_concurrent_requests: int | None = Field(default=None, ge=1)
    """Calls under way at once at each base URL, for endpoints that must not be saturated; None for no limit."""
    max_requests_per_minute: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Requests a minute to each base URL; None for no limit."""
    max_tokens_per_minute: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Tokens a minute, input and output together, of each base URL; None for no limit."""

    @property
    def limits(self) -> CallLimits:
        """What each base URL may be asked for."""
        return CallLimits(self.max_concurrent_requests, self.max_requests_per_minute, self.max_tokens_per_minute)


class EndpointConfig(CallConfig):
    """How an outside endpoint is called."""

    health_check_s: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    """Of several base URLs, seconds after which one that does not answer is looked at; each further look is later."""


class EndpointModel(ModelServer):
    """A policy behind an outside endpoint. Subclasses call `connect` in `start`, and `ask_…` to answer."""

    config: EndpointConfig
    endpoint: Endpoint

    def connect(
        self, base_url: str | Sequence[str], *, api_key: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        """Set the endpoint up; connections are made when they are needed."""
        config = self.config
        self.endpoint = Endpoint(
            base_url,
            api_key=api_key,
            headers=headers,
            timeout_s=config.timeout_s,
            max_attempts=config.max_attempts,
            limits=config.limits,
            first_check_s=config.health_check_s,
        )

    def endpoint_states(self) -> list[JsonObject]:
        """How each of several base URLs is doing; empty for a single one."""
        return [] if self.endpoint.pool is None else [member.to_json() for member in self.endpoint.pool.members]

    async def stop(self) -> None:
        """Close the connections."""
        await self.endpoint.close()

    async def probe(self) -> None:
        """GET `/models`. Raises RolloutFailure when nobody is there, or the key is refused."""
        await self.endpoint.probe("/models")

    async def ask_responses(
        self, body: JsonObject, params: JsonObject, context: RolloutContext, *, path: str = "/responses"
    ) -> JsonObject:
        """POST `body`, made of `params`, to a Responses endpoint; its answer, or an incomplete response that says why.

        Raises RolloutFailure.
        """
        try:
            response = await self.endpoint.post(path, body, context)
        except RolloutFailure as failure:
            return incomplete_or_raise(failure, params, str(body.get("model")))
        problem = check_response(response)
        if problem is not None:
            raise self._unusable(path, problem)
        return response

    async def ask_chat(
        self, body: JsonObject, context: RolloutContext, *, path: str = "/chat/completions"
    ) -> JsonObject:
        """POST `body` to a Chat Completions endpoint; its answer, or one that is cut short at nothing.

        Raises RolloutFailure.
        """
        try:
            completion = await self.endpoint.post(path, body, context)
        except RolloutFailure as failure:
            return response_to_chat_completion(incomplete_or_raise(failure, {}, str(body.get("model"))))
        problem = check_completion(completion)
        if problem is not None:
            raise self._unusable(path, problem)
        return completion

    def to_chat(
        self,
        params: JsonObject,
        *,
        max_tokens_field: MaxTokensField = "max_tokens",
        reasoning_fields: Sequence[str] = REASONING_FIELDS,
    ) -> JsonObject:
        """Responses create params as `responses_params_to_chat` converts them. Raises RolloutFailure."""
        try:
            return responses_params_to_chat(
                params, max_tokens_field=max_tokens_field, reasoning_fields=reasoning_fields
            )
        except ValueError as error:
            raise rejected(self.name, error) from error

    async def ask_chat_for_response(
        self, body: JsonObject, params: JsonObject, context: RolloutContext, *, path: str = "/chat/completions"
    ) -> JsonObject:
        """As `ask_responses`, of an endpoint that speaks Chat Completions; `body` is made of `to_chat(params)`."""
        try:
            completion = await self.endpoint.post(path, body, context)
        except RolloutFailure as failure:
            return incomplete_or_raise(failure, params, str(body.get("model")))
        try:
            return chat_completion_to_response(completion, params)
        except ValueError as error:
            raise self._unusable(path, str(error)) from error

    def _unusable(self, path: str, problem: str) -> RolloutFailure:
        return unusable(self.name, path, self.endpoint.quoted(problem))


def incomplete_or_raise(failure: RolloutFailure, params: JsonObject, model: str) -> JsonObject:
    """The incomplete response to `params` that `failure` stands for; raises it where the policy is not to blame."""
    reason = _REASONS.get(failure.failure_class)
    if reason is None:
        raise failure
    return incomplete_response(params, reason, model=model, message=failure.message)


def unusable(server: str, path: str, problem: str) -> RolloutFailure:
    """The failure of an answer that an agent cannot work with; `problem` may quote it and ends with a full stop."""
    message = f"{server}: the endpoint's answer to {path} cannot be used: {problem}"
    return RolloutFailure(FailureClass.MODEL_BAD_RESPONSE, Stage.MODEL, message)


def rejected(server: str, error: ValueError) -> RolloutFailure:
    """The failure of a request that cannot be put into the endpoint's dialect."""
    return RolloutFailure(FailureClass.MODEL_REJECTED, Stage.MODEL, f"{server}: {error}.")


def check_completion(completion: JsonObject) -> str | None:
    """Why `completion` is no ChatCompletion, or None when it is one."""
    choices: Any = completion.get("choices")
    if not isinstance(choices, list) or not choices:
        return "'choices' must be a list with at least one entry"
    if not all(isinstance(choice, dict) and isinstance(choice.get("message"), dict) for choice in choices):
        return "every entry of 'choices' must have a 'message'"
    if not isinstance(completion.get("usage"), dict | None):
        return "'usage' must be an object or null"
    return None


def request_body(params: JsonObject, *, model: str, extra: JsonObject) -> JsonObject:
    """What goes out for create params of either dialect, with `extra` under them, to `model`.

    Nulls mean "not given" and stay here, since some endpoints refuse them; answers are never streamed to us. `stream:
    false` goes out if `extra` says so, for endpoints that stream where nothing is said.
    """
    if None in params.values():
        params = {name: value for name, value in params.items() if value is not None}
    body = {**extra, **params, "model": model}
    if body.pop("stream", None) is not None and extra.get("stream") is False:
        body["stream"] = False
    body.pop("stream_options", None)
    return body


def reachable_urls(given: str | list[str]) -> str | list[str]:
    """Base URLs of a configuration, checked. Raises ValueError for one that is none."""
    urls = [given] if isinstance(given, str) else given
    if not urls:
        raise ValueError("the list of base URLs is empty")
    for url in urls:
        parse_base_url(url)
    return given
