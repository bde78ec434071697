"""The endpoint that the library calls, and what it keeps of the calls; called by the real OpenAI client."""

import asyncio
from typing import Any

import pytest
from openai import AsyncOpenAI, BadRequestError

from polygym import (
    FailureClass,
    JsonObject,
    RolloutContext,
    RolloutFailure,
    Stage,
    function_call,
    new_response,
    new_usage,
    output_message,
)
from responses_api_agents.verifiers_agent.bridge import Bridge
from responses_api_agents.verifiers_agent.recording import Recording

QUESTION = {"role": "user", "content": "1 + 2?"}
TOOL = {"type": "function", "function": {"name": "add", "parameters": {"type": "object", "properties": {}}}}
THOUGHT: JsonObject = {"type": "reasoning", "id": "r1", "summary": [], "content": [], "encrypted_content": "x"}
CALL = {**function_call("add", '{"a": 1}', call_id="c1", item_id="f1"), "generation_token_ids": [7]}


class Scripted:
    """A model that gives prepared outputs in turn and keeps what it was asked."""

    def __init__(self, *turns: Any) -> None:
        self.turns = turns
        self.requests: list[JsonObject] = []

    async def responses(self, params: JsonObject, context: RolloutContext) -> JsonObject:
        self.requests.append(params)
        turn = self.turns[min(len(self.requests), len(self.turns)) - 1]
        if isinstance(turn, RolloutFailure):
            raise turn
        return new_response(params, turn, model="m", usage=new_usage(3, 2))

    async def chat_completions(self, params: JsonObject, context: RolloutContext) -> JsonObject:
        raise NotImplementedError


def says(text: str) -> list[JsonObject]:
    return [output_message(text, message_id="m1")]


def talk(model: Scripted, conversation: Any, **params: Any) -> Recording:
    """Have `conversation(client)` talk to the bridge; what was recorded."""
    recording = Recording(model, {"input": "row", **params}, RolloutContext("0-0"), {"top_p": 0.5})

    async def main() -> None:
        bridge = Bridge()
        await bridge.start()
        try:
            with bridge.open(recording) as url:
                async with AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as client:
                    await conversation(client)
        finally:
            await bridge.stop()

    asyncio.run(main())
    return recording


def plain(message: Any) -> Any:
    return message.model_dump(exclude_none=True)


def test_a_conversation_with_tools_is_recorded_as_the_model_gave_it() -> None:
    model = Scripted([THOUGHT, CALL], says("3"))

    async def converse(client: AsyncOpenAI) -> None:
        messages: list[Any] = [QUESTION]
        first = await client.chat.completions.create(model="x", messages=messages, tools=[TOOL], temperature=1.5)  # type: ignore[list-item]
        messages += [plain(first.choices[0].message), {"role": "tool", "tool_call_id": "c1", "content": "3"}]
        await client.chat.completions.create(model="x", messages=messages, tools=[TOOL])  # type: ignore[list-item]

    recording = talk(model, converse, temperature=0.2)

    output = {"type": "function_call_output", "call_id": "c1", "output": "3"}
    assert recording.response()["output"] == [THOUGHT, CALL, output, *says("3")]
    assert recording.response()["usage"]["total_tokens"] == 10
    asked = {"type": "message", "role": "user", "content": "1 + 2?"}
    assert model.requests[1]["input"] == [asked, THOUGHT, CALL, output]
    assert (model.requests[0]["temperature"], model.requests[0]["top_p"]) == (0.2, 0.5)
    assert recording.params()["input"] == [asked] and recording.params()["tools"][0]["name"] == "add"


def test_messages_after_the_last_call_belong_to_the_response() -> None:
    async def converse(client: AsyncOpenAI) -> None:
        await client.chat.completions.create(model="x", messages=[QUESTION])  # type: ignore[list-item]

    recording = talk(Scripted([CALL]), converse)

    called = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
    answer = {"role": "assistant", "content": None, "tool_calls": [called]}
    tail = {"role": "tool", "tool_call_id": "c1", "content": "3"}
    assert recording.response([QUESTION, answer, tail])["output"][1:] == [
        {"type": "function_call_output", "call_id": "c1", "output": "3"}
    ]
    assert len(recording.response([{"role": "user", "content": "other"}, answer, tail])["output"]) == 1


def test_the_longest_conversation_is_the_rollout_and_others_are_counted() -> None:
    async def converse(client: AsyncOpenAI) -> None:
        messages: list[Any] = [QUESTION]
        for said in ("a", "b"):
            answer = await client.chat.completions.create(model="x", messages=messages)
            messages += [plain(answer.choices[0].message), {"role": "user", "content": said}]
        await client.chat.completions.create(model="x", messages=[{"role": "user", "content": "judge this"}])

    recording = talk(Scripted(says("one"), says("two"), says("fine")), converse)

    texts = [item["content"] for item in recording.response()["output"]]
    assert [text if isinstance(text, str) else text[0]["text"] for text in texts] == ["one", "a", "two"]
    assert recording.response()["metadata"] == {"other_model_calls": "1"}


def test_answers_are_streamed_to_those_who_insist() -> None:
    seen: list[Any] = []

    async def converse(client: AsyncOpenAI) -> None:
        stream = await client.chat.completions.create(
            model="x",
            messages=[QUESTION],  # type: ignore[list-item]
            stream=True,
            stream_options={"include_usage": True},
        )
        seen.extend([chunk async for chunk in stream])

    talk(Scripted([*says("well"), CALL]), converse)

    delta = seen[0].choices[0].delta
    assert (delta.content, delta.tool_calls[0].function.name, delta.tool_calls[0].index) == ("well", "add", 0)
    assert seen[1].choices[0].finish_reason == "tool_calls"
    assert seen[-1].usage.total_tokens == 5


def test_a_failing_model_is_remembered_and_not_asked_again() -> None:
    model = Scripted(RolloutFailure(FailureClass.MODEL_UNAVAILABLE, Stage.MODEL, "down"))

    async def converse(client: AsyncOpenAI) -> None:
        with pytest.raises(BadRequestError, match="down"):
            await client.with_options(max_retries=3).chat.completions.create(model="x", messages=[QUESTION])  # type: ignore[list-item]

    recording = talk(model, converse)

    assert recording.failure is not None and recording.failure.failure_class is FailureClass.MODEL_UNAVAILABLE
    assert len(model.requests) == 1
    assert recording.response()["output"] == []


def test_what_is_no_chat_request_and_who_is_no_rollout_are_refused() -> None:
    async def converse(client: AsyncOpenAI) -> None:
        with pytest.raises(BadRequestError, match="not a chat request"):
            await client.chat.completions.create(model="x", messages=[{"role": "user", "content": 5}])  # type: ignore[typeddict-item]
        stranger = client.with_options(base_url=str(client.base_url).replace("/v1", "x/v1"))
        with pytest.raises(BadRequestError, match="no rollout is known"):
            await stranger.chat.completions.create(model="x", messages=[QUESTION])  # type: ignore[list-item]

    assert talk(Scripted(says("x")), converse).calls == []
