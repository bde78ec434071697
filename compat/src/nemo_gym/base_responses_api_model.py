"""Model servers: what their authors subclass. Three dialects around two methods."""

import inspect
import logging
from abc import abstractmethod
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, ClassVar, TypeVar

from fastapi import Body, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ValidationError

from nemo_gym.capture_middleware import CaptureMiddleware
from nemo_gym.capture_store import CaptureStore, ModelCallCaptureConfig, make_capture_store
from nemo_gym.chat_streaming import sanitize_streaming_chat_body, synthesize_chat_completion_sse
from nemo_gym.config_types import BaseRunServerInstanceConfig
from nemo_gym.messages_dialect import message_as_events, read_message_request, write_message
from nemo_gym.model_call_capture import (
    clear_model_call_captures_for_rollouts,
    install_model_call_capture,
    merge_model_call_capture_into_record,
    model_call_capture_dirs_from_config,
)
from nemo_gym.model_call_records import (
    ModelCallRecord,
    aggregate_model_call_metrics,
    aggregate_model_call_records,
    build_model_call_record,
    extract_token_stats,
    read_available_model_call_records,
    read_model_call_records,
)
from nemo_gym.openai_utils import (
    NeMoGymChatCompletion,
    NeMoGymChatCompletionCreateParamsNonStreaming,
    NeMoGymResponse,
    NeMoGymResponseCreateParamsNonStreaming,
)
from nemo_gym.responses_streaming import (
    sanitize_streaming_responses_body,
    synthesize_responses_failure_sse,
    synthesize_responses_sse,
    validate_streaming_responses_params,
)
from nemo_gym.rollout_correlation import maybe_rollout_id_from_run_body
from nemo_gym.servers import BaseServer, SimpleServer
from nemo_gym.streamed_answers import read_events, whole_completion
from nemo_gym.token_id_capture.sink import capture_tokens, register_call_intent

log = logging.getLogger("nemo_gym.models")
ParamsT = TypeVar("ParamsT", bound=BaseModel)
_CaptureMiddleware = CaptureMiddleware
_parse_sse_events, _reconstruct_chat_sse = read_events, whole_completion


class BaseResponsesAPIModelConfig(BaseRunServerInstanceConfig):
    """Configuration of a model server."""


class BaseResponsesAPIModel(BaseServer):
    """A model server."""

    SERVER_TYPE: ClassVar[str] = "responses_api_models"
    config: BaseResponsesAPIModelConfig


class SimpleResponsesAPIModel(BaseResponsesAPIModel, SimpleServer):
    """A model server: `responses` and `chat_completions`; streams and Anthropic's dialect are made of those."""

    def setup_webserver(self) -> FastAPI:
        """The application with the routes that every model server has."""
        app = FastAPI()
        self.setup_session_middleware(app)
        settings = self.server_client.global_config_dict
        capture = ModelCallCaptureConfig.model_validate(settings if isinstance(settings, Mapping) else {})
        install_model_call_capture(app, capture, model_server_name=self.config.name, global_config_dict=settings)
        app.post("/v1/chat/completions")(self.chat_completions_dispatch)
        app.post("/v1/responses")(self.responses_dispatch)
        app.post("/v1/messages")(self.messages)
        return app

    @abstractmethod
    async def chat_completions(
        self, body: NeMoGymChatCompletionCreateParamsNonStreaming = Body()
    ) -> NeMoGymChatCompletion:
        """Answer in the Chat Completions dialect. May take the `request`, too."""

    @abstractmethod
    async def responses(self, body: NeMoGymResponseCreateParamsNonStreaming = Body()) -> NeMoGymResponse:
        """Answer in the Responses dialect. May take the `request`, too."""

    async def responses_dispatch(self, request: Request, body: dict = Body()) -> Any:  # type: ignore[type-arg]
        """Check the request and answer it; as events, if it asks for a stream."""
        if not body.get("stream"):
            return await _call(self.responses, request, _checked(NeMoGymResponseCreateParamsNonStreaming, body))
        cleaned, namespaces = sanitize_streaming_responses_body(body)
        try:
            params = validate_streaming_responses_params(cleaned)
        except ValidationError as error:
            raise _refused(error) from error
        try:
            answer = _as_json(await _call(self.responses, request, params))
        except Exception as error:
            log.exception("%s: responses failed while a client waits for a stream", self.config.name)
            return _event_stream(synthesize_responses_failure_sse(str(error)))
        return _event_stream(synthesize_responses_sse(answer, namespaces))

    async def chat_completions_dispatch(self, request: Request, body: dict = Body()) -> Any:  # type: ignore[type-arg]
        """Check the request and answer it; as chunks, if it asks for a stream."""
        params_class = NeMoGymChatCompletionCreateParamsNonStreaming
        if body.get("stream") is not True:
            return await _call(self.chat_completions, request, _checked(params_class, body))
        cleaned, wants_usage = sanitize_streaming_chat_body(body)
        answer = _as_json(await _call(self.chat_completions, request, _checked(params_class, cleaned)))
        return _event_stream(synthesize_chat_completion_sse(answer, include_usage=wants_usage))

    async def messages(self, request: Request, body: dict = Body()) -> Any:  # type: ignore[type-arg]
        """Answer in Anthropic's dialect, by way of `responses`."""
        response = await _call(self.responses, request, read_message_request(body))
        message = write_message(response, model=body.get("model") or response.model)
        return _event_stream(message_as_events(message)) if body.get("stream") else message


async def _call(method: Any, request: Request, params: BaseModel) -> Any:
    given = {"request": request} if _takes_request(getattr(method, "__func__", method)) else {}
    await register_call_intent()
    answer = await method(**given, body=params)
    await capture_tokens(answer)
    return answer


@lru_cache(maxsize=256)
def _takes_request(function: Any) -> bool:
    return "request" in inspect.signature(function).parameters


def _checked(params_class: type[ParamsT], body: dict[str, Any]) -> ParamsT:
    try:
        return params_class.model_validate(body)
    except ValidationError as error:
        raise _refused(error) from error


def _refused(error: ValidationError) -> RequestValidationError:
    return RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in error.errors(include_url=False)])


def _as_json(answer: Any) -> dict[str, Any]:
    return answer.model_dump(mode="json") if isinstance(answer, BaseModel) else dict(answer)


def _event_stream(events: Any) -> StreamingResponse:
    return StreamingResponse(events, media_type="text/event-stream")
