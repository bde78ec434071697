"""Rows from a generator: repeatable, distinct, checked, complete."""

from pathlib import Path

import pytest

from polygym.kit import generate_rows, load_environment
from polygym.protocol.errors import ConfigError, InputError
from tests.kit.environments import COUNTER, write_environment

APP = """
from polygym import ResourcesServer, TaskFields, tool

class Task(TaskFields):
    number: int

class Plain(ResourcesServer[Task]):
    def verify(self, rollout, session):
        return 0.0
"""
CHOOSING = """
from polygym import ResourcesServer, tool

class Choosing(ResourcesServer):
    async def start(self):
        self.prefix = "tool"

    def offered_tools(self, session):
        return [{"name": f"{self.prefix}_{session.task.number}", "description": "", "parameters": {}}]

    def call_other_tool(self, name, arguments, session):
        return name

    def verify(self, rollout, session):
        return 0.0
"""


def generator(tmp_path: Path, body: str, app: str = APP) -> Path:
    """An environment whose `make_row` ends with `body`."""
    source = f"def make_row(index, rng, difficulty):\n    params = {{'input': 'Go.'}}\n    {body}\n"
    return write_environment(tmp_path, "made", app, generate=source)


def test_a_row_depends_on_seed_and_index_alone() -> None:
    environment = load_environment(COUNTER)
    few, many = generate_rows(environment, 3, seed=1), generate_rows(environment, 50, seed=1)

    assert many[:3] == few
    assert generate_rows(environment, 3, seed=2) != few


def test_difficulty_reaches_the_generator() -> None:
    lengths = [len(generate_rows(COUNTER, 1, difficulty=each)[0]["amounts"]) for each in (0.0, 0.5, 1.0)]

    assert lengths == [1, 3, 5]


def test_the_environments_tools_are_written_into_the_rows() -> None:
    (row,) = generate_rows(COUNTER, 1)

    assert [tool["name"] for tool in row["responses_create_params"]["tools"]] == ["add"]


def test_tools_that_are_chosen_by_task_are_written_into_each_row(tmp_path: Path) -> None:
    folder = generator(tmp_path, "return {'responses_create_params': params, 'number': index}", CHOOSING)

    rows = generate_rows(folder, 2)

    assert [row["responses_create_params"]["tools"][0]["name"] for row in rows] == ["tool_0", "tool_1"]


def test_tools_of_the_row_stay(tmp_path: Path) -> None:
    folder = generator(tmp_path, "return {'responses_create_params': {**params, 'tools': []}, 'number': 1}", CHOOSING)

    assert generate_rows(folder, 1)[0]["responses_create_params"]["tools"] == []


def test_repeated_rows_are_drawn_again(tmp_path: Path) -> None:
    folder = generator(tmp_path, "return {'id': index, 'responses_create_params': params, 'number': rng.randrange(10)}")

    assert sorted(row["number"] for row in generate_rows(folder, 10)) == list(range(10))


def test_it_is_said_when_there_are_no_more_distinct_rows(tmp_path: Path) -> None:
    folder = generator(tmp_path, "return {'id': index, 'responses_create_params': params, 'number': rng.randrange(3)}")

    with pytest.raises(InputError, match=r"after 3 rows of seed 0 and difficulty 0\.5 there are no more distinct ones"):
        generate_rows(folder, 4)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return [1]", "gave a list, not a row"),
        ("return {'responses_create_params': params, 'number': {1, 2}}", "a row that is no JSON"),
        ("return {'number': 1}", "needs 'responses_create_params'"),
        ("return {'responses_create_params': params, 'number': 'one'}", "does not fit Task: number"),
        ("return {'responses_create_params': params, 'number': 1, 'agent_ref': {'name': 'a'}}", "has an 'agent_ref'"),
        ("return 1 / 0", r"raised ZeroDivisionError: division by zero \(.*generate\.py:3\)"),
    ],
)
def test_a_row_that_cannot_be_used_is_refused(tmp_path: Path, body: str, message: str) -> None:
    folder = generator(tmp_path, body)

    with pytest.raises(ConfigError, match=rf"generate\.py: make_row\(0, …\).*{message}"):
        generate_rows(folder, 1)


def test_a_row_whose_session_cannot_be_seeded_is_refused(tmp_path: Path) -> None:
    folder = generator(tmp_path, "return {'responses_create_params': params}", CHOOSING)

    with pytest.raises(ConfigError, match=r"no session can be seeded.*number"):
        generate_rows(folder, 1)


@pytest.mark.parametrize(("count", "difficulty"), [(-1, 0.5), (1, 1.5), (1, -0.1)])
def test_numbers_out_of_range_are_refused(count: int, difficulty: float) -> None:
    with pytest.raises(InputError):
        generate_rows(COUNTER, count, difficulty=difficulty)
