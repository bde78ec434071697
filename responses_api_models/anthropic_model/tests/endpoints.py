"""Anthropic model servers to test, and the loopback endpoints that they talk to."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from polygym import JsonObject, RolloutContext
from responses_api_models.anthropic_model.app import AnthropicModel

MESSAGE: JsonObject = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "tiny",
    "content": [{"type": "text", "text": "hi"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 3, "output_tokens": 2},
}
TOOL: JsonObject = {
    "type": "function",
    "name": "add",
    "description": "Add.",
    "parameters": {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}},
}


def make(**fields: Any) -> AnthropicModel:
    """A model server with these fields."""
    fields = {"anthropic_base_url": "http://host", "anthropic_model": "tiny", **fields}
    return AnthropicModel("policy_model", AnthropicModel.parse_config(fields, "test"), None)  # type: ignore[arg-type]


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Call = Callable[[AnthropicModel], Awaitable[JsonObject]]


@asynccontextmanager
async def connected(handle: Handler, **fields: Any) -> AsyncIterator[AnthropicModel]:
    """A started server whose endpoint gives every request to `handle`."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    async with TestServer(app) as endpoint:
        server = make(**{"anthropic_base_url": str(endpoint.make_url("/")), "max_attempts": 1, **fields})
        await server.start()
        try:
            yield server
        finally:
            await server.stop()


def exchange(answer: JsonObject, call: Call, **fields: Any) -> tuple[JsonObject, list[tuple[web.Request, JsonObject]]]:
    """What `call` gets from a server whose endpoint answers `answer`, and the requests that the endpoint got."""
    requests: list[tuple[web.Request, JsonObject]] = []

    async def handle(request: web.Request) -> web.Response:
        requests.append((request, await request.json()))
        return web.json_response(answer)

    async def run() -> JsonObject:
        async with connected(handle, **fields) as server:
            return await call(server)

    return asyncio.run(run()), requests


def responses(params: JsonObject) -> Call:
    return lambda server: server.responses(params, RolloutContext("0-0"))


def messages(params: JsonObject) -> Call:
    return lambda server: server.messages(params, RolloutContext("0-0"))


THOUGHTS: list[JsonObject] = [
    {"type": "thinking", "thinking": "let me see", "signature": "sig-1"},
    {"type": "thinking", "thinking": "", "signature": "sig-2"},
    {"type": "redacted_thinking", "data": "sealed"},
]


class Thinker:
    """An Anthropic endpoint that thinks and calls a tool until it has two sums; refuses thoughts that were changed."""

    def __init__(self) -> None:
        self.requests: list[JsonObject] = []
        self.said: list[JsonObject] = []

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.requests.append(body)
        assert [message for message in body["messages"] if message["role"] == "assistant"] == self.said
        results = [
            block
            for message in body["messages"]
            if message["role"] == "user" and isinstance(message["content"], list)
            for block in message["content"]
        ]
        content = [*THOUGHTS, {"type": "text", "text": f"I know {len(results)} sums."}]
        if len(results) < 2:
            call = {"id": f"toolu_{len(results)}", "name": "add", "input": {"a": len(results), "b": 2}}
            content.append({"type": "tool_use", "caller": {"type": "direct"}, **call})
        self.said.append({"role": "assistant", "content": content})
        return web.json_response(
            {**MESSAGE, "content": content, "stop_reason": "tool_use" if len(results) < 2 else "end_turn"}
        )
