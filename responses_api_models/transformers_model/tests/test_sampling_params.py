"""Sampling parameters as a chat request names them."""

from typing import Any

import pytest

from responses_api_models.transformers_model.sampling_params import sampling_params


def test_what_a_request_leaves_out_is_the_model_s_plain_distribution() -> None:
    params = sampling_params({"messages": []}, 100)
    assert (params.temperature, params.top_p, params.top_k, params.max_tokens, params.stop) == (1.0, 1.0, 0, None, ())
    assert not params.changes_logits


def test_parameters_of_openai_and_vllm_are_read_under_their_names() -> None:
    body = {
        "model": "m",
        "messages": [],
        "tools": [],
        "temperature": 0,
        "top_p": 0.5,
        "top_k": -1,
        "min_p": 0.1,
        "max_completion_tokens": 7,
        "stop": "x",
        "stop_token_ids": [3],
        "seed": 5,
        "logit_bias": {"12": -3},
        "presence_penalty": 1,
        "n": 1,
        "tool_choice": "auto",
        "response_format": {"type": "text"},
        "user": "u",
    }
    params = sampling_params(body, 100)
    assert (params.temperature, params.top_k, params.max_tokens) == (0, -1, 7)
    assert (params.stop, params.stop_token_ids, params.logit_bias) == (("x",), (3,), {12: -3.0})
    assert params.changes_logits


def test_a_temperature_that_logits_cannot_be_divided_by_takes_the_likeliest_token() -> None:
    assert sampling_params({"temperature": 1e-300}, 100).temperature == 0
    assert sampling_params({"temperature": 1e-4}, 100).temperature == 1e-4


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"temperature": -1}, "temperature"),
        ({"temperature": "0.5"}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"top_p": 0}, "top_p"),
        ({"repetition_penalty": 1e-300}, "repetition_penalty"),
        ({"top_p": 1.5}, "top_p"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"stop": ""}, "stop"),
        ({"stop": [1]}, "stop"),
        ({"seed": "a"}, "seed"),
        ({"logit_bias": {"x": 1}}, "logit_bias"),
        ({"logit_bias": {"1": None}}, "logit_bias"),
        ({"logit_bias": {"1": 101}}, "logit_bias"),
        ({"logit_bias": {"100": 1}}, "no token 100; it has 100"),
        ({"stop_token_ids": [-1]}, "no token -1"),
        ({"n": 2}, "'n' must be 1"),
        ({"tool_choice": "required"}, "'tool_choice' must be 'auto'"),
        ({"tool_choice": {"type": "function", "function": {"name": "f"}}}, "'tool_choice'"),
        ({"response_format": {"type": "json_object"}}, "'response_format'"),
        ({"guided_json": {}}, "'guided_json'"),
        ({"stop_token_ids": [[1]]}, "stop_token_ids"),
    ],
)
def test_what_is_malformed_or_cannot_be_honoured_is_refused_by_name(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        sampling_params({"messages": [], **fields}, 100)
