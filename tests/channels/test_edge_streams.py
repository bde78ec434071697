"""Streams of model servers, read by the official clients and byte by byte."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from unittest.mock import patch

import aiohttp
import anthropic
import openai
import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer

from polygym.channels.edge_models import ModelEdge
from polygym.channels.embedded import EmbeddedModel
from polygym.protocol.calls import RolloutContext
from polygym.protocol.failures import FailureClass, RolloutFailure, Stage
from polygym.protocol.json import JsonObject
from tests.channels.callers import at_url, served
from tests.channels.policies import TOKENS, Adder, Slow, add
from tests.servers.notebook import made

TOOL: JsonObject = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}}
CHAT_TOOL: JsonObject = {"type": "function", "function": {"name": "add", "parameters": TOOL}}
RESPONSES_TOOL: JsonObject = {"type": "function", "name": "add", "parameters": TOOL, "strict": False}
MESSAGES_TOOL: JsonObject = {"name": "add", "input_schema": TOOL}
FAILURE = RolloutFailure(FailureClass.MODEL_RATE_LIMITED, Stage.MODEL, "slow down", http_status=429, retry_after_s=7)


def openai_conversation_in_responses(url: str, is_streamed: bool) -> str:
    """What the policy says in the end to OpenAI's official client, tools called meanwhile."""
    with openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
        items: list[JsonObject] = [{"role": "user", "content": "add"}]
        while True:
            params = {"model": "any", "input": list(items), "tools": [RESPONSES_TOOL]}
            if is_streamed:
                with client.responses.stream(**params) as stream:
                    text = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
                    response = stream.get_final_response()
                assert text == response.output_text
            else:
                response = client.responses.create(**params)
            assert response.output[-1].model_extra is not None
            assert response.output[-1].model_extra.items() >= TOKENS.items()
            items += [item.model_dump(exclude_none=True) for item in response.output]
            calls = [item for item in response.output if item.type == "function_call"]
            for call in calls:
                items.append({"type": "function_call_output", "call_id": call.call_id, "output": add(call.arguments)})
            if not calls:
                return response.output_text


def openai_conversation_in_chat(url: str, is_streamed: bool) -> str:
    with openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
        messages: list[JsonObject] = [{"role": "user", "content": "add"}]
        while True:
            params = {"model": "any", "messages": list(messages), "tools": [CHAT_TOOL]}
            if is_streamed:
                with client.chat.completions.stream(**params, stream_options={"include_usage": True}) as stream:
                    text = "".join(event.delta for event in stream if event.type == "content.delta")
                    completion = stream.get_final_completion()
                assert text == completion.choices[0].message.content
            else:
                completion = client.chat.completions.create(**params)
            message = completion.choices[0].message
            assert completion.usage is not None and completion.usage.total_tokens == 5
            assert message.model_extra is not None and message.model_extra.items() >= TOKENS.items()
            messages.append(message.model_dump(exclude_none=True))
            for call in message.tool_calls or []:
                assert call.type == "function" and completion.choices[0].finish_reason == "tool_calls"
                answer = {"role": "tool", "tool_call_id": call.id, "content": add(call.function.arguments)}
                messages.append(answer)
            if not message.tool_calls:
                return message.content or ""


def anthropic_conversation(url: str, is_streamed: bool) -> str:
    with anthropic.Anthropic(base_url=url, api_key="none", max_retries=0) as client:
        messages: list[JsonObject] = [{"role": "user", "content": "add"}]
        while True:
            params = {"model": "any", "max_tokens": 99, "messages": list(messages), "tools": [MESSAGES_TOOL]}
            message: anthropic.types.Message
            if is_streamed:
                with client.messages.stream(**params) as stream:
                    text = "".join(stream.text_stream)
                    message = stream.get_final_message()
                assert text == "".join(block.text for block in message.content if block.type == "text")
            else:
                message = client.messages.create(**params)
            assert (message.usage.input_tokens, message.usage.output_tokens) == (3, 2)
            assert message.content[-1].model_extra is not None
            assert message.content[-1].model_extra.items() >= TOKENS.items()
            messages.append({"role": "assistant", "content": [block.model_dump() for block in message.content]})
            calls = [block for block in message.content if block.type == "tool_use"]
            assert message.stop_reason == ("tool_use" if calls else "end_turn")
            if not calls:
                return message.content[-1].text if message.content[-1].type == "text" else ""
            results = [{"type": "tool_result", "tool_use_id": call.id, "content": add(call.input)} for call in calls]
            messages.append({"role": "user", "content": results})


