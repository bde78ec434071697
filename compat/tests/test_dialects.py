import pytest
from pydantic import ValidationError

from nemo_gym.openai_utils import (
    NeMoGymResponse,
    NeMoGymResponseCreateParamsNonStreaming,
    NeMoGymResponseOutputMessageForTraining,
)
from nemo_gym.responses_converter import ResponsesConverter

TOKENS = {"prompt_token_ids": [1], "generation_token_ids": [2, 3], "generation_log_probs": [-0.1, -0.2]}


def test_an_answer_without_the_fields_that_repeat_the_request_gets_their_defaults() -> None:
    answer = NeMoGymResponse.model_validate(
        {"id": "r", "created_at": 0, "model": "m", "object": "response", "output": []}
    )
    assert (answer.parallel_tool_calls, answer.tool_choice, answer.tools) == (True, "auto", [])


def test_token_fields_come_together_or_not_at_all() -> None:
    item = {"id": "m", "type": "message", "role": "assistant", "content": [], **TOKENS}
    params = NeMoGymResponseCreateParamsNonStreaming(input=[item])
    assert isinstance(params.input[0], NeMoGymResponseOutputMessageForTraining)
    del item["generation_log_probs"]
    with pytest.raises(ValidationError, match="missing: generation_log_probs"):
        NeMoGymResponseCreateParamsNonStreaming(input=[item])


def test_a_turn_of_reasoning_text_and_a_call_survives_the_way_to_chat_and_back() -> None:
    converter = ResponsesConverter(return_token_id_information=True)
    message = {
        "role": "assistant",
        "content": "<think>hm</think>text",
        "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        **TOKENS,
    }
    items = converter.chat_completions_messages_to_responses_items([{"role": "user", "content": "hi"}, message])
    assert [item.type for item in items] == ["message", "reasoning", "message", "function_call"]
    chat = converter.responses_to_chat_completion_create_params(NeMoGymResponseCreateParamsNonStreaming(input=items))
    assert chat.messages[1] == message


def test_instructions_and_leading_system_messages_become_one_system_message() -> None:
    params = NeMoGymResponseCreateParamsNonStreaming(
        instructions="be brief", input=[{"role": "developer", "content": "be kind"}, {"role": "user", "content": "hi"}]
    )
    chat = ResponsesConverter(return_token_id_information=False).responses_to_chat_completion_create_params(params)
    assert chat.messages[0] == {"role": "system", "content": "be brief\n\nbe kind"}
