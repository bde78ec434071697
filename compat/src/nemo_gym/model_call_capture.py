"""Model calls, written down per rollout as they pass through a model server, if `observability_enabled` is on.

The rollout's id comes as a prefix of the path, which is taken off in any case. Bytes pass through unchanged; only the
end of an answer waits until the call has been written.
"""

import asyncio
import fcntl
import json
import logging
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final, Optional
from uuid import uuid4

import orjson
from pydantic import BaseModel, model_validator

from nemo_gym.config_errors import ConfigError
from nemo_gym.config_types import ROLLOUT_PATH_PREFIX, TOKEN_CAPTURE_PATH_SEGMENT
from nemo_gym.keys import TOKEN_ID_CAPTURE_BLOCK
from nemo_gym.model_call_records import aggregate_model_call_records, read_available_model_call_records
from nemo_gym.rollout_correlation import maybe_rollout_id_from_run_body
from nemo_gym.rollout_observability import AgentObservationBundle, ObservationGap, join_model_call_observations
from nemo_gym.streamed_answers import ends_stream, whole_answer

log = logging.getLogger("nemo_gym.capture")

DIALECTS: Final = {"/v1/responses": "responses", "/v1/chat/completions": "chat", "/v1/messages": "messages"}
PREFIXED: Final = re.compile(
    rf"^/{re.escape(ROLLOUT_PATH_PREFIX)}/(?P<id>[^/]+)(?:/{re.escape(TOKEN_CAPTURE_PATH_SEGMENT)})?(?P<rest>/.*)$"
)
STORABLE_ID: Final = re.compile(r"[A-Za-z0-9._-]+")
STATUS_CATEGORIES: Final = {
    408: "timeout",
    504: "timeout",
    429: "rate_limit",
    401: "auth",
    403: "auth",
    404: "not_found",
}


class ModelCallCaptureConfig(BaseModel):
    """Settings, read from the top level of the configuration."""

    observability_enabled: bool = False
    model_call_capture_dir: Optional[Path] = None

    @model_validator(mode="after")
    def validate_capture_dir(self) -> "ModelCallCaptureConfig":
        """A folder is needed, and every process must mean the same one."""
        if self.observability_enabled and self.model_call_capture_dir is None:
            raise ValueError("model_call_capture_dir is required when observability_enabled=true")
        if self.observability_enabled and not self.model_call_capture_dir.is_absolute():  # type: ignore[union-attr]
            raise ValueError("model_call_capture_dir must be an absolute path")
        return self


class CaptureStore:
    """A folder with one file of exchanges per rollout, which several processes may write."""

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        self.root.mkdir(parents=True, exist_ok=True)

    def path_for(self, rollout_id: str) -> Path:
        """The file of a rollout. Raises ValueError for an id that cannot name one."""
        return self._file(rollout_id, "capture.jsonl")

    def incomplete_path_for(self, rollout_id: str) -> Path:
        """The file that says that calls are missing."""
        return self._file(rollout_id, "capture.incomplete")

    def _file(self, rollout_id: str, kind: str) -> Path:
        if not STORABLE_ID.fullmatch(rollout_id):
            raise ValueError(f"Invalid rollout id: {rollout_id!r}")
        return self.root / f"{rollout_id}.{kind}"

    def mark_incomplete(self, rollout_id: str) -> None:
        """Note that calls are missing."""
        self.incomplete_path_for(rollout_id).touch()

    def is_incomplete(self, rollout_id: str) -> bool:
        """Whether calls are missing."""
        return self.incomplete_path_for(rollout_id).exists()

    def record(self, rollout_id: str, exchange: Mapping[str, Any]) -> None:
        """Append one exchange, on the disk when this returns. Blocks."""
        line = orjson.dumps(exchange, default=str, option=orjson.OPT_APPEND_NEWLINE)
        with self.path_for(rollout_id).open("ab") as file, _locked(file, fcntl.LOCK_EX):
            file.write(line)
            file.flush()
            os.fsync(file.fileno())

    def read(self, rollout_id: str) -> list[dict[str, Any]]:
        """A rollout's exchanges. Raises ValueError when one is damaged."""
        return [orjson.loads(line) for line in self._lines(rollout_id)]

    def read_available(self, rollout_id: str) -> tuple[list[tuple[int, dict[str, Any]]], int]:
        """The exchanges that are whole, with their places, and how many are not."""
        whole, damaged = [], 0
        for index, line in enumerate(self._lines(rollout_id)):
            try:
                exchange = orjson.loads(line)
            except orjson.JSONDecodeError:
                exchange = None
            if isinstance(exchange, dict):
                whole.append((index, exchange))
            else:
                damaged += 1
        return whole, damaged

    def _lines(self, rollout_id: str) -> Iterator[bytes]:
        path = self.path_for(rollout_id)
        if path.exists():
            with path.open("rb") as file, _locked(file, fcntl.LOCK_SH):
                yield from (line for line in file if line.strip())


