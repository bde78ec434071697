"""Bodies of calls to the endpoint lose nothing of what was asked."""

from copy import deepcopy

from hypothesis import given

from polygym import JsonObject
from polygym.protocol.chat import chat_params_to_responses, responses_params_to_chat
from responses_api_models.vllm_model.config import VLLMModelConfig
from responses_api_models.vllm_model.requests import chat_body
from tests.protocol.conversations import chat_params, response_params

CONFIG = VLLMModelConfig(base_url="http://host/v1", model="tiny")
STREAM = ("stream", "stream_options")


@given(chat_params())
def test_a_chat_request_goes_out_as_it_is_under_the_configured_model(params: JsonObject) -> None:
    before = deepcopy(params)

    body = chat_body(params, CONFIG)

    assert body == {name: value for name, value in before.items() if name not in STREAM} | {"model": "tiny"}
    assert params == before


@given(response_params())
def test_a_responses_request_can_be_read_off_what_goes_out(params: JsonObject) -> None:
    back = chat_params_to_responses(chat_body(responses_params_to_chat(params), CONFIG))

    items = [{name: value for name, value in item.items() if name != "id"} for item in back["input"]]
    assert {**back, "input": items} == {**params, "model": "tiny"}
