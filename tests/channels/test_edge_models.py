import asyncio
import json

import anthropic
import openai
import pytest

from polygym import RolloutFailure
from polygym.channels.embedded import EmbeddedModel
from polygym.channels.http import HttpModel, HttpServer
from polygym.protocol.calls import RolloutContext
from polygym.protocol.failures import FailureClass, Stage
from polygym.protocol.json import JsonObject
from tests.channels.callers import Caller, served
from tests.servers.notebook import Writer, made


def client_of(caller: Caller) -> openai.AsyncOpenAI:
    """The official client, which does not try again."""
    return openai.AsyncOpenAI(base_url=f"{caller.url}/v1", api_key="none", max_retries=0)


class Refusing(Writer):
    """Fails as the request's model name says."""

    async def responses(self, params: JsonObject, context: RolloutContext) -> JsonObject:
        if params.get("model") == "ok":
            return await super().responses(params, context)
        raise FAILURES[params["model"]]

    async def chat_completions(self, params: JsonObject, context: RolloutContext) -> JsonObject:
        if params.get("model") == "ok":
            return await super().chat_completions({**params, "input": "x"}, context)
        raise FAILURES[params["model"]]


FAILURES = {
    "wrong key": RolloutFailure(FailureClass.MODEL_REJECTED, Stage.MODEL, "bad key", http_status=401),
    "wrong name": RolloutFailure(FailureClass.MODEL_REJECTED, Stage.MODEL, "no such model", http_status=404),
    "wrong value": RolloutFailure(FailureClass.MODEL_REJECTED, Stage.MODEL, "temperature", http_status=400),
    "too long": RolloutFailure(FailureClass.CONTEXT_EXCEEDED, Stage.MODEL, "too long"),
    "too fast": RolloutFailure(FailureClass.MODEL_RATE_LIMITED, Stage.MODEL, "slow down", http_status=429),
    "overloaded": RolloutFailure(FailureClass.MODEL_UNAVAILABLE, Stage.MODEL, "overloaded", http_status=529),
    "down": RolloutFailure(FailureClass.MODEL_UNAVAILABLE, Stage.MODEL, "nobody there"),
    "odd": RolloutFailure(FailureClass.MODEL_BAD_RESPONSE, Stage.MODEL, "an error inside", http_status=200),
    "moved": RolloutFailure(FailureClass.MODEL_REJECTED, Stage.MODEL, "moved", http_status=307),
}


def test_the_official_client_is_answered_in_both_dialects() -> None:
    async def main() -> None:
        async with served(EmbeddedModel(made(Writer, "policy"))) as caller, client_of(caller()) as client:
            response = await client.responses.create(model="any", input="hello")
            assert response.output[0].type == "function_call" and response.output[0].name == "write"
            assert response.usage is not None and response.usage.total_tokens == 2

            completion = await client.chat.completions.create(
                model="any", messages=[{"role": "user", "content": "hello"}]
            )
            (call,) = completion.choices[0].message.tool_calls or []
            assert call.type == "function" and call.function.arguments == '{"text": "hello"}'

            assert [model.id async for model in client.models.list()] == ["policy"]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("model", "status", "exception"),
    [
        ("wrong key", 401, "AuthenticationError"),
        ("wrong name", 404, "NotFoundError"),
        ("wrong value", 400, "BadRequestError"),
        ("too long", 400, "BadRequestError"),
        ("too fast", 429, "RateLimitError"),
        ("down", 503, "InternalServerError"),
        ("odd", 502, "InternalServerError"),
        ("moved", 400, "BadRequestError"),
    ],
)
def test_the_official_client_raises_what_the_endpoint_did(model: str, status: int, exception: str) -> None:
    async def main() -> None:
        async with served(EmbeddedModel(made(Refusing, "policy"))) as caller, client_of(caller()) as client:
            for call in (
                client.responses.create(model=model, input="hello"),
                client.chat.completions.create(model=model, messages=[{"role": "user", "content": "hello"}]),
            ):
                with pytest.raises(openai.APIStatusError) as caught:
                    await call
                assert (caught.value.status_code, type(caught.value).__name__) == (status, exception)
                assert FAILURES[model].message in caught.value.message

    asyncio.run(main())


def test_a_model_server_keeps_a_rollout_together_by_its_cookie() -> None:
    class Naming(Writer):
        async def responses(self, params: JsonObject, context: RolloutContext) -> JsonObject:
            return {**await super().responses(params, context), "metadata": {"rollout": context.rollout_id}}

    async def main() -> None:
        async with served(EmbeddedModel(made(Naming, "policy"))) as caller:
            first, second = caller(), caller()
            ids = [
                (await client.post("/v1/responses", {"input": "a"}))[1]["metadata"]["rollout"]
                for client in (first, first, second)
            ]
            assert ids[0] == ids[1] != ids[2]
            assert list(first.cookies) == ["Naming___policy"]

    asyncio.run(main())


def test_a_request_that_cannot_be_converted_is_refused_as_bad() -> None:
    async def main() -> None:
        async with served(EmbeddedModel(made(Writer, "policy"))) as caller:
            status, refused = await caller().post("/v1/chat/completions", {"messages": "hello"})
            assert status == 400 and "messages must be a list" in refused["error"]["message"]

            status, refused = await caller().post("/v1/responses", {"input": "a", "stream": "yes"})
            assert status == 422 and refused["detail"][0]["loc"] == ["body", "stream"]

    asyncio.run(main())