@pytest.mark.parametrize("is_streamed", [False, True])
@pytest.mark.parametrize(
    "converse", [openai_conversation_in_responses, openai_conversation_in_chat, anthropic_conversation]
)
def test_the_official_clients_converse_with_tools(converse: Callable[[str, bool], str], is_streamed: bool) -> None:
    policy = made(Adder)

    async def main() -> str:
        async with served(EmbeddedModel(policy)) as caller:
            return await asyncio.to_thread(converse, caller().url, is_streamed)

    assert asyncio.run(main()) == "It is 3."
    said = policy.asked[-1]["input"]
    thoughts = [item for item in said if item.get("type") == "reasoning"]
    calls = [item for item in said if item.get("type") == "function_call"]
    assert [thought["encrypted_content"] for thought in thoughts] == ["sealed 0", "sealed 1"]
    assert [call["arguments"] for call in calls] == ['{"a": 0, "b": 2}', '{"a": 1, "b": 2}']
    assert all(call.items() >= TOKENS.items() for call in calls)
    assert not any("stream" in params or "stream_options" in params for params in policy.asked)


def test_the_asynchronous_clients_read_streams_too() -> None:
    async def main() -> None:
        async with served(EmbeddedModel(made(Adder))) as caller:
            async with openai.AsyncOpenAI(base_url=f"{caller().url}/v1", api_key="none") as client:
                kinds = [event.type async for event in await client.responses.create(input="add", stream=True)]
                assert kinds[0] == "response.created" and kinds[-1] == "response.completed"
                messages = [{"role": "user", "content": "add"}]
                chunks = [
                    c async for c in await client.chat.completions.create(messages=messages, model="", stream=True)
                ]
                assert all(chunk.usage is None for chunk in chunks)
                assert chunks[-1].choices[0].finish_reason == "tool_calls"
            async with (
                anthropic.AsyncAnthropic(base_url=caller().url, api_key="none") as messages_client,
                messages_client.messages.stream(model="any", max_tokens=9, messages=messages) as stream,
            ):
                assert (await stream.get_final_message()).content[-1].type == "tool_use"

    asyncio.run(main())


def test_an_official_client_is_a_rollout_unless_it_says_which() -> None:
    policy = made(Adder)
    messages = [{"role": "user", "content": "add"}]

    def ask(url: str) -> None:
        for headers in ({}, {}, {"X-Polygym-Rollout": "7-1"}):
            with openai.OpenAI(base_url=f"{url}/v1", api_key="none", default_headers=headers) as client:
                client.responses.create(input="add")
                list(client.chat.completions.create(messages=messages, model="", stream=True))
            with anthropic.Anthropic(base_url=url, api_key="none", default_headers=headers) as messages_client:
                messages_client.messages.create(model="", max_tokens=9, messages=messages)
                messages_client.messages.create(model="", max_tokens=9, messages=messages)

    async def main() -> None:
        async with served(EmbeddedModel(policy)) as caller:
            await asyncio.to_thread(ask, caller().url)

    asyncio.run(main())

    firsts, seconds = policy.rollouts[::2], policy.rollouts[1::2]
    assert firsts == seconds
    assert len(set(firsts)) == 5
    assert firsts[4:] == ["7-1", "7-1"]


REQUESTS = [
    ("/v1/responses", {"input": "hello", "stream": True}),
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": "hello"}], "stream": True}),
    ("/v1/messages", {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 9, "stream": True}),
]
SIGNS = {"/v1/messages": b'event: ping\ndata: {"type": "ping"}\n\n'}


@asynccontextmanager
async def reading(server: Slow, path: str, body: JsonObject) -> AsyncIterator[aiohttp.ClientResponse]:
    """A stream that shows signs of life at once, after the first of them."""
    async with (
        RawTestServer(ModelEdge(EmbeddedModel(server), keep_alive_s=0.001).answer) as edge,
        aiohttp.ClientSession() as session,
        session.post(edge.make_url(path), json=body) as response,
    ):
        sign = SIGNS.get(path, b": still working\n\n")
        assert await response.content.readexactly(3 * len(sign)) == 3 * sign
        yield response


@pytest.mark.parametrize(("path", "body"), REQUESTS)
def test_a_stream_is_kept_alive_while_the_answer_is_made(path: str, body: JsonObject) -> None:
    async def main() -> bytes:
        server = made(Slow)
        async with reading(server, path, body) as response:
            assert (response.status, response.content_type) == (200, "text/event-stream")
            assert "Set-Cookie" in response.headers
            server.go.set()
            return await response.read()

    assert b'"done"' in asyncio.run(main())


