"""What an outside model endpoint did wrong, named: class, likely cause, what to do, and whether trying again may help.

Pure functions over a status, headers and a body, or over the exception that the connection raised.
"""

import errno
import os
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Any

import aiohttp
from yarl import URL

from polygym.protocol.failures import FailureClass, RolloutFailure, Stage
from polygym.protocol.json import JsonObject, loads

MAX_WAIT_S = 60.0
"""Longest wait between two attempts. Who is told to wait longer gets the failure, with `retry_after_s`, at once."""
BRIEF_ATTEMPTS = 3
"""Attempts when nobody answers at the address, and when an answer was cut off."""
MESSAGE_LIMIT = 500
"""Characters of the endpoint's own text that a message quotes."""


class Retry(Enum):
    """How patiently a call is worth repeating."""

    NEVER = "never"
    """The same request would fail again."""
    BRIEFLY = "briefly"
    """Nobody is there; a server that is just starting may be in a moment."""
    PATIENTLY = "patiently"
    """The endpoint is there and overloaded, or lost this one call."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a call goes."""

    url: URL
    shown: str
    """The URL for messages: without user, password and query."""
    is_versioned: bool
    """Whether the base URL's path has a version such as `/v1`."""
    proxy: str | None
    secrets: tuple[str, ...]
    """Texts that messages must not contain."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One failed attempt."""

    failure_class: FailureClass
    message: str
    retry: Retry
    http_status: int | None = None
    retry_after_s: float | None = None
    cause: BaseException | None = None

    @property
    def is_nobody_there(self) -> bool:
        """Whether the connection itself could not be made."""
        return self.retry is Retry.BRIEFLY and self.failure_class is FailureClass.MODEL_UNAVAILABLE

    def failure(self, attempts: int) -> RolloutFailure:
        """The failure to raise when this was the last of `attempts`."""
        message = self.message if attempts == 1 else f"{self.message} Tried {attempts} times."
        return RolloutFailure(
            self.failure_class,
            Stage.MODEL,
            message,
            http_status=self.http_status,
            retry_after_s=self.retry_after_s,
            is_nobody_there=self.is_nobody_there,
        )


def pause_s(fault: Fault, attempt: int, *, max_attempts: int, backoff_s: float) -> float | None:
    """Seconds to wait after failed attempt `attempt` (from 1) before another one; None when there should be none.

    `backoff_s` is the mean wait after the first; it doubles from one to the next. `Retry-After` is honoured.
    """
    limit = {Retry.NEVER: 1, Retry.BRIEFLY: min(BRIEF_ATTEMPTS, max_attempts)}
    if attempt >= limit.get(fault.retry, max_attempts):
        return None
    backoff_s = min(backoff_s * 2.0 ** (attempt - 1), MAX_WAIT_S)
    if fault.retry_after_s is None:
        return backoff_s * random.uniform(0.5, 1.5)
    if fault.retry_after_s > MAX_WAIT_S:
        return None
    return fault.retry_after_s + backoff_s * random.random()


def fault_of_status(target: Target, status: int, headers: Mapping[str, str], body: bytes) -> Fault:
    """The fault behind an answer that is no 2xx."""
    answered = f"{target.shown} answered {status}: {_quote(target, _error_text(body))}"
    return _fault_of_code(target, status, answered, headers, body)


def _fault_of_code(target: Target, status: int, answered: str, headers: Mapping[str, str], body: bytes) -> Fault:
    """The fault that `status` stands for, whether it is the answer's own or stands in its body."""
    if status in (400, 403, 422) and _speaks_of_filter(body):
        return Fault(FailureClass.CONTENT_FILTERED, answered, Retry.NEVER, status)
    if status in (401, 403):
        return Fault(FailureClass.MODEL_REJECTED, f"{answered} Check the API key.", Retry.NEVER, status)
    if status == 404:
        hint = "" if target.is_versioned else " Is '/v1' missing from the base URL?"
        message = f"{answered} The URL or the model name is wrong.{hint}"
        return Fault(FailureClass.MODEL_REJECTED, message, Retry.NEVER, status)
    if status == 429:
        retry = Retry.NEVER if b"insufficient_quota" in body else Retry.PATIENTLY
        message = f"{answered} Lower the concurrency or raise the limit."
        return Fault(FailureClass.MODEL_RATE_LIMITED, message, retry, status, retry_after_s(headers))
    if status == 408:
        return Fault(FailureClass.TIMEOUT, answered, Retry.PATIENTLY, status, retry_after_s(headers))
    if status >= 500:
        return Fault(FailureClass.MODEL_UNAVAILABLE, answered, Retry.PATIENTLY, status, retry_after_s(headers))
    if 300 <= status < 400:
        place = _quote(target, headers.get("Location", "nowhere"))
        message = f"{target.shown} redirects ({status}) to {place} Give the final address as base URL."
        return Fault(FailureClass.MODEL_REJECTED, message, Retry.NEVER, status)
    if status in (400, 413, 422) and _speaks_of_context(body):
        return Fault(FailureClass.CONTEXT_EXCEEDED, answered, Retry.NEVER, status)
    return Fault(FailureClass.MODEL_REJECTED, answered, Retry.NEVER, status)


