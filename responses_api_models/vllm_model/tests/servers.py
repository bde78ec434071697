"""Model servers to test, and what they get from an endpoint."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

from aiohttp import web
from aiohttp.test_utils import TestServer

from polygym import JsonObject, RolloutContext
from responses_api_models.vllm_model.app import VLLMModel

Call: TypeAlias = Callable[[VLLMModel], Awaitable[JsonObject]]
COMPLETION: JsonObject = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "tiny",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hi"}}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
}


def make(**fields: Any) -> VLLMModel:
    """A model server with these fields."""
    fields = {"base_url": "http://host/v1", "model": "tiny", **fields}
    return VLLMModel("policy_model", VLLMModel.parse_config(fields, "test"), None)  # type: ignore[arg-type]


@asynccontextmanager
async def running(**fields: Any) -> AsyncIterator[VLLMModel]:
    """A model server with these fields, from start to stop."""
    server = make(**fields)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


def exchange(answer: JsonObject, call: Call, **fields: Any) -> tuple[JsonObject, list[JsonObject]]:
    """What `call` gets from a server whose endpoint answers `answer`, and the bodies that the endpoint got."""
    answered, requests = exchange_all([answer], call, **fields)
    return answered, [body for _, body in requests]


def exchange_all(
    answers: Sequence[JsonObject | web.Response], call: Call, **fields: Any
) -> tuple[JsonObject, list[tuple[web.Request, JsonObject]]]:
    """As `exchange`, with one answer after another, the last again and again; the requests with their bodies."""
    requests: list[tuple[web.Request, JsonObject]] = []

    async def handle(request: web.Request) -> web.Response:
        requests.append((request, await request.json()))
        answer = answers[min(len(requests), len(answers)) - 1]
        return answer if isinstance(answer, web.Response) else web.json_response(answer)

    async def run() -> JsonObject:
        app = web.Application()
        app.router.add_post("/{path:.*}", handle)
        async with TestServer(app) as endpoint, running(base_url=str(endpoint.make_url("/v1")), **fields) as server:
            return await call(server)

    return asyncio.run(run()), requests


def responses(params: JsonObject) -> Call:
    """Ask in the Responses dialect."""
    return lambda server: server.responses(params, RolloutContext("0-0"))


def chat_completions(params: JsonObject) -> Call:
    """Ask in the Chat Completions dialect."""
    return lambda server: server.chat_completions(params, RolloutContext("0-0"))
