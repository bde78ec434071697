"""Whatever an endpoint answers, a call gives a Response or a failure that has a name."""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st

from polygym import FailureClass, JsonObject, RolloutContext, RolloutFailure, check_response
from responses_api_models.vllm_model.tests.servers import running
from tests.protocol import token_payloads as payloads
from tests.protocol.conversations import completions, junk, spoiled

Ask = Callable[[bytes, JsonObject], JsonObject]
PARAMS: JsonObject = {"input": "hi", "include": ["message.output_text.logprobs"]}
TOKENS: JsonObject = {"return_token_id_information": True}


@pytest.fixture(scope="module")
def ask() -> Iterator[Ask]:
    """Gives the answer of a model server, with these fields, whose endpoint answers these bytes to everything."""
    said = [b""]

    async def handle(_request: web.Request) -> web.Response:
        return web.Response(body=said[0], content_type="application/json")

    async def serve() -> TestServer:
        app = web.Application()
        app.router.add_post("/{path:.*}", handle)
        server = TestServer(app)
        await server.start_server()
        return server

    async def call(url: str, fields: JsonObject) -> JsonObject:
        async with running(base_url=url, max_attempts=1, **fields) as server:
            return await server.responses(PARAMS, RolloutContext("0-0"))

    def answered(body: bytes, fields: JsonObject) -> JsonObject:
        said[0] = body
        return runner.run(call(str(endpoint.make_url("/v1")), fields))

    with asyncio.Runner() as runner:
        endpoint = runner.run(serve())
        yield answered
        runner.run(endpoint.close())


def check(ask: Ask, body: bytes, fields: JsonObject) -> None:
    caught: RolloutFailure | None = None
    try:
        response = ask(body, fields)
    except RolloutFailure as failure:
        caught = failure
    if caught is not None:
        assert caught.failure_class is FailureClass.MODEL_BAD_RESPONSE
        return
    assert check_response(response) is None
    if fields.get("return_token_id_information"):
        last = response["output"][-1]
        assert len(last["generation_token_ids"]) == len(last["generation_log_probs"])


whole: st.SearchStrategy[Any] = completions() | st.sampled_from(list(payloads.IN_CHAT.values()))


@given(spoiled(whole) | junk, st.sampled_from([{}, TOKENS, {"uses_reasoning_parser": False}]))
def test_a_malformed_completion_is_an_answer_or_a_bad_response(ask: Ask, answer: Any, fields: JsonObject) -> None:
    check(ask, json.dumps(answer).encode(), fields)


@given(spoiled(st.sampled_from(list(payloads.IN_TEXT.values()))), st.sampled_from([{}, TOKENS]))
def test_a_malformed_text_completion_is_an_answer_or_a_bad_response(ask: Ask, answer: Any, fields: JsonObject) -> None:
    check(ask, json.dumps(answer).encode(), {**fields, "use_completions_api": True, "uses_reasoning_parser": True})


@given(st.integers(0, len(json.dumps(payloads.VLLM_0_11)) - 1))
def test_a_completion_that_breaks_off_is_a_bad_response(ask: Ask, end: int) -> None:
    with pytest.raises(RolloutFailure) as caught:
        ask(json.dumps(payloads.VLLM_0_11).encode()[:end], TOKENS)

    assert caught.value.failure_class is FailureClass.MODEL_BAD_RESPONSE


def test_a_log_probability_that_is_no_number_is_a_bad_response(ask: Ask) -> None:
    body = json.dumps(payloads.VLLM_0_11).replace("-0.25", "NaN").encode()

    with pytest.raises(RolloutFailure, match="no JSON") as caught:
        ask(body, TOKENS)

    assert caught.value.failure_class is FailureClass.MODEL_BAD_RESPONSE
