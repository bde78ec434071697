"""What the events of a finished answer add up to is the answer."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polygym.protocol.events import chat_chunks, message_events, response_events
from polygym.protocol.json import JsonObject, loads
from polygym.protocol.responses import new_response, new_usage
from tests.protocol.conversations import completions
from tests.protocol.messages import answered_items, anthropic_answers

few = settings(max_examples=40)


def response_of(output: list[JsonObject]) -> JsonObject:
    return new_response({}, output, model="m", usage=new_usage(1, 1))


@few
@given(answered_items().map(response_of))
def test_the_events_of_a_response_hold_it_piece_by_piece_and_whole(response: JsonObject) -> None:
    events = list(response_events(response))

    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert [event["type"] for event in events[:2]] == ["response.created", "response.in_progress"]
    assert (events[0]["response"]["output"], events[0]["response"]["status"]) == ([], "in_progress")
    assert events[-1] == {"type": "response.completed", "response": response, "sequence_number": len(events) - 1}
    assert [event["item"] for event in events if event["type"] == "response.output_item.done"] == response["output"]
    for index, item in enumerate(response["output"]):
        own = [event for event in events if event.get("output_index") == index]
        assert (own[0]["type"], own[-1]["type"]) == ("response.output_item.added", "response.output_item.done")
        assert all(event["item_id"] == item["id"] for event in own[1:-1])
        assert "".join(event["delta"] for event in own if event["type"].endswith(".delta")) == "".join(texts_of(item))


def texts_of(item: JsonObject) -> Iterable[str]:
    """All that an item says, in order."""
    for part in (*item.get("summary", ()), *item.get("content", ())):
        yield part.get("text") or part.get("refusal") or ""
    yield item.get("arguments") or ""


@pytest.mark.parametrize(
    ("status", "ending"),
    [("incomplete", "response.incomplete"), ("completed", "response.completed"), (None, "response.completed")],
)
def test_the_last_event_tells_how_a_response_ended(status: str | None, ending: str) -> None:
    assert list(response_events({**response_of([]), "status": status}))[-1]["type"] == ending


def test_items_without_an_id_get_one_that_all_their_events_have() -> None:
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    custom = {"type": "custom_tool_call", "call_id": "d", "name": "g", "input": "x"}
    plain = {"type": "message", "role": "assistant", "content": "hi"}

    events = list(response_events(response_of([call, custom, plain])))

    output = events[-1]["response"]["output"]
    assert len({item["id"] for item in output}) == 3
    assert [event["item_id"] for event in events if event["type"].endswith(".delta")] == [
        item["id"] for item in output[:2]
    ]


@few
@given(completions(), st.booleans())
def test_the_chunks_of_a_completion_add_up_to_it(completion: JsonObject, includes_usage: bool) -> None:
    chunks = list(chat_chunks(completion, includes_usage=includes_usage))

    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert {chunk["id"] for chunk in chunks} == {completion["id"]}
    last = chunks.pop() if includes_usage else {}
    assert last.get("usage") == (completion["usage"] if includes_usage else None)
    choices = [chunk["choices"][0] for chunk in chunks]
    (choice,) = completion["choices"]
    assert [each["finish_reason"] for each in choices] == [None] * (len(choices) - 1) + [choice["finish_reason"]]
    message: JsonObject = {}
    for each in choices:
        add_delta(message, each["delta"])
    assert without_nothing(message) == without_nothing(choice["message"])


def add_delta(message: JsonObject, delta: JsonObject) -> None:
    for name, value in delta.items():
        if name == "tool_calls":
            calls = message.setdefault(name, [])
            for piece in value:
                if piece["index"] == len(calls):
                    calls.append({})
                add_delta(calls[piece["index"]], {key: inner for key, inner in piece.items() if key != "index"})
        elif isinstance(message.get(name), str) and isinstance(value, str):
            message[name] += value
        elif isinstance(message.get(name), dict):
            add_delta(message[name], value)
        else:
            message[name] = dict(value) if isinstance(value, dict) else value


def without_nothing(message: JsonObject) -> JsonObject:
    return {name: value for name, value in message.items() if value not in (None, "", [])}


def test_log_probabilities_are_with_the_text_or_at_the_end() -> None:
    logprobs = {"content": [{"token": "hi", "logprob": -0.5}], "refusal": None}
    said = {"message": {"role": "assistant", "content": "hi"}, "logprobs": logprobs, "finish_reason": "stop"}
    silent = {**said, "message": {"role": "assistant", "content": None}}

    first, second = (
        [chunk["choices"][0].get("logprobs") for chunk in chat_chunks({"choices": [choice]}, includes_usage=False)]
        for choice in (said, silent)
    )

    assert first == [None, logprobs, None]
    assert second == [None, logprobs]


@few
@given(anthropic_answers())
def test_the_events_of_a_message_add_up_to_it(message: JsonObject) -> None:
    events = list(message_events(message))

    assert (events[0]["type"], events[-2]["type"], events[-1]["type"]) == (
        "message_start",
        "message_delta",
        "message_stop",
    )
    built = events[0]["message"]
    assert (built["content"], built["stop_reason"]) == ([], None)
    for event in events:
        if event["type"] == "content_block_start":
            assert event["index"] == len(built["content"])
            built["content"].append(dict(event["content_block"]))
        elif event["type"] == "content_block_delta":
            ADD[event["delta"]["type"]](built["content"][event["index"]], event["delta"])
    built = {**built, **events[-2]["delta"], "usage": {**built["usage"], **events[-2]["usage"]}}
    assert built == message


def put(
    name: str, of: str, read: Callable[[Any], Any] = lambda value: value
) -> Callable[[JsonObject, JsonObject], None]:
    def add(block: JsonObject, delta: JsonObject) -> None:
        block[name] = block[name] + delta[of] if isinstance(block[name], str) else read(delta[of])

    return add


ADD: dict[str, Callable[[JsonObject, JsonObject], None]] = {
    "text_delta": put("text", "text"),
    "thinking_delta": put("thinking", "thinking"),
    "signature_delta": put("signature", "signature"),
    "input_json_delta": put("input", "partial_json", loads),
    "citations_delta": lambda block, delta: block.update(citations=[*block["citations"], delta["citation"]]),
}