def anthropic_client_of(caller: Caller) -> anthropic.AsyncAnthropic:
    """Anthropic's official client, which does not try again."""
    return anthropic.AsyncAnthropic(base_url=caller.url, api_key="none", max_retries=0)


def test_anthropics_official_client_is_answered() -> None:
    async def main() -> None:
        async with served(EmbeddedModel(made(Writer, "policy"))) as caller, anthropic_client_of(caller()) as client:
            message = await client.messages.create(
                model="any", max_tokens=9, messages=[{"role": "user", "content": "hello"}]
            )
            (block,) = message.content
            assert block.type == "tool_use" and (block.name, block.input) == ("write", {"text": "hello"})
            assert message.stop_reason == "tool_use"
            assert (message.usage.input_tokens, message.usage.output_tokens) == (1, 1)

            assert [model.id async for model in client.models.list()] == ["policy"]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("model", "status", "kind", "exception"),
    [
        ("wrong key", 401, "authentication_error", "AuthenticationError"),
        ("wrong name", 404, "not_found_error", "NotFoundError"),
        ("wrong value", 400, "invalid_request_error", "BadRequestError"),
        ("too long", 400, "invalid_request_error", "BadRequestError"),
        ("too fast", 429, "rate_limit_error", "RateLimitError"),
        ("overloaded", 529, "overloaded_error", "OverloadedError"),
        ("down", 503, "api_error", "ServiceUnavailableError"),
        ("odd", 502, "api_error", "InternalServerError"),
    ],
)
@pytest.mark.parametrize("is_streamed", [False, True])
def test_anthropics_official_client_raises_what_the_endpoint_did(
    model: str, status: int, kind: str, exception: str, is_streamed: bool
) -> None:
    async def main() -> None:
        async with served(EmbeddedModel(made(Refusing, "policy"))) as caller, anthropic_client_of(caller()) as client:
            with pytest.raises(anthropic.APIStatusError) as caught:
                await client.messages.create(
                    model=model, max_tokens=9, messages=[{"role": "user", "content": "hello"}], stream=is_streamed
                )
            assert (caught.value.status_code, type(caught.value).__name__) == (status, exception)
            assert isinstance(caught.value.body, dict)
            assert caught.value.body["type"] == "error"
            assert caught.value.body["error"] == {"type": kind, "message": FAILURES[model].message}

    asyncio.run(main())


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "JSON decode error"),
        (b"[]", "Input should be a JSON object"),
        (b"{}", "policy: 'messages' is missing"),
        (b'{"messages": [], "stream": "yes"}', "valid boolean"),
        (b'{"messages": [], "container": "c"}', "container: the policy is no Anthropic endpoint"),
    ],
)
def test_a_bad_body_is_an_invalid_request_of_the_messages_api(body: bytes, message: str) -> None:
    async def main() -> tuple[int, bytes]:
        async with served(EmbeddedModel(made(Writer, "policy"))) as caller:
            status, raw, _ = await caller().send("POST", "/v1/messages?beta=true", data=body)
            return status, raw

    status, raw = asyncio.run(main())
    answer = json.loads(raw)

    assert status == 400
    assert (answer["type"], answer["error"]["type"]) == ("error", "invalid_request_error")
    assert message in answer["error"]["message"]


def test_a_server_that_raises_something_else_is_reported_in_the_callers_dialect() -> None:
    class Broken(Writer):
        def list_models(self) -> list[str]:
            return []

        async def messages(self, params: JsonObject, context: RolloutContext) -> JsonObject:
            raise KeyError("lost")

    async def main() -> tuple[int, JsonObject]:
        async with served(EmbeddedModel(made(Broken, "policy"))) as caller:
            assert (await caller().send("GET", "/v1/models"))[0] == 200
            status, answer = await caller().post("/v1/messages", {"messages": []})
            return status, answer

    status, answer = asyncio.run(main())

    assert status == 502 and answer["error"]["type"] == "api_error"
    assert "KeyError" in answer["error"]["message"]
    assert answer["_ng_failure_class"] == "model_bad_response"


def test_tokens_that_cannot_be_counted_are_said_to_be_so() -> None:
    class Counting(Writer):
        async def count_message_tokens(self, params: JsonObject, context: RolloutContext) -> JsonObject:
            return {"input_tokens": len(params["messages"])}

    async def count(server: type[Writer]) -> int:
        async with served(EmbeddedModel(made(server, "policy"))) as caller, anthropic_client_of(caller()) as client:
            counted = await client.messages.count_tokens(model="any", messages=[{"role": "user", "content": "hello"}])
            return counted.input_tokens

    assert asyncio.run(count(Counting)) == 1
    with pytest.raises(anthropic.NotFoundError, match="cannot be counted"):
        asyncio.run(count(Writer))


def test_a_model_server_elsewhere_is_called_in_the_messages_dialect() -> None:
    params = {"model": "ok", "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]}

    async def main() -> JsonObject:
        async with served(EmbeddedModel(made(Refusing, "policy"))) as caller:
            server = HttpServer("policy", caller().url)
            try:
                with pytest.raises(RolloutFailure) as caught:
                    await HttpModel(server).messages({**params, "model": "too fast"}, RolloutContext("0-0"))
                assert caught.value.failure_class is FailureClass.MODEL_RATE_LIMITED
                return await HttpModel(server).messages(params, RolloutContext("0-0"))
            finally:
                await server.close()

    assert asyncio.run(main())["content"][0]["name"] == "write"