def fault_of_body(target: Target, status: int, content_type: str, body: bytes) -> Fault:
    """The fault behind a 2xx answer whose body is no JSON object, or reports an error."""
    try:
        value = loads(body)
    except ValueError as error:
        return _fault_of_no_json(target, status, content_type, body, error)
    if not isinstance(value, dict):
        kind = _JSON_KINDS.get(type(value), "number")
        message = f"{target.shown} answered {status} with a JSON {kind} where an object belongs."
        return Fault(FailureClass.MODEL_BAD_RESPONSE, message, Retry.NEVER, status)
    message = f"{target.shown} answered {status}, but with an error inside: {_quote(target, _error_text(body))}"
    code = _code_in(value.get("error"))
    if code is not None:
        return _fault_of_code(target, code, message, {}, body)
    return Fault(FailureClass.MODEL_BAD_RESPONSE, message, Retry.NEVER, status)


_JSON_KINDS = {list: "array", str: "string", bool: "boolean", type(None): "null"}
_EVENT = re.compile(rb"(data|event|id|retry)?:")
"""How a stream of server-sent events begins."""


def _fault_of_no_json(target: Target, status: int, content_type: str, body: bytes, error: ValueError) -> Fault:
    if "html" in content_type or body.lstrip()[:1] == b"<":
        kind, hint, retry = "HTML", " That is a web page: is the base URL right?", Retry.NEVER
    elif _EVENT.match(body.lstrip()):
        hint = " It streams where it was not asked to: extra_body: {stream: false} in the configuration says so."
        kind, retry = "an event stream", Retry.NEVER
    elif re.search(rb"[\[:,]\s*(NaN|-?Infinity)\b", body):
        kind, hint, retry = "no JSON", " NaN and Infinity are none: the model or its server is broken.", Retry.NEVER
    else:  # one that begins as it should was cut off on the way
        kind, hint = "no JSON", ""
        retry = Retry.BRIEFLY if body.lstrip()[:1] in (b"{", b"") else Retry.NEVER
    message = f"{target.shown} answered {status} with {kind} ({error}): {_quote(target, _excerpt(body))}{hint}"
    return Fault(FailureClass.MODEL_BAD_RESPONSE, message, retry, status, cause=error)


_STATUS_OF_CODE = {
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "insufficient_quota": 429,
    "overloaded_error": 503,
    "server_error": 500,
    "internal_server_error": 500,
    "api_error": 500,
    "timeout": 408,
    "content_filter": 400,
    "content_policy_violation": 400,
    "context_length_exceeded": 400,
}
"""Statuses for the names that errors have in bodies: OpenAI's Responses API, Anthropic, Azure."""


def _code_in(error: Any) -> int | None:
    """The status that an error object in a 2xx answer stands for, as OpenRouter and gateways have it; None for none."""
    if not isinstance(error, dict):
        return None
    for name in (error.get("code"), error.get("status"), error.get("type")):
        if isinstance(name, str):
            name = int(name) if name.isdecimal() and len(name) == 3 else _STATUS_OF_CODE.get(name)
        if isinstance(name, int) and 400 <= name < 600:
            return name
    return None


def fault_of_size(target: Target, status: int, limit: int) -> Fault:
    """The fault of an answer that is larger than `limit` bytes."""
    message = f"{target.shown} answered {status} with more than {limit >> 20} MiB, which is no model's answer."
    return Fault(FailureClass.MODEL_BAD_RESPONSE, message, Retry.NEVER, status)


def fault_of_error(target: Target, error: Exception, timeout_s: float | None) -> Fault:
    """The fault behind an exception that the connection raised."""
    where, detail = target.shown, _quote(target, str(error) or type(error).__name__)
    unavailable, bad = FailureClass.MODEL_UNAVAILABLE, FailureClass.MODEL_BAD_RESPONSE
    match error:
        case aiohttp.ConnectionTimeoutError():
            message = f"{where} did not accept a connection in time. Is the host right, and is there a route to it?"
            return Fault(unavailable, message, Retry.BRIEFLY, cause=error)
        case TimeoutError():
            limit = "" if timeout_s is None else f" within {timeout_s:g} s (timeout_s)"
            return Fault(FailureClass.TIMEOUT, f"{where} did not answer{limit}.", Retry.NEVER, cause=error)
        case aiohttp.ClientConnectorCertificateError():
            message = f"{where} shows a certificate that is not trusted: {detail}"
            return Fault(FailureClass.MODEL_REJECTED, message, Retry.NEVER, cause=error)
        case aiohttp.ClientConnectorDNSError():
            message = f"{where}: the host name cannot be resolved. Is the base URL right? Is there a network? {detail}"
            return Fault(unavailable, message, Retry.BRIEFLY, cause=error)
        case aiohttp.ClientSSLError():
            message = f"{where} does not speak TLS as expected. Does the base URL begin with http:// instead? {detail}"
            return Fault(unavailable, message, Retry.BRIEFLY, cause=error)
        case aiohttp.ClientConnectorError():
            return _no_connection(target, error)
        case aiohttp.ClientPayloadError():
            return Fault(bad, f"{where} broke off in the middle of its answer: {detail}", Retry.PATIENTLY, cause=error)
        case aiohttp.ClientHttpProxyError():
            message = f"{where}: the proxy answered {error.status}: {_quote(target, error.message)}"
            return Fault(unavailable, message, Retry.BRIEFLY, cause=error)
        case aiohttp.ClientResponseError():
            message = f"{where} does not answer in HTTP: {_quote(target, error.message)} Is the base URL right?"
            return Fault(bad, message, Retry.NEVER, cause=error)
        case _:
            message = f"{where} closed the connection without an answer: {detail}"
            return Fault(unavailable, message, Retry.PATIENTLY, cause=error)


