"""Text completions of raw prompts."""

import asyncio
import sys

import pytest

from polygym import FailureClass, JsonObject, RolloutContext, RolloutFailure
from polygym.protocol.errors import ConfigError
from responses_api_models.vllm_model.tests.engine import ToyEngine, encode, write
from responses_api_models.vllm_model.tests.servers import exchange, exchange_all, make, responses, running
from tests.protocol import token_payloads as payloads

RAW = {"use_completions_api": True}


def test_a_raw_prompt_goes_out_as_it_is_and_the_text_comes_back_as_a_message() -> None:
    params = {"input": "Once upon", "instructions": "A tale.", "max_output_tokens": 5, "temperature": 0.5}

    answer, [(request, body)] = exchange_all([payloads.text_completion({"text": " a time"})], responses(params), **RAW)

    assert request.path == "/v1/completions"
    assert body == {"prompt": "A tale.\n\nOnce upon", "max_tokens": 5, "temperature": 0.5, "model": "tiny"}
    assert answer["output"][0]["content"][0]["text"] == " a time"


def test_reasoning_in_the_text_is_an_item() -> None:
    answer, _ = exchange(payloads.text_completion({"text": "hm</think>yes"}), responses({"input": "?"}), **RAW)

    assert [item["type"] for item in answer["output"]] == ["reasoning", "message"]


@pytest.mark.parametrize("shape", [name for name in payloads.IN_TEXT if name not in payloads.WITHOUT_PROMPT])
def test_a_text_completion_carries_its_tokens(shape: str) -> None:
    answer, [body] = exchange(
        payloads.IN_TEXT[shape], responses({"input": "?"}), return_token_id_information=True, **RAW
    )

    (item,) = answer["output"]
    assert (item["prompt_token_ids"], item["generation_token_ids"]) == (payloads.PROMPT, payloads.ANSWER)
    assert item["generation_log_probs"] == payloads.LOG_PROBS
    assert (body["logprobs"], body["return_token_ids"]) == (0, True)


def test_an_older_endpoint_is_asked_for_the_ids_of_a_raw_prompt() -> None:
    engine = ToyEngine("vllm_0_8", ["there"])

    async def run() -> JsonObject:
        async with (
            engine.serving() as url,
            running(base_url=url, return_token_id_information=True, **RAW) as server,
        ):
            return await server.responses({"input": "he is"}, RolloutContext("0-0"))

    (item,) = asyncio.run(run())["output"]

    assert (item["prompt_token_ids"], item["generation_token_ids"]) == (encode("he is"), write("there"))
    assert engine.requests[-1] == ("/tokenize", {"model": "tiny", "prompt": "he is", "add_special_tokens": True})


@pytest.mark.parametrize(
    "params",
    [
        {"input": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]},
        {"input": "a", "tools": [{"type": "function", "name": "add", "parameters": {}}]},
        {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "u"}]}]},
    ],
)
def test_what_a_raw_prompt_cannot_say_is_rejected(params: JsonObject) -> None:
    with pytest.raises(RolloutFailure, match=r"^policy_model: ") as caught:
        exchange(payloads.VLLM_TEXT, responses(params), **RAW)

    assert caught.value.failure_class is FailureClass.MODEL_REJECTED


def test_without_transformers_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)

    with pytest.raises(ConfigError, match="policy_model: render_chat_template needs transformers: pip install"):
        asyncio.run(make(render_chat_template=True, **RAW).start())
