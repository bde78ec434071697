import asyncio
from typing import Any

import pytest

from polygym import Conversation, JsonObject, RolloutContext
from polygym.channels.embedded import EmbeddedModel, EmbeddedResources
from polygym.protocol.items import user_message
from tests.servers.notebook import Notebook, Writer, made, row


def converse(*said: str, words: str = "a b", **limits: Any) -> tuple[Conversation, list[bool]]:
    """A conversation of the writer, who hears what the user says between turns, and whether each turn was complete."""

    async def run() -> tuple[Conversation, list[bool]]:
        context, sent = RolloutContext("0-0"), row(words)
        async with EmbeddedResources(made(Notebook)).open(sent, context) as session:
            model = EmbeddedModel(made(Writer))
            conversation = Conversation(model, sent["responses_create_params"], session, context, **limits)
            complete = []
            for text in ("", *said):
                if text:
                    conversation.hear(text)
                assert await conversation.take_turn() == conversation.response()
                complete.append(conversation.is_complete)
            return conversation, complete

    return asyncio.run(run())


def kinds(response: JsonObject) -> list[str]:
    return [item.get("role") or item["type"] for item in response["output"]]


def test_a_turn_lasts_until_the_model_calls_no_tool() -> None:
    conversation, complete = converse()

    response = conversation.response()
    assert complete == [True]
    assert kinds(response) == ["function_call", "function_call_output"] * 2 + ["assistant"]
    assert (response["status"], response["usage"]["total_tokens"]) == ("completed", 6)


def test_what_the_user_says_stands_between_the_turns() -> None:
    conversation, complete = converse("thanks", words="a")

    assert complete == [True, True]
    assert kinds(conversation.response()) == ["function_call", "function_call_output", "assistant", "user", "assistant"]
    assert conversation.produced[3] == user_message("thanks")


def test_steps_are_counted_over_all_turns() -> None:
    conversation, complete = converse("thanks", words="a", max_steps=2)

    response = conversation.response()
    assert complete == [True, False]
    assert kinds(response)[-1] == "user"
    assert (response["status"], response["incomplete_details"]) == ("incomplete", {"reason": "max_steps"})


def test_why_it_ended_can_be_noted_before_anything_was_said() -> None:
    conversation = Conversation(None, {"input": []}, None, RolloutContext("0-0"))  # type: ignore[arg-type]

    conversation.end("user_done")

    response = conversation.response()
    assert (response["output"], response["metadata"]) == ([], {"ng_termination_reason": "user_done"})


class Saying:
    """A model that answers one thing."""

    def __init__(self, **response: Any) -> None:
        self.response = {"output": [], "status": "completed", **response}
        self.calls = 0

    async def responses(self, params: JsonObject, context: RolloutContext) -> JsonObject:
        self.calls += 1
        return self.response


def turn(**response: Any) -> tuple[JsonObject, bool, int]:
    """The final response to a turn of a model that answers so, whether it was complete, and how often it was asked."""

    async def run() -> tuple[JsonObject, bool, int]:
        model = Saying(**response)
        conversation = Conversation(model, {"input": []}, None, RolloutContext("0-0"))  # type: ignore[arg-type]
        return await conversation.take_turn(), conversation.is_complete, model.calls

    return asyncio.run(run())


def message(*parts: JsonObject) -> JsonObject:
    return {"type": "message", "role": "assistant", "content": list(parts)}


@pytest.mark.parametrize(
    "output",
    [
        [],
        [message()],
        [message({"type": "output_text", "text": " \n"})],
        [{"type": "message", "role": "assistant", "content": ""}],
        [{"type": "reasoning", "summary": []}, message({"type": "output_text", "text": ""})],
    ],
)
def test_an_answer_without_a_word_is_incomplete(output: list[JsonObject]) -> None:
    response, is_complete, _ = turn(output=output)

    assert not is_complete
    assert (response["status"], response["metadata"]) == ("incomplete", {"ng_termination_reason": "empty_output"})


@pytest.mark.parametrize(
    "part",
    [
        {"type": "refusal", "refusal": "no"},
        {"type": "output_image", "image_url": "x"},
        {"type": "output_text", "text": "."},
    ],
)
def test_a_refusal_an_image_and_a_full_stop_are_answers(part: JsonObject) -> None:
    response, is_complete, _ = turn(output=[message(part)])

    assert is_complete
    assert response["status"] == "completed"


def test_a_call_in_an_answer_that_was_cut_short_is_not_carried_out() -> None:
    call = {"type": "function_call", "call_id": "c", "name": "look", "arguments": '{"at'}

    _, is_complete, calls = turn(output=[call], status="incomplete")

    assert (is_complete, calls) == (False, 1)
