"""Token ids of every call, and prompts that begin with the exact ids of earlier turns."""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from polygym import FailureClass, JsonObject, RolloutContext, RolloutFailure
from polygym.training.sequences import sequences_of
from responses_api_models.vllm_model.app import VLLMModel
from responses_api_models.vllm_model.tests.engine import END, ToyEngine, encode, render, write
from responses_api_models.vllm_model.tests.servers import COMPLETION, chat_completions, exchange, responses, running
from tests.protocol import token_payloads as payloads

SCRIPT = ["<call>weather {}</call>", "rather weak in the near area"]
QUESTION = {"type": "message", "role": "user", "content": "the weather?"}
OUTPUT = {"type": "function_call_output", "call_id": "call_0", "output": "then rain"}
TOKENS = ("prompt_token_ids", "generation_token_ids", "generation_log_probs")


async def converse(server: VLLMModel, turns: int = 2, items: Sequence[JsonObject] = (QUESTION,)) -> list[JsonObject]:
    """The output items of a conversation in which the first answer calls a tool; each call sees all before it."""
    produced: list[JsonObject] = []
    for turn in range(turns):
        response = await server.responses({"input": [*items, *produced]}, RolloutContext("0-0"))
        produced += response["output"]
        if turn < turns - 1:
            produced.append(OUTPUT)
    return produced


def tokens_of(url: str, **fields: Any) -> AbstractAsyncContextManager[VLLMModel]:
    """A running model server that returns token ids."""
    return running(base_url=url, return_token_id_information=True, **fields)


def play(engine: ToyEngine, **fields: Any) -> list[JsonObject]:
    """The output items of a conversation of two turns with `engine`."""

    async def run() -> list[JsonObject]:
        async with engine.serving() as url, tokens_of(url, **fields) as server:
            return await converse(server)

    return asyncio.run(run())


def sequences(items: list[JsonObject]) -> list[Any]:
    return sequences_of({"response": {"output": items}})


@pytest.mark.parametrize("shape", [name for name in payloads.IN_CHAT if name not in payloads.WITHOUT_PROMPT])
def test_every_answer_carries_its_tokens_on_the_last_item(shape: str) -> None:
    answer, [body] = exchange(payloads.IN_CHAT[shape], responses({"input": "hi"}), return_token_id_information=True)

    assert {name: answer["output"][-1][name] for name in TOKENS} == dict(
        zip(TOKENS, (payloads.PROMPT, payloads.ANSWER, payloads.LOG_PROBS), strict=True)
    )
    assert (body["logprobs"], body["top_logprobs"]) == (True, 0)
    assert body["return_token_ids"] is body["return_tokens_as_token_ids"] is True


def test_a_chat_completion_has_its_tokens_on_the_message() -> None:
    params = {"messages": [{"role": "user", "content": "hi"}]}

    answer, _ = exchange(payloads.VLLM_0_11, chat_completions(params), return_token_id_information=True)

    assert answer["choices"][0]["message"]["generation_token_ids"] == payloads.ANSWER
    assert "logprobs" not in answer["choices"][0]


def test_log_probabilities_stay_where_they_were_asked_for() -> None:
    params = {"messages": [{"role": "user", "content": "hi"}], "logprobs": True, "top_logprobs": 2}

    answer, [body] = exchange(payloads.VLLM_0_11, chat_completions(params), return_token_id_information=True)

    assert answer["choices"][0]["logprobs"] == payloads.VLLM_0_11["choices"][0]["logprobs"]
    assert body["top_logprobs"] == 2


def test_without_being_asked_nothing_is_said_about_tokens() -> None:
    answer, [body] = exchange(COMPLETION, responses({"input": "hi"}))

    assert not body.keys() & {"logprobs", "return_token_ids", "return_tokens_as_token_ids"}
    assert not any(name in item for item in answer["output"] for name in TOKENS)


def test_an_older_endpoint_is_asked_for_the_prompts_ids() -> None:
    engine = ToyEngine("vllm_0_8", SCRIPT)

    items = play(engine, request_prompt_and_generation_token_ids=False)

    assert [path for path, _ in engine.requests] == ["/v1/chat/completions", "/tokenize"] * 2
    assert items[0]["prompt_token_ids"] == encode(render([{"role": "user", "content": "the weather?"}]))
    assert items[0]["generation_token_ids"] == write(SCRIPT[0])
    assert "return_token_ids" not in engine.requests[0][1]


def test_a_tokenizer_that_counts_otherwise_than_the_model_is_not_trusted() -> None:
    engine = ToyEngine("vllm_0_8", SCRIPT)
    params = {"input": [QUESTION], "reasoning": {"effort": "high"}}

    async def run() -> None:
        async with engine.serving() as url, tokens_of(url) as server:
            engine.render_more = "<think>"
            await server.responses(params, RolloutContext("0-0"))

    with pytest.raises(RolloutFailure, match=r"/tokenize makes \d+ tokens of the prompt, and the completion counts"):
        asyncio.run(run())

    assert engine.requests[-1][1]["chat_template_kwargs"] == {"reasoning_effort": "high"}


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"token_ids": [5, 6]}, "but|contradict"),
        ({"logprobs": None}, "no log-probabilities"),
        ({"logprobs": payloads.content(["a", "b", "c"]), "token_ids": None}, "no token ids"),
        ({"token_ids": ["5", 6, 2]}, "must hold token ids"),
    ],
)
def test_tokens_that_do_not_belong_together_are_a_bad_response(choice: JsonObject, message: str) -> None:
    whole = payloads.VLLM_0_11["choices"][0]

    with pytest.raises(RolloutFailure, match=message) as caught:
        exchange(
            {**payloads.VLLM_0_11, "choices": [{**whole, **choice}]},
            responses({"input": "hi"}),
            return_token_id_information=True,
        )

    assert caught.value.failure_class is FailureClass.MODEL_BAD_RESPONSE


