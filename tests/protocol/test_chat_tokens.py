"""Token ids and log-probabilities, out of every shape that endpoints return them in."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polygym.protocol.chat import chat_completion_to_response
from polygym.protocol.chat.completions import completion_to_chat
from polygym.protocol.chat.tokens import prompt_ids_of, with_token_fields
from polygym.protocol.json import JsonObject
from tests.protocol import token_payloads as payloads
from tests.protocol.conversations import spoiled

CHAT_SHAPES = {**payloads.IN_CHAT, **{f"text_{n}": completion_to_chat(c) for n, c in payloads.IN_TEXT.items()}}


@pytest.mark.parametrize("shape", CHAT_SHAPES)
def test_every_shape_gives_the_same_fields_on_the_message(shape: str) -> None:
    completion = deepcopy(CHAT_SHAPES[shape])

    prompt_ids = prompt_ids_of(completion)
    (choice,) = with_token_fields(completion, prompt_ids or payloads.PROMPT)["choices"]

    assert prompt_ids == (None if shape.removeprefix("text_") in payloads.WITHOUT_PROMPT else payloads.PROMPT)
    message = choice["message"]
    assert message["prompt_token_ids"] == payloads.PROMPT
    assert message["generation_token_ids"] == payloads.ANSWER
    assert message["generation_log_probs"] == payloads.LOG_PROBS
    assert completion == CHAT_SHAPES[shape]


@pytest.mark.parametrize("shape", CHAT_SHAPES)
def test_a_response_holds_the_fields_once_on_its_last_item(shape: str) -> None:
    completion = with_token_fields(CHAT_SHAPES[shape], payloads.PROMPT)

    response = chat_completion_to_response(completion, {})

    assert response["output"][-1]["generation_token_ids"] == payloads.ANSWER
    assert not response.keys() & {"prompt_token_ids", "token_ids"}
    assert "output_token_logprobs" not in response.get("meta_info", {})


def test_the_experts_of_the_tokens_are_on_the_message() -> None:
    (choice,) = with_token_fields(payloads.VLLM_0_25, payloads.PROMPT)["choices"]

    assert choice["message"]["routed_experts"] == "k05VTVBZ"
    assert "routed_experts" not in choice


def test_what_else_an_endpoint_says_of_its_answer_stays() -> None:
    (choice,) = with_token_fields(payloads.SGLANG_META, payloads.PROMPT)["choices"]

    assert choice["meta_info"] == {"id": "abc", "prompt_tokens": 3}
    assert choice["matched_stop"] == 2


def test_an_answer_of_no_token_has_no_log_probabilities() -> None:
    empty = payloads.completion({"token_ids": [], "logprobs": None}, prompt_token_ids=payloads.PROMPT)

    message = with_token_fields(empty, payloads.PROMPT)["choices"][0]["message"]

    assert (message["generation_token_ids"], message["generation_log_probs"]) == ([], [])


def test_whole_numbers_are_log_probabilities_too() -> None:
    completion = payloads.completion({"token_ids": [1], "logprobs": {"content": [{"token": "a", "logprob": 0}]}})

    (value,) = with_token_fields(completion, [])["choices"][0]["message"]["generation_log_probs"]

    assert type(value) is float and value == 0.0


def changed(completion: JsonObject, **fields: Any) -> JsonObject:
    """The completion with other fields in its choice; the message's go under `message`."""
    whole = deepcopy(completion)
    whole["choices"][0] |= fields
    return whole


def with_log_probs(*values: Any) -> JsonObject:
    entries = [{"token": f"token_id:{index}", "logprob": value} for index, value in enumerate(values)]
    return payloads.completion({"logprobs": {"content": entries}})


