import asyncio
from typing import Any

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
            complete = [await conversation.take_turn()]
            for text in said:
                conversation.hear(text)
                complete.append(await conversation.take_turn())
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
