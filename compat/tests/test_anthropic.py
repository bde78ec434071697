import pytest

from nemo_gym.messages_requests import read_message, write_message_request
from nemo_gym.openai_utils import NeMoGymResponseCreateParamsNonStreaming

ASK = {"model": "m", "max_tokens": 64, "thinking": None, "thinking_budget_tokens": None, "extra_body": {}}


def test_items_of_one_side_become_one_turn_and_come_back_as_they_were() -> None:
    params = NeMoGymResponseCreateParamsNonStreaming(
        instructions="be brief",
        input=[
            {"role": "user", "content": "weather?"},
            {
                "type": "reasoning",
                "id": "r",
                "summary": [{"type": "summary_text", "text": "hm"}],
                "encrypted_content": "s",
            },
            {"type": "function_call", "call_id": "c", "name": "look", "arguments": '{"city": "Ulm"}'},
            {"type": "function_call_output", "call_id": "c", "output": "rain"},
        ],
        tools=[{"type": "function", "name": "look", "parameters": {"type": "object"}, "strict": True}],
    )

    body = write_message_request(params, **ASK)

    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "user"]
    assert body["system"] == [{"type": "text", "text": "be brief"}]
    answer = read_message({"content": body["messages"][1]["content"], "stop_reason": "max_tokens"}, params, "m")
    assert [item.type for item in answer.output] == ["reasoning", "function_call"]
    assert answer.output[0].encrypted_content == "s"
    assert answer.incomplete_details is not None
    assert answer.incomplete_details.reason == "max_output_tokens"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("https://host/cat.png", "base64 data URLs"),
        ("data:image/tiff;base64,aGk=", "Unsupported Anthropic image media type"),
        ("data:image/png;base64,!", "invalid base64"),
    ],
)
def test_an_image_that_the_endpoint_would_refuse_is_refused_here(url: str, message: str) -> None:
    part = {"type": "input_image", "image_url": url, "detail": "auto"}
    params = NeMoGymResponseCreateParamsNonStreaming(input=[{"role": "user", "content": [part]}])
    with pytest.raises(ValueError, match=message):
        write_message_request(params, **ASK)


def test_sampling_settings_are_refused_for_a_model_that_takes_none() -> None:
    params = NeMoGymResponseCreateParamsNonStreaming(input="hi", temperature=0.5)
    with pytest.raises(ValueError, match="does not support configurable sampling: leave out temperature"):
        write_message_request(params, **{**ASK, "model": "vendor/claude-opus-4-8"})