@pytest.mark.parametrize(
    ("completion", "message"),
    [
        (changed(payloads.VLLM_0_11, token_ids=[5, 6]), "there are 2 token ids, but 3 log-probabilities"),
        (changed(payloads.VLLM_0_11, token_ids=[5, 6, 2, 9]), "there are 4 token ids, but 3 log-probabilities"),
        (changed(payloads.VLLM_0_25, token_ids=[5, 6]), "there are 2 token ids, but 3 log-probabilities"),
        (changed(payloads.VLLM_0_11, token_ids=[5, 6, 3]), "under token_ids and logprobs contradict each other"),
        (changed(payloads.SGLANG_META, token_ids=[1, 6, 2]), "under token_ids and meta_info contradict each other"),
        (changed(payloads.VLLM_0_11, token_ids=[5, -6, 2]), r"choices\[0\].token_ids must hold token ids"),
        (changed(payloads.VLLM_0_11, token_ids=[5, 6.5, 2]), r"choices\[0\].token_ids must hold token ids"),
        (changed(payloads.VLLM_0_11, token_ids=[5, "6", 2]), r"choices\[0\].token_ids must hold token ids"),
        (changed(payloads.VLLM_0_11, token_ids="562"), r"choices\[0\].token_ids must be a list, got str"),
        (changed(payloads.VLLM_0_11, token_ids=[5, 1 << 40, 2]), r"choices\[0\].token_ids must hold token ids"),
        (changed(payloads.VLLM_0_11, logprobs=None), "the answer has no log-probabilities"),
        (changed(payloads.VLLM_0_11, logprobs={"content": [None]}), "every entry of logprobs.content"),
        (changed(payloads.VLLM_0_11, logprobs={"content": [{"token": "a"}]}), "an object with 'logprob'"),
        (changed(payloads.VLLM_0_11, logprobs=[1]), r"choices\[0\].logprobs must be an object"),
        (changed(payloads.VLLM_0_25, token_ids=None), "the answer has no token ids"),
        (with_log_probs(-0.5, None), "a log-probability is no number"),
        (with_log_probs(-0.5, "-1"), "a log-probability is no number"),
        (with_log_probs(-0.5, float("nan")), "a log-probability is not finite"),
        (with_log_probs(float("-inf")), "a log-probability is not finite"),
        (
            changed(payloads.VLLM_0_8, logprobs=payloads.content(["token_id:5", "x", "y"])),
            "a token is no 'token_id:<id>'",
        ),
        (
            changed(payloads.SGLANG_META, meta_info={"output_token_logprobs": [5]}),
            "a log-probability and an id for each",
        ),
        (payloads.completion({"logprobs": None}), "the answer has no token ids"),
        ({"choices": []}, "needs 'choices'"),
        ({"choices": [{"message": {}}, {"message": {}}]}, "ask with n = 1"),
    ],
)
def test_tokens_that_cannot_be_trusted_are_refused(completion: JsonObject, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        with_token_fields(completion, payloads.PROMPT)


@pytest.mark.parametrize(
    ("completion", "message"),
    [
        ({**payloads.VLLM_0_11, "prompt_token_ids": "987"}, "prompt_token_ids must be a list, got str"),
        ({**payloads.VLLM_0_11, "prompt_token_ids": [None]}, "prompt_token_ids must hold token ids"),
        (
            {**payloads.SGLANG_IDS, "prompt_token_ids": [9, 8]},
            r"of the prompt under choices\[0\] and the completion contradict",
        ),
    ],
)
def test_prompt_ids_that_cannot_be_trusted_are_refused(completion: JsonObject, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        prompt_ids_of(completion)


@given(st.sampled_from(list(CHAT_SHAPES.values())).flatmap(lambda shape: spoiled(st.just(shape))))
def test_malformed_tokens_are_refused_with_a_value_error_or_are_as_many(completion: JsonObject) -> None:
    try:
        prompt_ids = prompt_ids_of(completion)
        message = with_token_fields(completion, prompt_ids or [])["choices"][0]["message"]
    except ValueError:
        return

    assert len(message["generation_token_ids"]) == len(message["generation_log_probs"])
    assert all(type(value) is float for value in message["generation_log_probs"])