def test_several_answers_have_no_tokens_of_their_own() -> None:
    params = {"messages": [{"role": "user", "content": "hi"}], "n": 2}

    with pytest.raises(RolloutFailure, match="token ids belong to one answer"):
        exchange(COMPLETION, chat_completions(params), return_token_id_information=True)


@pytest.mark.parametrize("dialect", ["vllm", "sglang"])
def test_a_template_that_writes_an_answer_otherwise_breaks_the_sequence(dialect: str) -> None:
    first, second = sequences(play(ToyEngine(dialect, SCRIPT)))

    assert (first.calls, second.calls) == (1, 1)


@pytest.mark.parametrize(
    ("dialect", "fields"),
    [
        ("nemo_rl", {"earlier_tokens": "on_messages"}),
        ("nemo_rl", {"earlier_tokens": "required_prefix_token_ids"}),
        ("sglang", {"earlier_tokens": "input_ids"}),
    ],
)
def test_a_prompt_that_begins_with_the_exact_ids_keeps_the_sequence_whole(dialect: str, fields: JsonObject) -> None:
    items = play(ToyEngine(dialect, SCRIPT), **fields)

    (sequence,) = sequences(items)
    asked = encode(render([{"role": "user", "content": "the weather?"}]))
    between = encode("\n" + render([{"role": "tool", "content": "then rain"}]))
    called, said = write(SCRIPT[0]), write(SCRIPT[1])
    assert sequence.token_ids == asked + called + between + said
    assert sequence.loss_mask == [0] * len(asked) + [1] * len(called) + [0] * len(between) + [1] * len(said)
    assert sequence.log_probs[len(asked)] == -0.5


def test_the_fields_are_on_earlier_messages_as_a_trainers_endpoint_reads_them() -> None:
    engine = ToyEngine("nemo_rl", SCRIPT)

    items = play(engine)

    (_, first), (_, second) = engine.requests
    assert not any(name in message for message in first["messages"] for name in TOKENS)
    assert {name: second["messages"][1][name] for name in TOKENS} == {name: items[0][name] for name in TOKENS}


@pytest.mark.parametrize("mode", ["required_prefix_token_ids", "input_ids", "omitted"])
def test_in_the_other_ways_they_are_not(mode: str) -> None:
    engine = ToyEngine("sglang", SCRIPT)

    play(engine, earlier_tokens=mode)

    assert not any(name in message for _, body in engine.requests for message in body["messages"] for name in TOKENS)


async def second_turn(server: VLLMModel, items: list[JsonObject]) -> None:
    await server.responses({"input": [*items, OUTPUT]}, RolloutContext("0-0"))


@pytest.mark.parametrize(
    ("choice", "change"),
    [
        ({"finish_reason": "length"}, {}),
        ({"matched_stop": "</call>"}, {}),
        ({}, {"content": "the weather"}),
    ],
    ids=["cut off", "ended by a stop text", "question changed since"],
)
def test_where_it_is_not_certain_that_nothing_else_differs_the_template_has_its_way(
    choice: JsonObject, change: JsonObject
) -> None:
    engine = ToyEngine("sglang", SCRIPT, **choice)

    async def run() -> None:
        async with engine.serving() as url, tokens_of(url, earlier_tokens="input_ids") as server:
            first = await converse(server, turns=1)
            await second_turn(server, [{**QUESTION, **change}, *first])

    asyncio.run(run())

    assert "input_ids" not in engine.requests[-1][1]


def test_ids_that_this_server_did_not_hand_out_are_not_sent() -> None:
    engine = ToyEngine("sglang", SCRIPT)
    invented = {"prompt_token_ids": [1, 2], "generation_token_ids": [3, END], "generation_log_probs": [-1.0, -1.0]}
    call = {"type": "function_call", "call_id": "call_0", "name": "weather", "arguments": "{}"}

    async def run() -> None:
        async with engine.serving() as url, tokens_of(url, earlier_tokens="input_ids") as server:
            await second_turn(server, [QUESTION, {**call, **invented}])
            await second_turn(server, [QUESTION, {**call, **invented, "prompt_token_ids": ["x"]}])
            await second_turn(server, [QUESTION, {**call, **invented, "prompt_token_ids": None}])

    asyncio.run(run())

    assert [path for path, body in engine.requests if "input_ids" not in body] == ["/v1/chat/completions"] * 3


def test_pictures_have_no_ids_and_go_as_messages() -> None:
    engine = ToyEngine("sglang", SCRIPT)
    picture = {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "auto"}
    question = {"type": "message", "role": "user", "content": [picture]}

    async def run() -> None:
        async with engine.serving() as url, tokens_of(url, earlier_tokens="input_ids") as server:
            await converse(server, items=[question])

    asyncio.run(run())

    assert [path for path, _ in engine.requests] == ["/v1/chat/completions"] * 2
    assert "input_ids" not in engine.requests[-1][1]
