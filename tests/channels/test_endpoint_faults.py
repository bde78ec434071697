"""The naming of endpoint faults that no loopback server can show, and of the wordings that endpoints use."""

import ssl
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from multidict import CIMultiDict
from yarl import URL

from polygym.channels.endpoint_faults import (
    Retry,
    Target,
    fault_of_body,
    fault_of_error,
    fault_of_status,
    retry_after_s,
)
from polygym.protocol.failures import FailureClass

TARGET = Target(URL("http://host/v1/responses"), "http://host/v1/responses", True, None, ())
KEY = ConnectionKey("host", 80, False, True, None, None, None, None)


@pytest.mark.parametrize(
    "message",
    [
        "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens.",
        "Your input exceeds the context window of this model. Please adjust your input and try again.",
        "prompt is too long: 210000 tokens > 200000 maximum",
        "The input (9000 tokens) is longer than the model's context length (8192 tokens).",
        "'max_tokens' is too large: 5000. This model's maximum context length is 4096 tokens.",
        "Input length (9000) exceeds the maximum allowed length (8192).",
    ],
)
def test_a_conversation_that_is_too_long_is_recognised(message: str) -> None:
    fault = fault_of_status(TARGET, 400, {}, b'{"error": {"message": "%s"}}' % message.encode())

    assert fault.failure_class is FailureClass.CONTEXT_EXCEEDED
    assert message.split(".")[0] in fault.message


@pytest.mark.parametrize(
    "message",
    [
        "Unsupported parameter: 'max_tokens' is not supported with this model.",
        "Invalid value for 'tools[0].name': string too long.",
        "messages: at least one message is required",
        "This model does not support image input.",
    ],
)
def test_other_refusals_are_not_taken_for_a_long_conversation(message: str) -> None:
    fault = fault_of_status(TARGET, 400, {}, b'{"error": {"message": "%s"}}' % message.encode())

    assert fault.failure_class is FailureClass.MODEL_REJECTED


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, b'{"error": {"code": "content_filter", "message": "filtered", "innererror": {"code": "x"}}}'),
        (400, b'{"error": {"message": "triggering Azure OpenAI\'s content management policy"}}'),
        (400, b'{"error": {"code": "invalid_prompt", "message": "Invalid prompt: your prompt was flagged as ..."}}'),
        (403, b'{"error": {"code": 403, "message": "Moderation is required, and your input was flagged"}}'),
    ],
)
def test_a_conversation_that_is_refused_for_its_content_is_recognised(status: int, body: bytes) -> None:
    assert fault_of_status(TARGET, status, {}, body).failure_class is FailureClass.CONTENT_FILTERED


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_refused_account_is_not_taken_for_refused_content(status: int) -> None:
    body = b'{"error": {"message": "This account has been disabled for violating our policies."}}'

    assert fault_of_status(TARGET, status, {}, body).failure_class is FailureClass.MODEL_REJECTED


@pytest.mark.parametrize(
    ("body", "quoted"),
    [
        (b'{"error": {"message": "no such model", "code": 1}}', "no such model"),
        (b'{"error": "no such model"}', "no such model"),
        (b'{"object": "error", "message": "no such model"}', "no such model"),
        (b'{"detail": "no such model"}', "no such model"),
        (b"no such\nmodel", "no such model"),
        (b"<html><head><title>502 Bad Gateway</title></head></html>", "502 Bad Gateway"),
        (b'"no such model"', "no such model"),
        (b'{"detail": [{"msg": "no such model"}]}', '{"detail": [{"msg": "no such model"}]}'),
        (b"", "(empty body)"),
        (b"\xff\xfe", "\ufffd\ufffd"),
    ],
)
def test_the_endpoints_own_words_are_quoted(body: bytes, quoted: str) -> None:
    assert quoted in fault_of_status(TARGET, 418, {}, body).message


def test_a_long_text_is_shortened() -> None:
    assert len(fault_of_status(TARGET, 418, {}, b"x" * 100_000).message) < 700


def test_retry_after_reads_http_dates_and_milliseconds() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    earlier = format_datetime(datetime.now(UTC) - timedelta(seconds=90), usegmt=True)

    waiting = retry_after_s(CIMultiDict({"retry-after": later}))

    assert waiting is not None
    assert 0 < waiting <= 90
    assert retry_after_s(CIMultiDict({"retry-after": earlier})) == 0
    assert retry_after_s(CIMultiDict({"retry-after-ms": "1500", "retry-after": "2"})) == 1.5
    assert retry_after_s(CIMultiDict()) is None


@pytest.mark.parametrize(
    ("error", "failure_class", "retry", "advice"),
    [
        (
            aiohttp.ClientConnectorDNSError(KEY, OSError(-2, "Name or service not known")),
            FailureClass.MODEL_UNAVAILABLE,
            Retry.BRIEFLY,
            "cannot be resolved",
        ),
        (
            aiohttp.ConnectionTimeoutError("slow"),
            FailureClass.MODEL_UNAVAILABLE,
            Retry.BRIEFLY,
            "did not accept a connection",
        ),
        (
            aiohttp.ClientConnectorCertificateError(KEY, ssl.CertificateError("self-signed certificate")),
            FailureClass.MODEL_REJECTED,
            Retry.NEVER,
            "self-signed certificate",
        ),
        (
            aiohttp.ClientConnectorError(KEY, OSError(24, "Too many open files")),
            FailureClass.MODEL_UNAVAILABLE,
            Retry.PATIENTLY,
            "ulimit -n",
        ),
        (
            aiohttp.ClientOSError(104, "Connection reset by peer"),
            FailureClass.MODEL_UNAVAILABLE,
            Retry.PATIENTLY,
            "Connection reset by peer",
        ),
    ],
)
def test_a_connection_error_is_named(error: Exception, failure_class: FailureClass, retry: Retry, advice: str) -> None:
    fault = fault_of_error(TARGET, error, None)

    assert (fault.failure_class, fault.retry) == (failure_class, retry)
    assert advice in fault.message
    assert fault.message.startswith("http://host/v1/responses")


@pytest.mark.parametrize(
    "body", [b'data: {"id": "x"}\n\n', b"event: response.created\n", b": ping\n\n", b"\ndata:[DONE]"]
)
def test_a_stream_that_nobody_asked_for_is_named_with_what_turns_it_off(body: bytes) -> None:
    fault = fault_of_body(TARGET, 200, "text/event-stream", body)

    assert (fault.failure_class, fault.retry) == (FailureClass.MODEL_BAD_RESPONSE, Retry.NEVER)
    assert "answered 200 with an event stream" in fault.message
    assert "extra_body: {stream: false}" in fault.message


@pytest.mark.parametrize(
    ("body", "kind"),
    [(b"null", "null"), (b"[1]", "array"), (b'"x"', "string"), (b"1.5", "number"), (b"true", "boolean")],
)
def test_json_that_is_no_object_is_named_in_the_words_of_json(body: bytes, kind: str) -> None:
    fault = fault_of_body(TARGET, 200, "application/json", body)

    assert fault.message.endswith(f"answered 200 with a JSON {kind} where an object belongs.")
