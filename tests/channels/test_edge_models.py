import asyncio

import openai
import pytest

from polygym import RolloutFailure
from polygym.channels.embedded import EmbeddedModel
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


def test_a_request_for_a_stream_is_refused_with_what_to_do() -> None:
    async def main() -> None:
        async with served(EmbeddedModel(made(Writer, "policy"))) as caller:
            status, refused = await caller().post("/v1/responses", {"input": "a", "stream": True})
            assert status == 422 and refused["detail"][0]["loc"] == ["body", "stream"]
            assert "stream false" in refused["detail"][0]["msg"]

    asyncio.run(main())
