"""Dataset rows and the tasks they are."""

from typing import Any

import pytest

from polygym.protocol.errors import InputError
from polygym.protocol.json import JsonObject
from polygym.protocol.tasks import parse_row, parse_task

ASKED = {"input": [{"role": "user", "content": "hi"}]}


def task_row(**fields: Any) -> JsonObject:
    """A row that asks something."""
    return {"responses_create_params": ASKED, **fields}


def test_a_row_is_the_object_on_a_line() -> None:
    assert parse_row(b'{"a": [1, null]}\n', "tasks.jsonl:1") == {"a": [1, None]}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"", "^tasks.jsonl:7: not JSON: .* Every line must be one JSON object.$"),
        (b'{"a": 1', "^tasks.jsonl:7: not JSON: .*column"),
        (b'{"a": "\xff"}', "^tasks.jsonl:7: not JSON"),
        (b"[1]", "^tasks.jsonl:7: a row must be a JSON object, this is a list.$"),
        (b"null", "this is a NoneType"),
    ],
)
def test_a_line_that_is_no_row_is_refused_with_its_place(line: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_row(line, "tasks.jsonl:7")


@pytest.mark.parametrize(
    ("ref", "agent"),
    [
        ({"type": "responses_api_agents", "name": "solver"}, "solver"),
        ({"name": "solver"}, "solver"),
        (None, None),
    ],
)
def test_a_task_names_its_agent_or_none(ref: Any, agent: str | None) -> None:
    task = parse_task(task_row(agent_ref=ref, answer=4), index=3, origin="tasks.jsonl:4")

    assert (task.agent, task.index, task.origin) == (agent, 3, "tasks.jsonl:4")
    assert task.row == task_row(agent_ref=ref, answer=4)


@pytest.mark.parametrize("asked", ["hi", "", [], ASKED["input"]])
def test_input_may_be_a_string_or_any_list_of_items(asked: Any) -> None:
    row = {"responses_create_params": {"input": asked}}

    assert parse_task(row, index=0, origin="x:1").row is row


@pytest.mark.parametrize(("given", "index"), [(7, 7), (0, 0), (None, 3)])
def test_a_row_may_say_which_task_it_is(given: int | None, index: int) -> None:
    assert parse_task(task_row(_ng_task_index=given), index=3, origin="x:1").index == index


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({}, "a task needs 'responses_create_params', .*; this row has none"),
        ({"responses_create_params": "hi"}, "this row has a str there"),
        ({"responses_create_params": {}}, "'responses_create_params.input' must be a string or a list"),
        ({"responses_create_params": {"input": {}}}, "'responses_create_params.input' must be a string or a list"),
        ({"responses_create_params": {"input": [{}, "hi"]}}, r"input\[1\]' must be an object, this is 'hi'"),
        (task_row(agent_ref="solver"), "'agent_ref' must be {\"name\": .* this is 'solver'"),
        (task_row(agent_ref={"name": 5}), "'agent_ref' must be"),
        (
            task_row(agent_ref={"name": "a", "type": "resources_servers"}),
            "'agent_ref.type' must be .* 'resources_servers'",
        ),
        (task_row(_ng_task_index="7"), "'_ng_task_index' must be a whole number, this is '7'"),
        (task_row(_ng_task_index=True), "'_ng_task_index' must be a whole number"),
    ],
)
def test_a_row_that_is_no_task_is_refused_with_its_place_and_the_field(row: JsonObject, message: str) -> None:
    with pytest.raises(InputError, match=f"^tasks.jsonl:4: .*{message}"):
        parse_task(row, index=0, origin="tasks.jsonl:4")
