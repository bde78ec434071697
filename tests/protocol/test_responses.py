"""The Response object."""

import subprocess
import sys
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import Response

from polygym.protocol.items import output_message
from polygym.protocol.json import JsonObject
from polygym.protocol.responses import (
    add_usage,
    check_response,
    incomplete_response,
    incompleteness_of,
    new_id,
    new_response,
    new_usage,
    with_defaults,
)

usages = st.none() | st.builds(new_usage, st.integers(0, 10**9), st.integers(0, 10**9))


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"tools": None, "tool_choice": None, "parallel_tool_calls": None, "temperature": None},
        {
            "tools": [{"type": "function", "name": "add", "parameters": {}, "strict": True}],
            "tool_choice": "required",
            "parallel_tool_calls": False,
            "temperature": 0.5,
            "top_p": 0.9,
            "max_output_tokens": 10,
            "instructions": "be brief",
            "metadata": {"a": "b"},
        },
    ],
)
def test_a_new_response_is_what_the_official_client_expects(params: JsonObject) -> None:
    answer = new_response(params, [output_message("hi", message_id="msg_1")], model="m", usage=new_usage(1, 2))

    parsed = Response.model_validate(answer)

    assert (parsed.output_text, parsed.status, parsed.model) == ("hi", "completed", "m")
    assert {name: answer[name] for name, value in params.items() if value is not None} == {
        name: value for name, value in params.items() if value is not None
    }


def test_ids_are_unique_and_say_what_they_name() -> None:
    ids = {new_id("resp") for _ in range(100)}

    assert len(ids) == 100
    assert all(name.startswith("resp_") for name in ids)


FORKING = """
import os
from polygym.protocol.responses import new_id
new_id("resp")
reading, writing = os.pipe()
if os.fork() == 0:
    os.write(writing, new_id("resp").encode())
    os._exit(0)
os.wait()
print(new_id("resp") != os.read(reading, 100).decode())
"""


def test_a_forked_process_gives_other_ids() -> None:
    told = subprocess.run([sys.executable, "-c", FORKING], capture_output=True, text=True, check=True, timeout=30)

    assert told.stdout == "True\n"


@given(usages, usages, usages)
def test_usage_adds_up_in_any_order(a: JsonObject | None, b: JsonObject | None, c: JsonObject | None) -> None:
    assert add_usage(add_usage(a, b), c) == add_usage(a, add_usage(b, c)) == add_usage(add_usage(c, b), a)


def test_usage_is_added_field_by_field() -> None:
    total = {"input_tokens": 1, "input_tokens_details": {"cached_tokens": 1}, "cost": 0.5, "note": "a"}
    usage = {
        "input_tokens": 2,
        "input_tokens_details": {"cached_tokens": 2, "audio_tokens": 3},
        "cost": 0.25,
        "note": "b",
    }

    assert add_usage(total, usage) == {
        "input_tokens": 3,
        "input_tokens_details": {"cached_tokens": 3, "audio_tokens": 3},
        "cost": 0.75,
        "note": "a",
    }


def test_adding_changes_neither_usage() -> None:
    total, usage = new_usage(1, 2), new_usage(3, 4)
    before = deepcopy((total, usage))

    add_usage(total, usage)

    assert (total, usage) == before