@pytest.mark.parametrize(("path", "body"), REQUESTS)
def test_a_failure_before_the_stream_has_begun_is_a_status(path: str, body: JsonObject) -> None:
    async def main() -> tuple[int, JsonObject]:
        server = made(Slow)
        server.error = FAILURE
        server.go.set()
        async with served(EmbeddedModel(server)) as caller:
            client = caller()
            status, answer = await client.post(path, body)
            assert client.headers["Retry-After"] == "7"
            return status, answer

    status, answer = asyncio.run(main())

    assert status == 429 and answer["error"]["message"] == "slow down"
    assert answer["_ng_failure_class"] == "model_rate_limited"


@pytest.mark.parametrize("error", [FAILURE, KeyError("lost")])
@pytest.mark.parametrize(("path", "body"), REQUESTS)
def test_a_failure_inside_a_stream_is_its_last_event(path: str, body: JsonObject, error: Exception) -> None:
    async def main() -> bytes:
        server = made(Slow)
        server.error = error
        async with reading(server, path, body) as response:
            server.go.set()
            return await response.read()

    event = json.loads(asyncio.run(main()).rpartition(b"data: ")[2])

    assert ("slow down" if error is FAILURE else "KeyError") in event["error"]["message"]
    assert event.get("type") == (None if "chat" in path else "error")


@pytest.mark.parametrize(("path", "body"), REQUESTS)
def test_an_answer_that_cannot_be_streamed_is_a_bad_response(path: str, body: JsonObject) -> None:
    class Hostile(Adder):
        async def responses(self, params: JsonObject, context: RolloutContext) -> JsonObject:
            return {"id": "resp_1", "model": "m", "output": [{"type": "reasoning", "summary": [5]}]}

    async def main() -> tuple[int, JsonObject]:
        async with served(EmbeddedModel(made(Hostile))) as caller:
            return await caller().post(path, body)

    status, answer = asyncio.run(main())

    assert (status, answer["_ng_failure_class"]) == (502, "model_bad_response")


def read_with_responses(url: str) -> None:
    with openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
        for _ in client.responses.create(input="hello", stream=True):
            pass


def read_with_chat(url: str) -> None:
    with openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
        for _ in client.chat.completions.create(messages=[{"role": "user", "content": "a"}], model="", stream=True):
            pass


def read_with_messages(url: str) -> None:
    messages = [{"role": "user", "content": "hello"}]
    with (
        anthropic.Anthropic(base_url=url, api_key="none", max_retries=0) as client,
        client.messages.stream(model="any", max_tokens=9, messages=messages) as stream,
    ):
        stream.until_done()


@pytest.mark.parametrize(
    ("read", "exception"),
    [
        (read_with_responses, openai.APIError),
        (read_with_chat, openai.APIError),
        (read_with_messages, anthropic.APIStatusError),
    ],
)
def test_the_official_clients_raise_a_failure_inside_a_stream(
    read: Callable[[str], None], exception: type[Exception]
) -> None:
    async def main() -> None:
        server = made(Slow)
        server.error = FAILURE
        edge = ModelEdge(EmbeddedModel(server), keep_alive_s=0.001)
        prepare = web.StreamResponse.prepare

        async def stream_has_begun(response: web.StreamResponse, request: web.BaseRequest) -> object:
            server.go.set()
            return await prepare(response, request)

        with patch.object(web.StreamResponse, "prepare", stream_has_begun):
            async with at_url(edge) as url:
                await asyncio.to_thread(read, url)

    with pytest.raises(exception, match="slow down"):
        asyncio.run(main())


async def hang_up(url: str, server: Slow) -> None:
    """Ask for a stream, go away once the call is under way, and see it cancelled."""
    async with aiohttp.ClientSession() as session:
        path, body = REQUESTS[0]
        asking = asyncio.create_task(session.post(url + path, json=body))
        await server.begun.wait()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    await server.cancelled.wait()


async def served_as_a_fleet_does(server: Slow) -> None:
    async with at_url(ModelEdge(EmbeddedModel(server))) as url:
        await hang_up(url, server)


async def served_without_notice(server: Slow) -> None:
    """By a server that learns of a lost connection only when it writes."""
    async with RawTestServer(ModelEdge(EmbeddedModel(server), keep_alive_s=0.001).answer) as edge:
        await hang_up(str(edge.make_url("")).rstrip("/"), server)


@pytest.mark.parametrize("serving", [served_as_a_fleet_does, served_without_notice])
def test_a_caller_that_goes_away_cancels_the_call(serving: Callable[[Slow], Awaitable[None]]) -> None:
    async def main() -> None:
        await serving(made(Slow))

    asyncio.run(main())
