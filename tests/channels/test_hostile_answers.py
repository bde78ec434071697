"""Whatever an endpoint answers, a call gives a response that can be worked with or a failure that has a name."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from polygym.channels import endpoint as endpoint_module
from polygym.channels.endpoint_model import EndpointModel, check_completion
from polygym.protocol.calls import RolloutContext
from polygym.protocol.failures import FailureClass, RolloutFailure, Stage
from polygym.protocol.items import function_calls, output_text
from polygym.protocol.json import JsonObject, dumps
from polygym.protocol.messages import check_message
from polygym.protocol.responses import add_usage, check_response
from responses_api_models.anthropic_model.app import AnthropicModel
from responses_api_models.inference_provider.app import InferenceProvider
from responses_api_models.openai_model.app import OpenAIModel
from tests.channels.hostile import BOMB, COMPLETION, KEY, MAKERS, MESSAGES_ANSWER, RESPONSE, http
from tests.channels.loopback import raw_endpoint

NAMED = {
    FailureClass.MODEL_BAD_RESPONSE,
    FailureClass.MODEL_REJECTED,
    FailureClass.MODEL_RATE_LIMITED,
    FailureClass.MODEL_UNAVAILABLE,
    FailureClass.TIMEOUT,
}
QUICK = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def openai(url: str) -> EndpointModel:
    fields = {"openai_base_url": url, "openai_model": "tiny", "openai_api_key": KEY, "timeout_s": 5.0}
    return OpenAIModel("policy_model", OpenAIModel.parse_config({**fields, "max_attempts": 1}, "test"), None)  # type: ignore[arg-type]


def provider(url: str) -> EndpointModel:
    fields = {"base_url": url, "model": "tiny", "api_key": KEY, "timeout_s": 5.0, "max_attempts": 1}
    return InferenceProvider("policy_model", InferenceProvider.parse_config(fields, "test"), None)  # type: ignore[arg-type]


def anthropic(url: str) -> EndpointModel:
    fields = {"anthropic_base_url": url, "anthropic_model": "tiny", "anthropic_api_key": KEY, "timeout_s": 5.0}
    return AnthropicModel("policy_model", AnthropicModel.parse_config({**fields, "max_attempts": 1}, "test"), None)  # type: ignore[arg-type]


def responses(server: EndpointModel) -> Awaitable[JsonObject]:
    return server.responses({"input": "hi"}, RolloutContext("0-0"))


def chat(server: EndpointModel) -> Awaitable[JsonObject]:
    return server.chat_completions({"messages": [{"role": "user", "content": "hi"}]}, RolloutContext("0-0"))


def messages(server: EndpointModel) -> Awaitable[JsonObject]:
    params = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 9}
    return server.messages(params, RolloutContext("0-0"))


CALLS: list[tuple[Callable[[str], EndpointModel], Callable[[EndpointModel], Awaitable[JsonObject]]]] = [
    (openai, responses),
    (openai, chat),
    (provider, responses),
    (provider, chat),
    (anthropic, responses),
    (anthropic, chat),
    (anthropic, messages),
]


async def outcome(make: Callable[[str], EndpointModel], call: Callable[[EndpointModel], Any], answer: bytes) -> Any:
    """What a call gives whose endpoint answers with those bytes: an answer or a RolloutFailure."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)

    async with raw_endpoint(talk) as url:
        server = make(url + "/v1")
        await server.start()
        try:
            return await call(server)
        except RolloutFailure as failure:
            return failure
        finally:
            await server.stop()


def check(found: Any, call: Callable[..., Any]) -> None:
    """What is true of every outcome."""
    if isinstance(found, RolloutFailure):
        assert found.failure_class in NAMED
        assert found.stage is Stage.MODEL
        assert KEY not in found.message and 0 < len(found.message) < 2_000
        return
    dumps(found)
    if call is chat:
        assert check_completion(found) is None
        return
    if call is messages:
        assert check_message(found) is None
        return
    assert check_response(found) is None
    output_text(found["output"])
    list(function_calls(found["output"]))
    add_usage(add_usage(None, found.get("usage")), found.get("usage"))


@pytest.fixture(autouse=True, scope="module")
def small_answers() -> Iterator[None]:
    """Answers are too large sooner than they would be."""
    before = endpoint_module.LARGEST_ANSWER
    endpoint_module.LARGEST_ANSWER = 1 << 22
    yield
    endpoint_module.LARGEST_ANSWER = before


@pytest.mark.parametrize("kind", MAKERS)
def test_every_answer_is_one_to_work_with_or_a_named_failure(kind: str) -> None:
    @QUICK
    @given(MAKERS[kind]())
    def play(answer: bytes) -> None:
        async def run() -> None:
            for make, call in CALLS:
                check(await outcome(make, call, answer), call)

        asyncio.run(run())

    play()


def test_the_good_answers_that_hostile_ones_are_made_of_are_good() -> None:
    async def run() -> None:
        for answer, calls in ((RESPONSE, CALLS[:1]), (COMPLETION, CALLS[1:4]), (MESSAGES_ANSWER, CALLS[4:])):
            for make, call in calls:
                found = await outcome(make, call, http(json.dumps(answer).encode()))
                assert not isinstance(found, RolloutFailure), found
                check(found, call)

    asyncio.run(run())


@pytest.mark.parametrize("make", [openai, provider])
def test_a_small_answer_that_unpacks_to_a_huge_one_is_a_bad_response(make: Callable[[str], EndpointModel]) -> None:
    found = asyncio.run(outcome(make, responses, BOMB))

    assert isinstance(found, RolloutFailure)
    assert found.failure_class is FailureClass.MODEL_BAD_RESPONSE


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: "])
def test_an_endpoint_that_sends_a_byte_now_and_then_is_a_timeout(head: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while not reader.at_eof():
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.01)

    async def run() -> None:
        async with raw_endpoint(talk) as url:
            server = openai(url)
            server.config.timeout_s = 0.1
            await server.start()
            try:
                await responses(server)
            finally:
                await server.stop()

    with pytest.raises(RolloutFailure) as caught:
        asyncio.run(run())

    assert caught.value.failure_class is FailureClass.TIMEOUT
