import asyncio

import pytest

from polygym import JsonObject, ModelServer, RolloutContext, new_response, new_usage, output_message
from tests.servers.notebook import made


class Echo(ModelServer):
    """Answers with what it was asked."""

    async def responses(self, params: JsonObject, context: RolloutContext) -> JsonObject:
        text = f"{context.rollout_id}: {params['input'][0]['content']}"
        return new_response(params, [output_message(text, message_id="m")], model="echo", usage=new_usage(3, 2))


def test_chat_completions_are_answered_through_responses() -> None:
    params = {"model": "any", "messages": [{"role": "user", "content": "hello"}]}

    completion = asyncio.run(made(Echo).chat_completions(params, RolloutContext("4-2")))

    assert completion["object"] == "chat.completion"
    (choice,) = completion["choices"]
    assert choice["message"]["content"] == "4-2: hello"
    assert choice["finish_reason"] == "stop"
    assert completion["usage"]["total_tokens"] == 5


def test_a_model_is_listed_under_its_instance_name() -> None:
    assert made(Echo, "policy_model").list_models() == ["policy_model"]


def test_a_model_without_responses_cannot_be_made() -> None:
    with pytest.raises(TypeError, match="responses"):
        made(ModelServer)


def test_a_server_that_cannot_tell_has_nothing_to_say_about_its_endpoint() -> None:
    assert asyncio.run(made(Echo).probe()) is None
