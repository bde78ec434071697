"""Connections to model endpoints that fail, break, stall or speak something else."""

import asyncio

import pytest

from polygym.channels.endpoint_faults import BRIEF_ATTEMPTS
from polygym.protocol.failures import FailureClass, RolloutFailure
from polygym.protocol.json import JsonObject
from tests.channels.endpoint_calls import GOOD, answering, call, failure_from_bytes
from tests.channels.loopback import http_endpoint, raw_endpoint, unused_url


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
