"""The Anthropic model server against loopback endpoints, and its configuration as it resolves."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anthropic
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given, settings
from omegaconf import OmegaConf

from polygym import FailureClass, JsonObject, RolloutContext, RolloutFailure, check_response
from polygym.channels.embedded import EmbeddedModel
from polygym.channels.endpoint import Endpoint
from polygym.channels.endpoint_model import check_completion
from polygym.fleet.serving import edge_app
from polygym.protocol.errors import ConfigError
from polygym.protocol.messages import check_message
from responses_api_models.anthropic_model.app import AnthropicModel
from tests.channels.policies import Adder, add
from tests.protocol.conversations import spoiled
from tests.protocol.messages import anthropic_answers
from tests.servers.notebook import made

CONFIG = Path(__file__).parent.parent / "configs" / "anthropic_model.yaml"
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


def test_responses_go_to_the_endpoint_as_messages() -> None:
    params = {
        "model": "other",
        "instructions": "be brief",
        "input": "hi",
        "temperature": 0.5,
        "tools": [TOOL],
        "parallel_tool_calls": False,
        "top_k": 5,
        "store": False,
        "metadata": {"user_id": "u", "task": "7"},
        "max_output_tokens": None,
    }

    answer, [(request, body)] = exchange(MESSAGE, responses(params))

    assert request.path == "/v1/messages"
    assert body == {
        "model": "tiny",
        "max_tokens": 4096,
        "system": "be brief",
        "messages": [{"role": "user", "content": "hi"}],
        "temperature": 0.5,
        "tools": [{"name": "add", "description": "Add.", "input_schema": TOOL["parameters"]}],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
        "top_k": 5,
        "metadata": {"user_id": "u"},
    }
    assert answer["output"][0]["content"][0]["text"] == "hi"
    assert (answer["status"], answer["usage"]["total_tokens"]) == ("completed", 5)
    assert params["model"] == "other"


def test_messages_go_to_the_endpoint_as_they_are_under_the_configured_model() -> None:
    content = [{"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}, "of_a_later_year": 1}]
    params = {"model": "other", "max_tokens": 7, "messages": [{"role": "user", "content": content}], "system": None}

    answer, [(request, body)] = exchange(MESSAGE, messages(params))

    assert answer == MESSAGE
    assert request.path == "/v1/messages"
    assert body == {"model": "tiny", "max_tokens": 7, "messages": params["messages"]}


def test_tokens_are_counted_by_the_endpoint() -> None:
    params = {"model": "other", "messages": [{"role": "user", "content": "hi"}]}

    answer, [(request, body)] = exchange(
        {"input_tokens": 9}, lambda server: server.count_message_tokens(params, RolloutContext("0-0"))
    )

    assert answer == {"input_tokens": 9}
    assert (request.path, body) == ("/v1/messages/count_tokens", {**params, "model": "tiny"})


def test_key_version_and_betas_go_out_in_headers() -> None:
    fields = {
        "anthropic_api_key": " sk-ant-1 ",
        "anthropic_betas": ["one", "two"],
        "anthropic_default_headers": {"X-Tenant": "blue"},
    }

    _, [(request, _)] = exchange(MESSAGE, messages({"messages": []}), **fields)

    assert request.headers["x-api-key"] == "sk-ant-1"
    assert request.headers["anthropic-version"] == "2023-06-01"
    assert request.headers["anthropic-beta"] == "one,two"
    assert request.headers["X-Tenant"] == "blue"
    assert "Authorization" not in request.headers


def test_parameters_of_the_request_win_over_configured_ones() -> None:
    fields = {"max_tokens": 100, "thinking": {"type": "enabled", "budget_tokens": 1024}, "extra_body": {"top_k": 5}}

    _, [(_, bare)] = exchange(MESSAGE, responses({"input": "hi"}), **fields)
    own = {"input": "hi", "max_output_tokens": 7, "reasoning": {"effort": "none"}, "top_k": 1}
    _, [(_, asked)] = exchange(MESSAGE, responses(own), **fields)

    assert (bare["max_tokens"], bare["thinking"]["budget_tokens"], bare["top_k"]) == (100, 1024, 5)
    assert (asked["max_tokens"], asked["thinking"], asked["top_k"]) == (7, {"type": "disabled"}, 1)


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


def test_thoughts_go_back_unchanged_in_later_turns() -> None:
    thinker = Thinker()

    async def run() -> str:
        async with connected(thinker.answer) as server:
            items: list[JsonObject] = [{"role": "user", "content": "add"}]
            while True:
                answer = await server.responses({"input": items, "tools": [TOOL]}, RolloutContext("0-0"))
                items = items + answer["output"]
                calls = [item for item in answer["output"] if item["type"] == "function_call"]
                for call in calls:
                    output = add(call["arguments"])
                    items.append({"type": "function_call_output", "call_id": call["call_id"], "output": output})
                if not calls:
                    return str(answer["output"][-1]["content"][0]["text"])

    assert asyncio.run(run()) == "I know 2 sums."
    assert len(thinker.requests) == 3
    assert thinker.requests[-1]["messages"][2]["content"] == [
        {"type": "tool_result", "tool_use_id": "toolu_0", "content": "2"}
    ]


def test_thoughts_are_reasoning_items_with_what_seals_them() -> None:
    answer, _ = exchange({**MESSAGE, "content": THOUGHTS}, responses({"input": "hi"}))

    assert [(item["type"], item["encrypted_content"]) for item in answer["output"]] == [
        ("reasoning", "sig-1"),
        ("reasoning", "sig-2"),
        ("reasoning", "sealed"),
    ]
    assert answer["output"][0]["summary"] == [{"type": "summary_text", "text": "let me see"}]


def test_reasoning_goes_out_if_it_is_signed_and_wanted() -> None:
    signed = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "t"}], "encrypted_content": "s"}
    unsigned = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "t"}]}
    said = {"type": "message", "role": "assistant", "content": "hi"}
    params = {"input": [{"role": "user", "content": "hi"}, signed, unsigned, said, {"role": "user", "content": "go"}]}

    _, [(_, kept)] = exchange(MESSAGE, responses(params))
    _, [(_, dropped)] = exchange(MESSAGE, responses(params), drop_input_reasoning_items=True)

    thinking = {"type": "thinking", "thinking": "t", "signature": "s"}
    assert kept["messages"][1]["content"] == [thinking, {"type": "text", "text": "hi"}]
    assert dropped["messages"][1]["content"] == "hi"


@pytest.mark.parametrize(
    ("reason", "status", "details", "why"),
    [
        ("max_tokens", "incomplete", {"reason": "max_output_tokens"}, None),
        ("refusal", "incomplete", {"reason": "content_filter"}, None),
        ("model_context_window_exceeded", "incomplete", {"reason": "max_output_tokens"}, "context_exceeded"),
        ("pause_turn", "incomplete", {"reason": "max_output_tokens"}, "pause_turn"),
        ("stop_sequence", "completed", None, None),
        ("of_a_later_year", "completed", None, None),
    ],
)
def test_a_stop_reason_is_the_status_of_the_response(
    reason: str, status: str, details: JsonObject | None, why: str | None
) -> None:
    answer, _ = exchange({**MESSAGE, "stop_reason": reason}, responses({"input": "hi"}))

    assert (answer["status"], answer["incomplete_details"]) == (status, details)
    assert (answer["metadata"] or {}).get("ng_termination_reason") == why


def refuse(status: int, kind: str, message: str, **headers: str) -> Handler:
    async def handle(request: web.Request) -> web.Response:
        body = {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}
        return web.json_response(body, status=status, headers=headers)

    return handle


@pytest.mark.parametrize("call", [responses({"input": "hi"}), messages({"messages": []})])
@pytest.mark.parametrize(
    ("status", "kind", "failure_class", "retry_after_s"),
    [
        (400, "invalid_request_error", FailureClass.MODEL_REJECTED, None),
        (401, "authentication_error", FailureClass.MODEL_REJECTED, None),
        (403, "permission_error", FailureClass.MODEL_REJECTED, None),
        (404, "not_found_error", FailureClass.MODEL_REJECTED, None),
        (429, "rate_limit_error", FailureClass.MODEL_RATE_LIMITED, 90.0),
        (500, "api_error", FailureClass.MODEL_UNAVAILABLE, None),
        (529, "overloaded_error", FailureClass.MODEL_UNAVAILABLE, None),
        (200, "overloaded_error", FailureClass.MODEL_UNAVAILABLE, None),
    ],
)
def test_an_error_of_the_endpoint_is_classified(
    call: Call, status: int, kind: str, failure_class: FailureClass, retry_after_s: float | None
) -> None:
    headers = {} if retry_after_s is None else {"retry-after": "90"}

    async def run() -> None:
        async with connected(refuse(status, kind, "in its own words", **headers)) as server:
            await call(server)

    with pytest.raises(RolloutFailure) as caught:
        asyncio.run(run())
    assert caught.value.failure_class is failure_class
    assert "in its own words" in caught.value.message
    assert caught.value.retry_after_s == retry_after_s


def test_an_overloaded_endpoint_is_asked_again() -> None:
    answers = [
        refuse(529, "overloaded_error", "Overloaded"),
        refuse(429, "rate_limit_error", "Slow", **{"retry-after": "0"}),
    ]

    async def handle(request: web.Request) -> web.StreamResponse:
        return await answers.pop(0)(request) if answers else web.json_response(MESSAGE)

    async def run() -> JsonObject:
        async with connected(handle, max_attempts=3) as server:
            return await server.responses({"input": "hi"}, RolloutContext("0-0"))

    assert asyncio.run(run())["status"] == "completed"


@pytest.mark.parametrize(
    "said",
    [
        "prompt is too long: 210000 tokens > 200000 maximum",
        "input length and `max_tokens` exceed context limit: 1 + 2 > 2",
    ],
)
def test_a_prompt_that_is_too_long_is_an_incomplete_answer_in_either_dialect(said: str) -> None:
    async def run() -> tuple[JsonObject, JsonObject]:
        async with connected(refuse(400, "invalid_request_error", said)) as server:
            return (
                await server.responses({"input": "hi"}, RolloutContext("0-0")),
                await server.messages({"messages": []}, RolloutContext("0-0")),
            )

    response, message = asyncio.run(run())

    assert (response["status"], response["output"]) == ("incomplete", [])
    assert response["metadata"]["ng_termination_reason"] == "context_exceeded"
    assert (message["stop_reason"], message["content"]) == ("model_context_window_exceeded", [])


@pytest.mark.parametrize("call", [responses({"input": "hi"}), messages({"messages": []})])
@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"content": "hi"},
        {"content": ["hi"]},
        {"content": [{"text": "hi"}]},
        {**MESSAGE, "role": "user"},
        {**MESSAGE, "usage": [1]},
        {"type": "error"},
        {"choices": []},
    ],
)
def test_an_answer_of_another_shape_is_a_bad_response(call: Call, answer: JsonObject) -> None:
    with pytest.raises(RolloutFailure) as caught:
        exchange(answer, call)

    assert caught.value.failure_class is FailureClass.MODEL_BAD_RESPONSE


class Canned(Endpoint):
    """An endpoint that has answered already."""

    def __init__(self, answer: JsonObject) -> None:
        super().__init__("http://host/v1", headers={"x-api-key": "sk-hidden-key"})
        self._answer = answer

    async def post(self, path: str, body: JsonObject, context: RolloutContext) -> JsonObject:
        return self._answer


@settings(max_examples=100)
@given(spoiled(anthropic_answers()).filter(lambda answer: isinstance(answer, dict)))
def test_whatever_an_endpoint_answers_is_an_answer_in_each_dialect_or_a_named_failure(answer: JsonObject) -> None:
    server = make()
    server.endpoint = Canned(answer)
    chat = {"messages": [{"role": "user", "content": "hi"}]}

    async def problem(call: Awaitable[JsonObject], check: Callable[[JsonObject], str | None]) -> str | None:
        try:
            return check(await call)
        except RolloutFailure as failure:
            return None if failure.failure_class is FailureClass.MODEL_BAD_RESPONSE else failure.message

    async def run() -> list[str | None]:
        return [
            await problem(server.responses({"input": "hi"}, RolloutContext("0-0")), check_response),
            await problem(server.messages({"messages": []}, RolloutContext("0-0")), check_message),
            await problem(server.chat_completions(chat, RolloutContext("0-0")), check_completion),
        ]

    assert asyncio.run(run()) == [None, None, None]


def test_a_key_that_the_endpoint_repeats_is_not_shown() -> None:
    server = make()
    server.endpoint = Canned({"type": "error", "message": "x", "error": {"was": "sk-hidden-key" + 9000 * "x"}})

    for call in (responses({"input": "hi"}), messages({"messages": []})):
        with pytest.raises(RolloutFailure) as caught:
            asyncio.run(call(server))  # type: ignore[arg-type]
        assert "sk-hidden-key" not in caught.value.message and len(caught.value.message) < 2000


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "'input' is missing"),
        ({"input": [{"type": "web_search_call"}]}, "no block for an item of type 'web_search_call'"),
        ({"input": "hi", "previous_response_id": "resp_1"}, "previous_response_id"),
        ({"input": "hi", "tools": [{"type": "custom", "name": "run"}]}, "free text"),
        ({"input": "hi", "tool_choice": "required"}, "there are none"),
    ],
)
def test_what_the_messages_api_cannot_express_is_refused_before_a_call(params: JsonObject, message: str) -> None:
    with pytest.raises(RolloutFailure, match=message) as caught:
        exchange(MESSAGE, responses(params))

    assert caught.value.failure_class is FailureClass.MODEL_REJECTED


def test_the_official_client_reaches_the_endpoint_through_the_server() -> None:
    thinker = Thinker()

    async def run() -> list[str]:
        async with (
            connected(thinker.answer) as server,
            TestServer(edge_app(EmbeddedModel(server))) as edge,
            anthropic.AsyncAnthropic(base_url=str(edge.make_url("")).rstrip("/"), api_key="none") as client,
        ):
            said: list[Any] = [{"role": "user", "content": "add"}]
            reasons = []
            while True:
                async with client.messages.stream(model="any", max_tokens=9, messages=said) as stream:
                    message = await stream.get_final_message()
                reasons.append(str(message.stop_reason))
                said.append({"role": "assistant", "content": [b.to_dict(exclude_none=True) for b in message.content]})
                results = [
                    {"type": "tool_result", "tool_use_id": block.id, "content": add(block.input)}
                    for block in message.content
                    if block.type == "tool_use"
                ]
                if not results:
                    return reasons
                said.append({"role": "user", "content": results})

    assert asyncio.run(run()) == ["tool_use", "tool_use", "end_turn"]


def test_another_model_server_can_be_the_endpoint() -> None:
    async def run() -> tuple[JsonObject, JsonObject]:
        async with TestServer(edge_app(EmbeddedModel(made(Adder)))) as edge:
            server = make(anthropic_base_url=str(edge.make_url("/v1")))
            await server.start()
            try:
                await server.probe()
                params = {
                    "messages": [{"role": "user", "content": "add"}],
                    "tools": [{"type": "function", "function": TOOL}],
                }
                return (
                    await server.responses({"input": "add", "tools": [TOOL]}, RolloutContext("0-0")),
                    await server.chat_completions(params, RolloutContext("0-0")),
                )
            finally:
                await server.stop()

    response, completion = asyncio.run(run())

    assert [item["type"] for item in response["output"]] == ["reasoning", "message", "function_call"]
    assert response["output"][-1]["generation_token_ids"] == [3]
    assert completion["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "add"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"anthropic_base_url": "localhost:8000"}, "anthropic_base_url: .*must look like"),
        ({"anthropic_base_url": []}, "anthropic_base_url: .*empty"),
        ({"anthropic_model": ""}, "anthropic_model"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"thinking": "much"}, "thinking"),
    ],
)
def test_a_wrong_field_is_named(fields: JsonObject, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make(**fields)


def resolved(settings: JsonObject) -> JsonObject:
    """The fields of the shipped configuration beside these top-level keys."""
    merged = OmegaConf.merge(OmegaConf.load(CONFIG), OmegaConf.create({"policy_model_name": "tiny", **settings}))
    container: Any = OmegaConf.to_container(merged, resolve=True)
    fields: JsonObject = container["policy_model"]["responses_api_models"]["anthropic_model"]
    return fields


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "POLICY_DROP_REASONING_ITEMS"):
        monkeypatch.delenv(name, raising=False)


def test_the_shipped_configuration_needs_a_model_name_only() -> None:
    config = AnthropicModel.parse_config(resolved({}), "test")

    assert config.anthropic_base_url == "https://api.anthropic.com"
    assert (config.anthropic_api_key, config.anthropic_model) == (None, "tiny")
    assert AnthropicModel.unknown_fields(config) == []


def test_policy_settings_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://environment:1")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "123")

    config = AnthropicModel.parse_config(resolved({}), "test")
    own = AnthropicModel.parse_config(resolved({"policy_base_url": "http://one", "policy_api_key": "sk-1"}), "test")

    assert (config.anthropic_base_url, config.anthropic_api_key) == ("http://environment:1", "123")
    assert (own.anthropic_base_url, own.anthropic_api_key) == ("http://one", "sk-1")


@pytest.mark.parametrize(
    ("given", "path"),
    [("", "/v1/messages"), ("/v1", "/v1/messages"), ("/gateway/", "/gateway/v1/messages"), ("/v2?x=1", "/v2/messages")],
)
def test_the_version_is_put_into_a_base_url_that_has_none(given: str, path: str) -> None:
    paths: list[str] = []

    async def handle(request: web.Request) -> web.Response:
        paths.append(request.path_qs)
        return web.json_response(MESSAGE)

    async def run() -> None:
        app = web.Application()
        app.router.add_post("/{path:.*}", handle)
        async with TestServer(app) as endpoint:
            server = make(anthropic_base_url=str(endpoint.make_url("")).rstrip("/") + given)
            await server.start()
            await server.messages({"messages": []}, RolloutContext("0-0"))
            await server.stop()

    asyncio.run(run())

    assert paths == [f"{path}?x=1" if "?" in given else path]
