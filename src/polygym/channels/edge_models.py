"""Model servers behind HTTP: three dialects, each with answers whole or as a stream, and errors in its own form."""

from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from typing import Any, Final

from aiohttp import web

from polygym.channels.answers import (
    InvalidBody,
    failure_body,
    failure_response,
    json_response,
    read_object,
    status_of,
)
from polygym.channels.cookies import cookies_of, give_back, put_cookies
from polygym.channels.embedded import EmbeddedModel, cookie_name
from polygym.channels.exchanges import is_streamed
from polygym.channels.headers import ROLLOUT, limits_of
from polygym.channels.routing import Endpoints, Handler
from polygym.channels.sse import KEEP_ALIVE_S, Dialect, data_frame, frame, stream_answer
from polygym.protocol.calls import RolloutContext
from polygym.protocol.events import chat_chunks, message_events, response_events
from polygym.protocol.failures import RolloutFailure
from polygym.protocol.json import JsonObject
from polygym.protocol.responses import new_id

_Method = Callable[[JsonObject, RolloutContext], Coroutine[Any, Any, JsonObject]]

ERROR_TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    422: "invalid_request_error",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
"""What the Messages API calls an error, by status; `api_error` for those that are not listed."""


class ModelEdge(Endpoints):
    """`/v1/responses`, `/v1/chat/completions`, `/v1/messages` and `/v1/models` of a model server."""

    def __init__(self, model: EmbeddedModel, keep_alive_s: float = KEEP_ALIVE_S) -> None:
        """`keep_alive_s`: seconds between two signs of life in a stream whose answer is being made."""
        self._rollout_cookie = cookie_name(model.server)
        """Names a rollout, so that all its calls go to the same endpoint."""
        super().__init__(self._rollout_cookie)
        self._model = model
        self._keep_alive_s = keep_alive_s
        self.post("/v1/responses", self._responses)
        self.post("/v1/chat/completions", self._chat_completions)
        self.post("/v1/messages", _in_messages_dialect(self._messages))
        self.post("/v1/messages/count_tokens", _in_messages_dialect(self._count_tokens))
        self.get("/v1/models", self._list_models)

    async def _responses(self, request: web.BaseRequest) -> web.StreamResponse:
        params = await read_object(request)
        if not _takes_stream(params):
            return await self._answer_whole(request, params, self._model.responses)
        return await self._stream(request, params, self._model.responses, RESPONSES)

    async def _chat_completions(self, request: web.BaseRequest) -> web.StreamResponse:
        params = await read_object(request)
        options = params.get("stream_options")
        if not _takes_stream(params):
            return await self._answer_whole(request, params, self._model.chat_completions)
        includes_usage = isinstance(options, dict) and bool(options.get("include_usage"))
        return await self._stream(request, params, self._model.chat_completions, chat_dialect(includes_usage))

    async def _messages(self, request: web.BaseRequest) -> web.StreamResponse:
        params = await read_object(request)
        if not _takes_stream(params):
            return await self._answer_whole(request, params, self._model.messages)
        return await self._stream(request, params, self._model.messages, MESSAGES)

    async def _count_tokens(self, request: web.BaseRequest) -> web.StreamResponse:
        return await self._answer_whole(request, await read_object(request), self._model.count_message_tokens)

    async def _list_models(self, request: web.BaseRequest) -> web.Response:
        """Models with the fields of either API's."""
        names = self._model.server.list_models()
        openai = {"object": "model", "created": 0, "owned_by": "polygym"}
        anthropic = {"type": "model", "created_at": "1970-01-01T00:00:00Z"}
        data = [{"id": name, **openai, **anthropic, "display_name": name} for name in names]
        ends = {"first_id": names[0] if names else None, "last_id": names[-1] if names else None}
        return json_response({"object": "list", "data": data, "has_more": False, **ends})

    async def _answer_whole(self, request: web.BaseRequest, params: JsonObject, method: _Method) -> web.Response:
        return json_response(await method(params, self._context(request)))

    async def _stream(
        self, request: web.BaseRequest, params: JsonObject, method: _Method, dialect: Dialect
    ) -> web.StreamResponse:
        token = is_streamed.set(True)
        try:
            call = method(params, self._context(request))
            return await stream_answer(request, call, dialect, partial(put_cookies, request), self._keep_alive_s)
        finally:
            is_streamed.reset(token)

    def _context(self, request: web.BaseRequest) -> RolloutContext:
        rollout = request.headers.get(ROLLOUT)
        if not rollout:
            rollout = cookies_of(request).get(self._rollout_cookie) or new_id("rollout")
            give_back(request, self._rollout_cookie, rollout)
        return RolloutContext(rollout, limits_s=limits_of(request.headers))


def _in_messages_dialect(handler: Handler) -> Handler:
    """`handler`, its errors in the form of the Messages API."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await handler(request)
        except RolloutFailure as failure:
            return failure_response(failure, _messages_failure(failure))
        except InvalidBody as error:
            return json_response(_messages_error(400, str(error)), 400)
        except web.HTTPException as refusal:
            return json_response(_messages_error(refusal.status, refusal.reason), refusal.status)

    return handle


def _takes_stream(params: JsonObject) -> bool:
    """Whether the answer is to be streamed; what says so is taken out then. Raises InvalidBody."""
    if not params.get("stream"):
        return False
    if params["stream"] is not True:
        raise InvalidBody("bool_type", ["stream"], "Input should be a valid boolean", params["stream"])
    del params["stream"]
    params.pop("stream_options", None)
    return True


def _responses_frames(response: JsonObject) -> Iterable[bytes]:
    return map(frame, response_events(response))


def _responses_error(failure: RolloutFailure) -> bytes:
    """OpenAI's event, and the error object that its clients look for."""
    body = failure_body(failure)
    fields = {"code": body["error"]["code"], "message": failure.message, "param": None, "sequence_number": 0}
    return frame({"type": "error", **fields, **body})


RESPONSES: Final = Dialect(_responses_frames, _responses_error)


def chat_dialect(includes_usage: bool) -> Dialect:
    """Streams of Chat Completions, the usage at their end or not at all."""

    def frames(completion: JsonObject) -> Iterable[bytes]:
        yield from map(data_frame, chat_chunks(completion, includes_usage=includes_usage))
        yield b"data: [DONE]\n\n"

    return Dialect(frames, lambda failure: data_frame(failure_body(failure)))


def _messages_frames(message: JsonObject) -> Iterable[bytes]:
    return map(frame, message_events(message))


MESSAGES: Final = Dialect(
    _messages_frames, lambda failure: frame(_messages_failure(failure)), b'event: ping\ndata: {"type": "ping"}\n\n'
)


def _messages_failure(failure: RolloutFailure) -> JsonObject:
    return {**_messages_error(status_of(failure), failure.message), **failure.to_json()}


def _messages_error(status: int, message: str) -> JsonObject:
    """An error as the Messages API says it."""
    return {"type": "error", "error": {"type": ERROR_TYPES.get(status, "api_error"), "message": message}}