def _no_connection(target: Target, error: aiohttp.ClientConnectorError) -> Fault:
    if error.errno in (errno.EMFILE, errno.ENFILE):
        message = f"{target.shown}: too many open files. Raise the limit (`ulimit -n`) or lower the concurrency."
        return Fault(FailureClass.MODEL_UNAVAILABLE, message, Retry.PATIENTLY, cause=error)
    reason = os.strerror(error.errno) if error.errno else _quote(target, error.strerror or str(error)).rstrip(".")
    server = "the endpoint or the proxy" if target.proxy else "the endpoint"
    message = f"{target.shown} cannot be reached: {reason}. Is {server} running, and are host and port right?"
    return Fault(FailureClass.MODEL_UNAVAILABLE, message, Retry.BRIEFLY, cause=error)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds that `Retry-After-Ms` or `Retry-After` (seconds or an HTTP date) asks to wait, 0 at least."""
    milliseconds = _number(headers.get("Retry-After-Ms"))
    if milliseconds is not None:
        return max(0.0, milliseconds / 1000)
    value = headers.get("Retry-After")
    seconds = _number(value)
    if seconds is not None:
        return max(0.0, seconds)
    try:
        moment = parsedate_to_datetime(value or "")
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _number(text: str | None) -> float | None:
    return float(text) if text is not None and re.fullmatch(r"\s*-?\d+(\.\d+)?\s*", text) else None


_CONTEXT_WORDING = re.compile(
    rb"context[ _-]?(length|window|size|limit)|maximum context|max_model_len|"
    rb"(prompt|input|conversation|messages?)( is| are)? too (long|large)|too many (input |prompt )?tokens|"
    rb"(prompt|input)[^.]{0,60}(longer than|exceeds?)[^.]{0,60}(tokens?|maximum|limit|length)",
    re.IGNORECASE,
)


def _speaks_of_context(body: bytes) -> bool:
    return _CONTEXT_WORDING.search(body) is not None


_FILTER_WORDING = re.compile(
    rb"content[ _]filter|content[ _]policy[ _]violation|content management policy|ResponsibleAIPolicyViolation|"
    rb"(input|prompt) (was|has been) flagged",
    re.IGNORECASE,
)
"""How Azure, OpenAI and OpenRouter say that the conversation was refused for what is in it."""


def _speaks_of_filter(body: bytes) -> bool:
    return _FILTER_WORDING.search(body) is not None


def _error_text(body: bytes) -> str:
    """The endpoint's own words: out of the shapes that OpenAI, vLLM and FastAPI wrap them in, else the body."""
    try:
        value = loads(body)
    except ValueError:
        return _excerpt(body)
    return _message_in(value) or _excerpt(body)


def _message_in(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        record: JsonObject = value
        for key in ("error", "message", "detail", "msg", "errors"):
            if record.get(key):
                return _message_in(record[key])
    return None


def _excerpt(body: bytes) -> str:
    text = body[: 8 * MESSAGE_LIMIT].decode("utf-8", "replace")
    if text.lstrip().startswith("<"):
        title = re.search(r"<(?:title|h1)[^>]*>(.*?)</", text, re.IGNORECASE | re.DOTALL)
        text = title.group(1) if title else re.sub(r"<[^>]*>", " ", text)
    return " ".join(text.split()) or "(empty body)"


def _quote(target: Target, text: str) -> str:
    return quoted(text, target.secrets)


def quoted(text: str, secrets: Sequence[str]) -> str:
    """What an endpoint said, for a message: on one line, shortened, free of secrets, with a full stop."""
    for secret in secrets:
        text = text.replace(secret, "***")
    text = " ".join(text.split())
    if len(text) > MESSAGE_LIMIT:
        text = text[: MESSAGE_LIMIT - 1] + "…"
    return text if text.endswith((".", "…", "!", "?")) else f"{text}."
