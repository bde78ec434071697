"""Calls to model endpoints over real loopback connections: what goes out, what comes back, what is tried again."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from aiohttp import web

from polygym.channels.endpoint import Endpoint, parse_base_url
from polygym.channels.endpoint_faults import BRIEF_ATTEMPTS
from polygym.protocol.calls import RolloutContext
from polygym.protocol.failures import FailureClass, RolloutFailure, Stage
from polygym.protocol.json import JsonObject
from tests.channels.loopback import Handler, Talk, http_endpoint, raw_endpoint, unused_url

CONTEXT = RolloutContext("0-0")
GOOD = {"output": [], "error": None}


async def call(url: str | Sequence[str], body: JsonObject | None = None, **options: Any) -> JsonObject:
    """One POST to `/responses` below `url`, with short waits between attempts."""
    endpoint = Endpoint(url, **{"backoff_s": 0.001, **options})
    try:
        return await endpoint.post("/responses", body or {"model": "m"}, CONTEXT)
    finally:
        await endpoint.close()


def answering(*answers: web.Response | int | JsonObject) -> tuple[Handler, list[web.Request]]:
    """A handler that gives these answers in turn, the last one for ever, and the requests that it gets."""
    requests: list[web.Request] = []

    async def handle(request: web.Request) -> web.Response:
        requests.append(request)
        answer = answers[min(len(requests), len(answers)) - 1]
        if isinstance(answer, int):
            return web.json_response({"error": {"message": f"status {answer} it is"}}, status=answer)
        if isinstance(answer, dict):
            return web.json_response(answer)
        return web.Response(body=answer.body, status=answer.status, headers=answer.headers)

    return handle, requests


def post_to(handler: Handler, *, path: str = "/v1", **options: Any) -> JsonObject:
    """The answer of an endpoint served by `handler`."""

    async def run() -> JsonObject:
        async with http_endpoint(handler) as url:
            return await call(url + path, **options)

    return asyncio.run(run())


def failure_from(handler: Handler, **options: Any) -> RolloutFailure:
    """The failure of a call to an endpoint served by `handler`."""
    with pytest.raises(RolloutFailure) as caught:
        post_to(handler, **options)
    assert caught.value.stage is Stage.MODEL
    return caught.value


def failure_from_bytes(talk: Talk, **options: Any) -> RolloutFailure:
    """The failure of a call to a server that writes bytes of its own."""

    async def run() -> None:
        async with raw_endpoint(talk) as url:
            await call(url + "/v1", **options)

    with pytest.raises(RolloutFailure) as caught:
        asyncio.run(run())
    return caught.value


def test_the_body_goes_out_as_json_and_the_answer_comes_back_with_every_field() -> None:
    seen: list[tuple[str, str, str, JsonObject]] = []

    async def handle(request: web.Request) -> web.Response:
        seen.append((request.method, request.path, request.content_type, await request.json()))
        return web.json_response({"output": [{"type": "new_kind", "made_up": [1, None]}], "own_field": "ü"})

    answer = post_to(handler=handle, body={"model": "m", "input": "hé", "unknown": {"a": None}})

    assert seen == [
        ("POST", "/v1/responses", "application/json", {"model": "m", "input": "hé", "unknown": {"a": None}})
    ]
    assert answer == {"output": [{"type": "new_kind", "made_up": [1, None]}], "own_field": "ü"}


def test_a_trailing_slash_and_a_query_in_the_base_url_are_kept_in_their_place() -> None:
    handler, requests = answering(GOOD)

    post_to(handler, path="/openai/v1/?api-version=2")

    assert requests[0].path_qs == "/openai/v1/responses?api-version=2"


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({"api_key": "sk-1"}, "Bearer sk-1"),
        ({"api_key": " sk-1\n"}, "Bearer sk-1"),
        ({"api_key": None}, None),
        ({"api_key": ""}, None),
        ({"api_key": "sk-1", "headers": {"authorization": "Token t"}}, "Token t"),
    ],
)
def test_the_key_goes_out_as_a_bearer_token(options: Mapping[str, Any], sent: str | None) -> None:
    handler, requests = answering(GOOD)

    post_to(handler, **options)

    assert requests[0].headers.getall("Authorization", []) == ([sent] if sent else [])


def test_own_headers_go_out_with_every_call() -> None:
    handler, requests = answering(503, GOOD)

    post_to(handler, headers={"X-Tenant": "blue"})

    assert [request.headers["X-Tenant"] for request in requests] == ["blue", "blue"]


def test_a_body_of_several_megabytes_is_sent_without_a_warning() -> None:
    async def handle(request: web.Request) -> web.Response:
        return web.json_response({"length": len(await request.read())})

    assert post_to(handle, body={"input": "x" * 3_000_000})["length"] > 3_000_000


def test_no_limit_holds_back_concurrent_calls() -> None:
    async def run() -> int:
        arrived, all_here = 0, asyncio.Event()

        async def handle(request: web.Request) -> web.Response:
            nonlocal arrived
            arrived += 1
            if arrived == 300:
                all_here.set()
            await all_here.wait()
            return web.json_response(GOOD)

        async with http_endpoint(handle) as url:
            endpoint = Endpoint(url)
            calls = (endpoint.post("/responses", {}, RolloutContext(f"{index}-0")) for index in range(300))
            answers = await asyncio.gather(*calls)
            await endpoint.close()
        return len(answers)

    assert asyncio.run(run()) == 300


def test_an_endpoint_can_be_used_again_after_it_was_closed() -> None:
    async def run() -> JsonObject:
        handler, _ = answering(GOOD)
        async with http_endpoint(handler) as url:
            endpoint = Endpoint(url)
            await endpoint.post("/responses", {}, CONTEXT)
            await endpoint.close()
            answer = await endpoint.post("/responses", {}, CONTEXT)
            await endpoint.close()
            return answer

    assert asyncio.run(run()) == GOOD


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


def test_nobody_at_the_address_is_found_out_after_a_few_attempts() -> None:
    async def run() -> None:
        await call(await unused_url(), max_attempts=50)

    with pytest.raises(RolloutFailure, match=f"cannot be reached.*Tried {BRIEF_ATTEMPTS} times") as caught:
        asyncio.run(run())

    assert caught.value.failure_class is FailureClass.MODEL_UNAVAILABLE
    assert caught.value.http_status is None


def test_a_connection_that_breaks_before_the_answer_is_tried_again() -> None:
    broken = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal broken
        broken += 1
        if broken < 3:
            writer.transport.abort()
            return
        body = b'{"output": []}'
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body))

    async def run() -> JsonObject:
        async with raw_endpoint(talk) as url:
            return await call(url)

    assert asyncio.run(run()) == {"output": []}


def test_a_connection_that_always_breaks_is_unavailable() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    failure = failure_from_bytes(talk, max_attempts=2)

    assert failure.failure_class is FailureClass.MODEL_UNAVAILABLE
    assert "without an answer" in failure.message


def test_an_answer_that_breaks_off_is_a_bad_response() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"output": [')

    failure = failure_from_bytes(talk, max_attempts=2)

    assert failure.failure_class is FailureClass.MODEL_BAD_RESPONSE
    assert "broke off" in failure.message


def test_something_that_does_not_speak_http_is_a_bad_response() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.6\r\n")

    failure = failure_from_bytes(talk, max_attempts=1)

    assert failure.failure_class is FailureClass.MODEL_BAD_RESPONSE
    assert "does not answer in HTTP" in failure.message


def test_tls_towards_a_plain_server_says_to_use_http() -> None:
    async def run() -> None:
        handler, _ = answering(GOOD)
        async with http_endpoint(handler) as url:
            await call(url.replace("http://", "https://"), max_attempts=1)

    with pytest.raises(RolloutFailure, match=r"begin with http://") as caught:
        asyncio.run(run())

    assert caught.value.failure_class is FailureClass.MODEL_UNAVAILABLE


def test_an_answer_that_does_not_come_in_time_is_a_timeout() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()  # until the client hangs up

    failure = failure_from_bytes(talk, timeout_s=0.05)

    assert failure.failure_class is FailureClass.TIMEOUT
    assert "timeout_s" in failure.message


def test_an_answer_that_trickles_past_the_limit_is_a_timeout() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
        await writer.drain()
        await reader.read()

    assert failure_from_bytes(talk, timeout_s=0.05).failure_class is FailureClass.TIMEOUT


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            web.Response(text="<html><title>Welcome to nginx</title></html>", content_type="text/html"),
            "Welcome to nginx",
        ),
        (web.Response(text="<!doctype html><p>hi", content_type="text/plain"), "web page"),
        (web.Response(text='"output": [', content_type="application/json"), "no JSON"),
        (web.Response(text='{"logprob": NaN}', content_type="application/json"), "NaN and Infinity are none"),
        (web.json_response([1, 2]), "JSON list"),
        (web.json_response({"error": {"message": "the model crashed"}}), "the model crashed"),
        (web.json_response({"error": "overloaded", "output": []}), "overloaded"),
    ],
)
def test_a_good_status_with_something_else_inside_is_a_bad_response(answer: web.Response, said: str) -> None:
    handler, requests = answering(answer)

    failure = failure_from(handler)

    assert failure.failure_class is FailureClass.MODEL_BAD_RESPONSE
    assert failure.http_status == 200
    assert said in failure.message
    assert len(requests) == 1


@pytest.mark.parametrize("text", ['{"output": [', '{"output": [{"type": "mess', ""])
def test_an_answer_that_was_cut_off_on_the_way_is_asked_for_again(text: str) -> None:
    handler, requests = answering(web.Response(text=text, content_type="application/json"), GOOD)

    assert post_to(handler) == GOOD
    assert len(requests) == 2


def test_an_endpoint_that_always_cuts_its_answers_off_is_not_asked_for_long() -> None:
    handler, requests = answering(web.Response(text='{"output": [', content_type="application/json"))

    failure = failure_from(handler, max_attempts=50)

    assert failure.failure_class is FailureClass.MODEL_BAD_RESPONSE
    assert len(requests) == BRIEF_ATTEMPTS


@pytest.mark.parametrize(
    ("error", "failure_class", "status"),
    [
        ({"code": 502, "message": "Provider returned error"}, FailureClass.MODEL_UNAVAILABLE, 502),
        ({"code": "429", "message": "slow down"}, FailureClass.MODEL_RATE_LIMITED, 429),
        ({"code": "server_error", "message": "oops"}, FailureClass.MODEL_UNAVAILABLE, 500),
        ({"type": "overloaded_error", "message": "busy"}, FailureClass.MODEL_UNAVAILABLE, 503),
        ({"code": 401, "message": "no such key"}, FailureClass.MODEL_REJECTED, 401),
        ({"code": "content_filter", "message": "no"}, FailureClass.CONTENT_FILTERED, 400),
        ({"code": "context_length_exceeded", "message": "no"}, FailureClass.CONTEXT_EXCEEDED, 400),
    ],
)
def test_an_error_with_a_code_inside_a_good_answer_is_what_its_code_says(
    error: JsonObject, failure_class: FailureClass, status: int
) -> None:
    handler, _ = answering({"error": error})

    failure = failure_from(handler, max_attempts=1)

    assert (failure.failure_class, failure.http_status) == (failure_class, status)
    assert "with an error inside" in failure.message


def test_an_overload_that_is_told_inside_a_good_answer_is_tried_again() -> None:
    handler, requests = answering({"error": {"code": 503, "message": "busy"}}, GOOD)

    assert post_to(handler) == GOOD
    assert len(requests) == 2


def test_an_answer_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("polygym.channels.endpoint.LARGEST_ANSWER", 1 << 20)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(64):
            writer.write(b"10000\r\n" + b" " * 65536 + b"\r\n")
            await writer.drain()

    failure = failure_from_bytes(talk)

    assert failure.failure_class is FailureClass.MODEL_BAD_RESPONSE
    assert "more than 1 MiB" in failure.message


@pytest.mark.parametrize("key", ["sk-very-secret-key", "sk-very-secret-key\n"])
def test_secrets_appear_in_no_message_and_in_no_log(key: str, caplog: pytest.LogCaptureFixture) -> None:
    async def handle(request: web.Request) -> web.Response:
        text = f"bad key {request.headers['Authorization']}, tenant {request.headers['X-Tenant']}"
        return web.json_response({"error": {"message": text}}, status=401)

    failure = failure_from(handle, api_key=key, headers={"X-Tenant": "blue-horizon"}, path="/v1?token=quite-secret")

    for text in (failure.message, caplog.text):
        assert "bad key Bearer ***, tenant ***" in text
        assert "quite-secret" not in text


def test_user_and_password_of_the_url_authenticate_but_are_not_shown() -> None:
    async def run() -> None:
        handler, requests = answering(404)
        async with http_endpoint(handler) as url:
            try:
                await call(url.replace("http://", "http://ann:hunter22@"))
            finally:
                assert requests[0].headers["Authorization"] == "Basic YW5uOmh1bnRlcjIy"

    with pytest.raises(RolloutFailure) as caught:
        asyncio.run(run())

    assert "hunter22" not in caught.value.message


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


def test_a_cancelled_call_stays_cancelled() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        waiting.set()
        await reader.read()

    async def run() -> None:
        async with raw_endpoint(talk) as url:
            task = asyncio.create_task(call(url))
            await waiting.wait()
            task.cancel()
            await task

    waiting = asyncio.Event()
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(run())


@pytest.mark.parametrize(
    "text", ["localhost:8000/v1", "127.0.0.1:8000", "ftp://host/v1", "/v1", "", "http://", "http:///v1"]
)
def test_a_base_url_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="https://host:port/v1"):
        parse_base_url(text)


def test_an_endpoint_needs_a_base_url() -> None:
    with pytest.raises(ValueError, match="no base URL"):
        Endpoint([])


def test_a_key_beside_a_user_in_the_url_is_refused() -> None:
    with pytest.raises(ValueError, match="not both"):
        Endpoint("http://ann:pw@host/v1", api_key="sk-1")


def probe(handler: Handler, **options: Any) -> None:
    """Probe an endpoint served by `handler`."""

    async def run() -> None:
        async with http_endpoint(handler) as url:
            endpoint = Endpoint(url + "/v1", **options)
            try:
                await endpoint.probe("/models")
            finally:
                await endpoint.close()

    asyncio.run(run())


@pytest.mark.parametrize("status", [200, 204, 301, 400, 404, 405, 429, 500, 501, 503])
def test_a_probe_takes_any_answer_for_a_sign_of_life(status: int) -> None:
    handler, requests = answering(web.Response(status=status))

    probe(handler, api_key="sk-1")

    (request,) = requests
    assert (request.method, request.path, request.headers["Authorization"]) == ("GET", "/v1/models", "Bearer sk-1")


@pytest.mark.parametrize("status", [401, 403])
def test_a_probe_tells_that_the_key_is_refused(status: int) -> None:
    handler, requests = answering(status)

    with pytest.raises(RolloutFailure, match=f"/v1/models answered {status}.*Check the API key") as caught:
        probe(handler)

    assert (caught.value.failure_class, len(requests)) == (FailureClass.MODEL_REJECTED, 1)


def test_a_probe_tells_that_nobody_is_there_and_asks_once() -> None:
    async def run() -> None:
        endpoint = Endpoint(await unused_url())
        try:
            await endpoint.probe("/models")
        finally:
            await endpoint.close()

    with pytest.raises(RolloutFailure, match="cannot be reached") as caught:
        asyncio.run(run())

    assert caught.value.failure_class is FailureClass.MODEL_UNAVAILABLE


def test_a_server_that_hangs_up_on_a_probe_may_still_answer_calls() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def run() -> None:
        async with raw_endpoint(talk) as url:
            endpoint = Endpoint(url)
            await endpoint.probe("/models")
            await endpoint.close()

    asyncio.run(run())
