"""Model calls, written down as they pass through a model server.

The rollout's id comes as a prefix of the path, which is taken off in any case. Bytes pass through unchanged; only the
end of an answer waits until the call has been written.
"""

import asyncio
import json
import logging
import re
import time
from typing import Any, Final
from uuid import uuid4

from nemo_gym.capture_store import CaptureStore
from nemo_gym.config_types import ROLLOUT_PATH_PREFIX, TOKEN_CAPTURE_PATH_SEGMENT
from nemo_gym.streamed_answers import ends_stream, whole_answer
from nemo_gym.token_id_capture.middleware import CALL_ID_KEY

log = logging.getLogger("nemo_gym.capture")

DIALECTS: Final = {"/v1/responses": "responses", "/v1/chat/completions": "chat", "/v1/messages": "messages"}
PREFIXED: Final = re.compile(
    rf"^/{re.escape(ROLLOUT_PATH_PREFIX)}/(?P<id>[^/]+)(?:/{re.escape(TOKEN_CAPTURE_PATH_SEGMENT)})?(?P<rest>/.*)$"
)
STATUS_CATEGORIES: Final = {
    408: "timeout",
    504: "timeout",
    429: "rate_limit",
    401: "auth",
    403: "auth",
    404: "not_found",
}


class CaptureMiddleware:
    """ASGI middleware that takes the rollout off the path and, with a store, writes the calls of known dialects."""

    def __init__(self, app: Any, *, store: CaptureStore | None, model_server_name: str | None, **_: Any) -> None:
        self._app = app
        self._store = store
        self._server = model_server_name

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        found = PREFIXED.match(scope.get("path", "")) if scope.get("type") == "http" else None
        if found is None:
            await self._app(scope, receive, send)
            return
        path = found["rest"]
        scope = {**scope, "path": path, "raw_path": path.encode()}
        dialect = DIALECTS.get(path)
        if self._store is None or dialect is None:
            await self._app(scope, receive, send)
            return
        call = _Call(dialect, self._server, receive, send, call_id=scope.get(CALL_ID_KEY))
        try:
            await self._app(scope, call.receive, call.send)
        except Exception as error:
            call.failed(error)
            raise
        finally:
            await asyncio.shield(self._write(self._store, found["id"], call))
            await call.let_go()

    async def _write(self, store: CaptureStore, rollout_id: str, call: "_Call") -> None:
        try:
            await asyncio.to_thread(lambda: store.record(rollout_id, call.exchange()))
        except Exception as error:
            log.warning("a %s call of rollout %s could not be captured: %s", call.dialect, rollout_id, error)
            try:
                store.mark_incomplete(rollout_id)
            except (OSError, ValueError) as trouble:
                log.warning("rollout %s could not be marked as incomplete: %s", rollout_id, trouble)


class _Call:
    """One call as it passes by."""

    def __init__(self, dialect: str, server: str | None, receive: Any, send: Any, *, call_id: str | None) -> None:
        self._id = call_id or uuid4().hex
        self.dialect = dialect
        self._server = server
        self._receive, self._send = receive, send
        self._request, self._answer = bytearray(), bytearray()
        self._status: int | None = None
        self._category: str | None = None
        self._is_stream = False
        self._ending: str | None = None
        self._unread = bytearray()
        self._held: list[Any] = []
        self._started_at, self._clock = time.time(), time.perf_counter()
        self._first_ms: float | None = None

    async def receive(self) -> Any:
        """The next part of the request."""
        message = await self._receive()
        if message.get("type") == "http.request":
            self._request += message.get("body") or b""
        return message

    async def send(self, message: Any) -> None:
        """The next part of the answer; its end is held back."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
            headers = {name.lower(): value for name, value in message.get("headers") or ()}
            self._is_stream = headers.get(b"content-type", b"").startswith(b"text/event-stream")
        elif message["type"] == "http.response.body":
            self._take(message.get("body") or b"")
            if self._held or self._ending is not None or not message.get("more_body", False):
                self._held.append(message)
                return
        await self._send(message)

    def _take(self, part: bytes) -> None:
        if not part:
            return
        if self._first_ms is None:
            self._first_ms = self._elapsed_ms()
        self._answer += part
        if self._is_stream and self._ending is None:
            self._unread += part
            self._ending = ends_stream(self._unread, self.dialect)

    def _elapsed_ms(self) -> float:
        return (time.perf_counter() - self._clock) * 1000.0

    def failed(self, error: Exception) -> None:
        """Note that no answer came, and what the error tells of one."""
        status, body = _told_by(error)
        self._status = self._status or status
        self._answer = self._answer or bytearray(body)
        self._category = _category_of(self._status) or _category_of_error(error)

    async def let_go(self) -> None:
        """Send what was held back."""
        for message in self._held:
            await self._send(message)

    def exchange(self) -> dict[str, Any]:
        """The call, to be written."""
        took_ms = self._elapsed_ms()
        answer = None if self._category else self._parsed()
        exchange = {
            "model_call_id": self._id,
            "dialect": self.dialect,
            "model_ref": {"type": "responses_api_models", "name": self._server} if self._server else None,
            "started_at": self._started_at,
            "completed_at": self._started_at + took_ms / 1000.0,
            "latency_ms": round(took_ms, 2),
            "latency_ttft_ms": None if self._first_ms is None else round(self._first_ms, 2),
            "status_code": self._status,
            "error_category": self._category or self._outcome(answer),
            "request": None,
            "response": answer,
        }
        if self._request:
            request = _json_object(self._request)
            key = "request_raw" if request is None else "request"
            exchange[key] = self._request.decode(errors="replace") if request is None else request
        if self._answer and (self._is_stream or answer is None):
            exchange["response_raw"] = self._answer.decode(errors="replace")
        return exchange

    def _parsed(self) -> dict[str, Any] | None:
        if self._is_stream:
            return whole_answer(bytes(self._answer), self.dialect)
        return _json_object(self._answer)

    def _outcome(self, answer: dict[str, Any] | None) -> str | None:
        category = _category_of(self._status)
        if category is not None or not self._answer:
            return category
        if self._ending in {"error", "incomplete"}:
            return "upstream_error" if self._ending == "error" else "incomplete"
        if self._is_stream and self._ending is None:
            return "stream_truncated"
        return "capture_parse_error" if answer is None else None


def _json_object(data: bytes | bytearray) -> dict[str, Any] | None:
    try:
        value = json.loads(data)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _category_of(status: int | None) -> str | None:
    if status is None or status < 400:
        return None
    return STATUS_CATEGORIES.get(status, "client_error" if status < 500 else "upstream_error")


def _category_of_error(error: Exception) -> str:
    name = type(error).__name__.lower()
    if isinstance(error, TimeoutError) or "timeout" in name:
        return "timeout"
    return "connection" if "conn" in name else "exception"


def _told_by(error: Exception) -> tuple[int | None, bytes]:
    """Status and body of an answer that an HTTP client's exception carries."""
    response = getattr(error, "response", None)
    statuses = (
        getattr(error, "status", None),
        getattr(error, "status_code", None),
        getattr(response, "status_code", None),
    )
    bodies = (
        getattr(error, "response_content", None),
        getattr(response, "content", None),
        getattr(response, "text", None),
    )
    status = next((value for value in statuses if isinstance(value, int)), None)
    body = next((value for value in bodies if isinstance(value, bytes | bytearray | str)), b"")
    return status, body.encode() if isinstance(body, str) else bytes(body)
