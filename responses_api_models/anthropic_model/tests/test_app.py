"""The Anthropic model server against loopback endpoints: what goes out and what comes back."""

import asyncio
from typing import Any

import anthropic
import pytest
from aiohttp.test_utils import RawTestServer

from polygym import JsonObject, RolloutContext
from polygym.channels.embedded import EmbeddedModel
from polygym.fleet.serving import edge_of_channel
from responses_api_models.anthropic_model.tests.endpoints import (
    MESSAGE,
    TOOL,
    Thinker,
    connected,
    exchange,
    make,
    messages,
    responses,
)
from tests.channels.policies import Adder, add
from tests.servers.notebook import made


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


def test_the_official_client_reaches_the_endpoint_through_the_server() -> None:
    thinker = Thinker()

    async def run() -> list[str]:
        async with (
            connected(thinker.answer) as server,
            RawTestServer(edge_of_channel(EmbeddedModel(server)).answer) as edge,
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
        async with RawTestServer(edge_of_channel(EmbeddedModel(made(Adder))).answer) as edge:
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
