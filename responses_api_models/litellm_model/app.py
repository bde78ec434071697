"""A policy behind any provider that the library LiteLLM knows, named in its words: `anthropic/…`, `bedrock/…`."""

import asyncio
import itertools
import os
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any, Final

from pydantic import Field
from yarl import URL

from polygym import FailureClass, JsonObject, RolloutContext, RolloutFailure
from polygym.channels.admission import Gate
from polygym.channels.endpoint_faults import Fault, Retry, Target, fault_of_status, pause_s, quoted
from polygym.channels.endpoint_model import (
    CallConfig,
    check_completion,
    incomplete_or_raise,
    rejected,
    request_body,
    unusable,
)
from polygym.protocol.chat import chat_completion_to_response, response_to_chat_completion, responses_params_to_chat
from polygym.protocol.errors import ConfigError
from polygym.servers.models import ModelServer

BACKOFF_S: Final = 0.5
"""Mean seconds before the second attempt."""
_NO_GATEWAY: Final = "_skip_mcp_handler"
"""Argument without which LiteLLM (1.106) looks for tools of its own MCP gateway whenever a request has tools, and needs
the packages of its proxy for that."""
_CLASSES: Final = {
    "ContextWindowExceededError": FailureClass.CONTEXT_EXCEEDED,
    "ContentPolicyViolationError": FailureClass.CONTENT_FILTERED,
    "APIResponseValidationError": FailureClass.MODEL_BAD_RESPONSE,
    "Timeout": FailureClass.TIMEOUT,
}
"""What LiteLLM's exceptions mean, where their HTTP status does not say it."""


class LiteLLMModelConfig(CallConfig):
    """Which model, and how it is reached."""

    model: str = Field(min_length=1)
    """In LiteLLM's words: `provider/name`."""
    api_key: str | None = None
    """None leaves it to LiteLLM, which reads the provider's own environment variables."""
    base_url: str | None = None
    """Another address than the provider's."""
    api_version: str | None = None
    """For Azure."""
    litellm_params: JsonObject = Field(default_factory=dict)
    """Arguments of `litellm.acompletion` for every call, such as `drop_params` or `aws_region_name`."""
    extra_body: JsonObject = Field(default_factory=dict)
    """Parameters for every call; those of the request win."""


class LiteLLMModel(ModelServer):
    """Sends every call through `litellm.acompletion`, as a chat completion."""

    config: LiteLLMModelConfig

    async def start(self) -> None:
        """Load the library, which takes seconds. Raises ConfigError when it is not installed."""
        self._complete = await asyncio.to_thread(_load)
        self._gate = Gate(self.config.limits) if self.config.limits else None
        self._target = Target(URL(), f"litellm ({self.config.model})", True, None, self._secrets())

    def _secrets(self) -> tuple[str, ...]:
        given = [self.config.api_key, *self.config.litellm_params.values()]
        return tuple(value for value in given if isinstance(value, str) and len(value) >= 8)

    async def responses(self, params: JsonObject, context: RolloutContext) -> JsonObject:
        """A Responses call, converted both ways. Raises RolloutFailure."""
        try:
            asked = responses_params_to_chat(params, max_tokens_field="max_tokens")
        except ValueError as error:
            raise rejected(self.name, error) from error
        try:
            return chat_completion_to_response(await self._ask(asked, context), params)
        except ValueError as error:
            raise unusable(self.name, "acompletion", quoted(str(error), self._target.secrets)) from error
        except RolloutFailure as failure:
            return incomplete_or_raise(failure, params, self.config.model)

    async def chat_completions(self, params: JsonObject, context: RolloutContext) -> JsonObject:
        """A chat completion. Raises RolloutFailure."""
        try:
            completion = await self._ask(params, context)
        except RolloutFailure as failure:
            return response_to_chat_completion(incomplete_or_raise(failure, {}, self.config.model))
        problem = check_completion(completion)
        if problem is not None:
            raise unusable(self.name, "acompletion", f"{problem}.")
        return completion

    def list_models(self) -> list[str]:
        """The model, whose name replaces any other."""
        return [self.config.model]

    async def _ask(self, params: JsonObject, context: RolloutContext) -> JsonObject:
        body = request_body(params, model=self.config.model, extra=self.config.extra_body)
        for attempt in itertools.count(1):
            answer = await self._attempt(body)
            if isinstance(answer, dict):
                return answer
            context.rate_limits += answer.failure_class is FailureClass.MODEL_RATE_LIMITED
            wait_s = pause_s(answer, attempt, max_attempts=self.config.max_attempts, backoff_s=BACKOFF_S)
            if wait_s is None:
                raise answer.failure(attempt) from answer.cause
            await asyncio.sleep(wait_s)
        raise AssertionError("unreachable")

    async def _attempt(self, body: JsonObject) -> JsonObject | Fault:
        config = self.config
        given = {"api_key": config.api_key, "base_url": config.base_url, "api_version": config.api_version}
        arguments = {
            **{name: value for name, value in given.items() if value is not None},
            **({} if config.timeout_s is None else {"timeout": config.timeout_s}),
            "num_retries": 0,
            "max_retries": 0,
            _NO_GATEWAY: True,
            **config.litellm_params,
            **body,
        }
        place = await self._gate.enter(len(str(body))) if self._gate is not None else None
        answer: JsonObject | None = None
        try:
            answer = (await self._complete(**arguments)).model_dump()
        except Exception as error:  # the library's own are many, and of several families
            return _fault_of(self._target, error)
        finally:
            if self._gate is not None and place is not None:
                self._gate.leave(place, answer)
        return answer


def _load() -> Callable[..., Awaitable[Any]]:
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else importing it asks the network for prices
    try:
        library: Any = import_module("litellm")
    except ImportError as error:
        raise ConfigError("litellm_model needs the package litellm. pip install 'polygym[litellm]'") from error
    library.suppress_debug_info = True  # it prints advice to standard output
    library.telemetry = False
    complete: Callable[..., Awaitable[Any]] = library.acompletion
    return complete


def _fault_of(target: Target, error: Exception) -> Fault:
    """What an exception of LiteLLM stands for: its kind says, or the HTTP status that it carries."""
    status: Any = getattr(error, "status_code", None)
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    fault = fault_of_status(target, status if isinstance(status, int) else 500, headers, str(error).encode())
    kinds = [_CLASSES[kind.__name__] for kind in type(error).__mro__ if kind.__name__ in _CLASSES]
    if not kinds:
        return Fault(fault.failure_class, fault.message, fault.retry, status, fault.retry_after_s, error)
    return Fault(kinds[0], fault.message, Retry.NEVER, status, cause=error)
