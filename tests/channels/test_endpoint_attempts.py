"""What an endpoint's status means to a call: which failure it is, and whether it is tried again."""

import asyncio
import logging

import pytest
from aiohttp import web

from polygym.channels.endpoint import Endpoint
from polygym.protocol.calls import RolloutContext
from polygym.protocol.failures import FailureClass
from tests.channels.endpoint_calls import GOOD, answering, failure_from, post_to
from tests.channels.loopback import http_endpoint


@pytest.mark.parametrize(
    ("status", "failure_class", "advice"),
    [
        (400, FailureClass.MODEL_REJECTED, "status 400 it is"),
        (401, FailureClass.MODEL_REJECTED, "Check the API key"),
        (403, FailureClass.MODEL_REJECTED, "Check the API key"),
        (404, FailureClass.MODEL_REJECTED, "model name is wrong"),
        (408, FailureClass.TIMEOUT, "408"),
        (422, FailureClass.MODEL_REJECTED, "status 422 it is"),
        (429, FailureClass.MODEL_RATE_LIMITED, "Lower the concurrency"),
        (500, FailureClass.MODEL_UNAVAILABLE, "status 500 it is"),
        (503, FailureClass.MODEL_UNAVAILABLE, "status 503 it is"),
    ],
)
def test_a_status_gives_a_named_failure(status: int, failure_class: FailureClass, advice: str) -> None:
    handler, requests = answering(status)

    failure = failure_from(handler, max_attempts=1)

    assert failure.failure_class is failure_class
    assert failure.http_status == status
    assert advice in failure.message
    assert f"{requests[0].url}" in failure.message


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 520])
def test_a_passing_trouble_is_tried_again(status: int) -> None:
    handler, requests = answering(status, status, GOOD)

    assert post_to(handler) == GOOD
    assert len(requests) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_refusal_is_not_tried_again(status: int) -> None:
    handler, requests = answering(status)

    failure_from(handler, max_attempts=9)

    assert len(requests) == 1


def test_attempts_are_bounded_and_counted_in_the_message() -> None:
    handler, requests = answering(503)

    failure = failure_from(handler, max_attempts=4)

    assert len(requests) == 4
    assert "Tried 4 times" in failure.message


def test_a_missing_version_in_the_base_url_is_hinted_at() -> None:
    handler, _ = answering(404)

    assert "'/v1' missing" in failure_from(handler, path="").message
    assert "'/v1' missing" not in failure_from(handler, path="/v1").message


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("0.25", 0.25), ("soon", None), ("-3", 0.0)])
def test_retry_after_is_carried_in_seconds(header: str, seconds: float | None) -> None:
    handler, _ = answering(web.Response(status=429, headers={"Retry-After": header}))

    assert failure_from(handler, max_attempts=1).retry_after_s == seconds


def test_who_is_told_to_wait_for_long_fails_at_once_and_says_how_long() -> None:
    handler, requests = answering(web.Response(status=429, headers={"Retry-After": "86400"}))

    failure = failure_from(handler, max_attempts=5)

    assert failure.retry_after_s == 86400
    assert len(requests) == 1


def test_a_spent_quota_is_not_waited_for() -> None:
    body = b'{"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}'
    handler, requests = answering(web.Response(status=429, body=body))

    assert failure_from(handler).failure_class is FailureClass.MODEL_RATE_LIMITED
    assert len(requests) == 1


def test_a_redirect_is_refused_with_its_target() -> None:
    handler, _ = answering(web.Response(status=308, headers={"Location": "https://elsewhere.example/v1/responses"}))

    failure = failure_from(handler)

    assert failure.failure_class is FailureClass.MODEL_REJECTED
    assert "https://elsewhere.example/v1/responses" in failure.message


def test_the_first_failed_attempt_is_logged_and_its_repetitions_are_not(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        handler, _ = answering(503)
        async with http_endpoint(handler) as url:
            endpoint = Endpoint(url, max_attempts=3, backoff_s=0.001)
            calls = (endpoint.post("/responses", {}, RolloutContext(f"{index}-0")) for index in range(20))
            await asyncio.gather(*calls, return_exceptions=True)
            await endpoint.close()

    with caplog.at_level(logging.WARNING, logger="polygym.endpoint"):
        asyncio.run(run())

    (record,) = caplog.records
    assert "status 503 it is" in record.getMessage()
    assert "Trying again" in record.getMessage()