@contextmanager
def _locked(file: IO[bytes], how: int) -> Iterator[None]:
    fcntl.flock(file, how)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)


def make_capture_store(config: ModelCallCaptureConfig) -> CaptureStore | None:
    """The store, if calls are to be captured and the folder can be had."""
    if not config.observability_enabled:
        return None
    assert config.model_call_capture_dir is not None
    try:
        return CaptureStore(config.model_call_capture_dir)
    except OSError as error:
        log.warning("model calls are not captured: %s cannot be made: %s", config.model_call_capture_dir, error)
        return None


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
        call = _Call(dialect, self._server, receive, send)
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

    def __init__(self, dialect: str, server: str | None, receive: Any, send: Any) -> None:
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
        self._last: tuple[float, float] | None = None

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
            "model_call_id": uuid4().hex,
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


def install_model_call_capture(
    app: Any,
    config: ModelCallCaptureConfig,
    *,
    model_server_name: str | None = None,
    global_config_dict: Any = None,
) -> None:
    """Let a model server take rollouts off its paths, and write its calls if that is configured."""
    capture = global_config_dict.get(TOKEN_ID_CAPTURE_BLOCK) if isinstance(global_config_dict, Mapping) else None
    if isinstance(capture, Mapping) and capture.get("enabled"):
        raise ConfigError(
            f"{model_server_name}: token_id_capture is not provided by polygym-nemo. Token ids travel on the items of "
            "each answer; leave token_id_capture.enabled out."
        )
    app.add_middleware(CaptureMiddleware, store=make_capture_store(config), model_server_name=model_server_name)


def model_call_capture_dirs_from_config(global_config_dict: Any) -> list[Path]:
    """The folder of a run, if its calls are captured."""
    config = ModelCallCaptureConfig.model_validate(global_config_dict)
    if not config.observability_enabled:
        return []
    assert config.model_call_capture_dir is not None
    return [config.model_call_capture_dir]


def clear_model_call_captures_for_rollouts(records: Iterable[Any], capture_dirs: Sequence[Path]) -> None:
    """Remove what earlier attempts under the same ids have left, before rows are run."""
    ids = [rollout_id for record in records if (rollout_id := maybe_rollout_id_from_run_body(record))]
    for folder in capture_dirs:
        store = CaptureStore(folder)
        for rollout_id in ids:
            store.path_for(rollout_id).unlink(missing_ok=True)
            store.incomplete_path_for(rollout_id).unlink(missing_ok=True)


def merge_model_call_capture_into_record(
    record: dict[str, Any], capture_dirs: Sequence[Path], *, include_payloads: bool = False
) -> dict[str, Any]:
    """Add a rollout's calls to its row, under `ng_model_call_capture`, and complete what its agent observed.

    Calls that are missing or damaged are named in `gaps`. Requests and answers stay in the store unless they are asked
    for.
    """
    rollout_id = maybe_rollout_id_from_run_body(record) if capture_dirs else None
    if rollout_id is None:
        return record
    calls, gaps = _calls_of(rollout_id, capture_dirs)
    observed = record.get("ng_agent_observations")
    if observed is not None:
        try:
            bundle = join_model_call_observations(AgentObservationBundle.model_validate(observed), calls)
            record["ng_agent_observations"] = bundle.model_dump(mode="json")
        except ValueError as error:
            log.warning("the observations of rollout %s could not be joined: %s", rollout_id, error)
            gaps.append(ObservationGap(code="agent_observation_join_failed"))
    left_out = None if include_payloads else {"request", "response", "request_raw", "response_raw"}
    capture = {
        "rollout_id": rollout_id,
        "metrics": aggregate_model_call_records(calls),
        "calls": [call.model_dump(exclude=left_out) for call in calls],
    }
    if gaps:
        capture["gaps"] = [gap.model_dump(mode="json", exclude_none=True) for gap in gaps]
    record["ng_model_call_capture"] = capture
    return record


def _calls_of(rollout_id: str, capture_dirs: Sequence[Path]) -> tuple[list[Any], list[ObservationGap]]:
    stores = (CaptureStore(folder) for folder in capture_dirs)
    store = next((one for one in stores if one.path_for(rollout_id).exists() or one.is_incomplete(rollout_id)), None)
    if store is None:
        return [], [ObservationGap(code="model_call_capture_no_records")]
    try:
        calls, damaged = read_available_model_call_records(store, rollout_id)
    except OSError as error:
        log.warning("the calls of rollout %s cannot be read: %s", rollout_id, error)
        return [], [ObservationGap(code="model_call_capture_unreadable")]
    gaps = []
    if damaged:
        gaps.append(ObservationGap(code="model_call_capture_records_unreadable", detail=f"count={damaged}"))
    if store.is_incomplete(rollout_id):
        gaps.append(ObservationGap(code="model_call_capture_incomplete"))
    elif not (calls or damaged):
        gaps.append(ObservationGap(code="model_call_capture_no_records"))
    return calls, gaps
