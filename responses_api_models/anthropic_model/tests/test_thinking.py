"""What a model thought, on its way between Messages and Responses and back again in later turns."""

import asyncio

from polygym import JsonObject, RolloutContext
from responses_api_models.anthropic_model.tests.endpoints import (
    MESSAGE,
    THOUGHTS,
    TOOL,
    Thinker,
    connected,
    exchange,
    responses,
)
from tests.channels.policies import add


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