@pytest.mark.parametrize("odd", [None, "?", 5, {"cached_tokens": None}])
def test_odd_details_of_an_endpoint_do_not_stop_the_sum(odd: Any) -> None:
    first = add_usage(new_usage(1, 1) | {"input_tokens_details": odd}, new_usage(1, 1))
    second = add_usage(new_usage(1, 1), new_usage(1, 1) | {"input_tokens_details": odd})

    assert first is not None
    assert second is not None
    assert first["total_tokens"] == second["total_tokens"] == 4


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("text", "expected a JSON object, got str"),
        ({}, "'output' must be a list of items, got NoneType"),
        ({"output": {}}, "'output' must be a list of items, got dict"),
        ({"output": [], "error": {"code": "server_error"}}, "the response holds an error: {'code': 'server_error'}"),
        ({"output": [{"type": "message", "content": ""}, 5]}, "output[1] is not an item with a 'type'"),
        ({"output": [{"role": "assistant"}]}, "output[0] is not an item with a 'type'"),
        (
            {"output": [{"type": "message", "content": ["hi"]}]},
            "output[0]: 'content' must be a string or a list of objects",
        ),
        ({"output": [{"type": "message"}]}, "output[0]: 'content' must be a string or a list of objects"),
    ],
)
def test_what_an_agent_cannot_work_with_is_named(value: Any, reason: str) -> None:
    assert check_response(value) == reason


@pytest.mark.parametrize("output", [[], [output_message("hi", message_id="msg_1")], [{"type": "of_a_later_year"}]])
def test_a_response_with_items_is_fine(output: list[JsonObject]) -> None:
    assert check_response({"output": output, "error": None}) is None


@pytest.mark.parametrize("response", [{"output": []}, {"output": [], "tools": None, "tool_choice": None}])
def test_missing_envelope_fields_get_their_defaults(response: JsonObject) -> None:
    assert with_defaults(response) == {
        "output": [],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
    }


def test_given_envelope_fields_stay() -> None:
    response = {"output": [], "parallel_tool_calls": False, "tool_choice": "none", "tools": []}

    assert with_defaults(response) == response


def test_a_default_that_one_caller_changes_is_untouched_for_the_next() -> None:
    with_defaults({})["tools"].append({"type": "web_search"})
    new_response({}, [], model="m")["tools"].append({"type": "web_search"})

    assert with_defaults({})["tools"] == []
    assert new_response({}, [], model="m")["tools"] == []


@pytest.mark.parametrize(
    ("reason", "details"),
    [("content_filter", "content_filter"), ("context_exceeded", "max_output_tokens")],
)
def test_an_incomplete_response_says_why_and_is_what_the_official_client_expects(reason: str, details: str) -> None:
    params = {"metadata": {"mine": "kept"}}

    answer = incomplete_response(params, reason, model="m", message="10 tokens at most")

    parsed = Response.model_validate(answer)
    assert parsed.status == "incomplete" and parsed.incomplete_details is not None
    assert parsed.incomplete_details.reason == details
    assert (answer["metadata"]["mine"], answer["metadata"]["ng_termination_message"]) == ("kept", "10 tokens at most")
    assert incompleteness_of(answer) == reason
    assert check_response(answer) is None
    assert params == {"metadata": {"mine": "kept"}}


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        ({"status": "completed", "incomplete_details": None}, None),
        ({"status": "completed", "metadata": {"ng_termination_reason": "user_done"}}, None),
        ({"status": "incomplete"}, "unknown"),
        ({"incomplete_details": "odd"}, "unknown"),
        ({"incomplete_details": {"reason": None}, "metadata": ["odd"]}, "unknown"),
        ({"incomplete_details": {"reason": "max_steps"}}, "max_steps"),
        ({"status": "incomplete", "metadata": {"ng_termination_reason": "empty_output"}}, "empty_output"),
    ],
)
def test_why_a_response_is_incomplete_is_one_word(response: JsonObject, reason: str | None) -> None:
    assert incompleteness_of(response) == reason


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"status": "in_progress"}, "not finished"),
        ({"status": "failed"}, "not finished"),
        ({"status": ["completed"]}, "not finished"),
        ({"usage": 5}, "'usage' must be an object"),
        ({"metadata": []}, "'metadata' must be an object"),
        ({"incomplete_details": "length"}, "'incomplete_details' must be an object"),
    ],
)
def test_a_response_that_would_trip_its_readers_is_refused(fields: JsonObject, said: str) -> None:
    assert said in (check_response({"output": [], **fields}) or "")
