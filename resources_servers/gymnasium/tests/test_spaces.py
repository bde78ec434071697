"""Actions as models write them, and observations as models see them."""

import json
from typing import Any

import pytest

pytest.importorskip("gymnasium", reason="the extra 'gymnasium' is not installed")

import numpy as np
from gymnasium import spaces

from polygym import Action, FunctionCall, ToolError
from polygym.protocol.errors import InputError
from resources_servers.gymnasium.rendering import plain_text
from resources_servers.gymnasium.spaces import Actions, size_of, value_of
from resources_servers.gymnasium.tests.worlds import SPACES

NAMED = Actions(spaces.Discrete(3), ["left", "wait", "Turn Right"])


def read(actions: Actions, text: str) -> Any:
    return value_of(actions.read(Action(text)))


def call(actions: Actions, arguments: Any) -> Any:
    return value_of(actions.read(Action("", FunctionCall("c1", "act", json.dumps(arguments)))))


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("left", 0),
        ("<action> LEFT </action>", 0),
        ("**turn  right**", 2),
        ("I go <action>wait</action>", 1),
        ("2", 2),
        ("<action>2</action>", 2),
        ("<action>\uff12</action>", 2),
        ("1.0", 1),
    ],
)
def test_named_actions_are_taken_by_name_or_number(said: str, number: int) -> None:
    assert read(NAMED, said) == number


@pytest.mark.parametrize(
    "said",
    [
        "",
        "left wait",
        "3",
        "-1",
        "1.5",
        "true",
        "null",
        "[1, 2]",
        "leftt",
        "9" * 400,
        "1e999",
        "left" * 100_000,
        "[" * 9999,
    ],
)
def test_other_texts_are_no_action_and_are_told_what_is(said: str) -> None:
    with pytest.raises(ToolError, match="one of left, wait, Turn Right"):
        read(NAMED, said)


@pytest.mark.parametrize(
    ("space", "said", "value"),
    [
        ("Discrete", "3", 3),
        ("MultiDiscrete", "[1, 4]", [1, 4]),
        ("MultiBinary", "```[1, 0, 1]```", [1, 0, 1]),
        ("Box", "<action>[0.5, -1]</action>", [0.5, -1.0]),
        ("WholeBox", "[[1, 2], [3, 4]]", [[1, 2], [3, 4]]),
        ("Text", "<action>a b</action>", "a b"),
        ("Tuple", '[1, "hello"]', [1, "hello"]),
        ("Dict", '{"force": [0.5], "move": 3}', {"force": [0.5], "move": 3}),
    ],
)
def test_each_space_takes_its_actions_as_json(space: str, said: str, value: Any) -> None:
    actions = Actions(SPACES[space])

    assert read(actions, said) == value
    assert call(actions, {"action": value}) == value


@pytest.mark.parametrize(
    ("space", "said"),
    [
        ("Discrete", "0"),
        ("MultiDiscrete", "[1, 5]"),
        ("MultiDiscrete", "[1]"),
        ("MultiDiscrete", "[1, 1.5]"),
        ("MultiDiscrete", '["1", "1"]'),
        ("MultiBinary", "[2, 0, 1]"),
        ("MultiBinary", "[true, false, true]"),
        ("Box", "[0.5, 1.5]"),
        ("Box", "[NaN, 0]"),
        ("Box", "[[0.5], 1]"),
        ("Box", "[1e999, 0]"),
        ("Box", "0.5, 0.5"),
        ("WholeBox", "[[1, 2], [3, 4.5]]"),
        ("WholeBox", "[[1, 2], [3, 99999999999999999999999]]"),
        ("Text", "<action>xyz</action>"),
        ("Text", "<action>" + "a" * 9 + "</action>"),
        ("Tuple", "[1]"),
        ("Tuple", '[1, "hello", 2]'),
        ("Tuple", "1"),
        ("Dict", '{"move": 3}'),
        ("Dict", '{"force": [0.5], "move": 3, "more": 1}'),
        ("Dict", "[]"),
    ],
)
def test_what_a_space_does_not_contain_is_no_action(space: str, said: str) -> None:
    with pytest.raises(ToolError, match="An action is"):
        read(Actions(SPACES[space]), said)


@pytest.mark.parametrize(
    "arguments", [{}, {"action": None}, {"action": "fly"}, {"action": True}, {"action": {"a": 1}}, []]
)
def test_calls_with_other_arguments_are_no_action(arguments: Any) -> None:
    with pytest.raises(ToolError):
        call(NAMED, arguments)


@pytest.mark.parametrize("space", ["Large", "Sequence"])
def test_actions_that_cannot_be_written_are_refused_at_once(space: str) -> None:
    with pytest.raises(InputError, match="action"):
        Actions(SPACES[space])


def test_names_must_fit_the_actions() -> None:
    for names in (["left"], ["left", "left", "LEFT"]):
        with pytest.raises(InputError, match="name each action"):
            Actions(spaces.Discrete(3), names)
    with pytest.raises(InputError, match="name each action"):
        Actions(SPACES["Box"], ["left", "right"])


@pytest.mark.parametrize(
    ("space", "words"),
    [
        ("Discrete", "a whole number from 1 to 3"),
        ("MultiDiscrete", "a JSON list: 2 whole numbers, from 0 to [1, 4]"),
        ("Box", "a JSON list: 2 numbers, from -1 to 1"),
        ("WholeBox", "a JSON list: 2 times 2 whole numbers, from 0 to 9"),
        ("Dict", "a JSON object: 'force' is a JSON list: 1 numbers, from 0 to 1; 'move' is a whole number from 0 to 3"),
    ],
)
def test_actions_are_described(space: str, words: str) -> None:
    assert Actions(SPACES[space]).description == words


def test_observations_become_json_with_short_numbers() -> None:
    observation = {"a": np.array([0.123456789, np.inf], np.float64), "b": (np.int64(3), {2}), 4: np.bool_(True)}

    assert value_of(observation) == {"a": [0.12346, "inf"], "b": [3, [2]], "4": True}
    assert size_of(spaces.Dict({"a": spaces.Box(0, 1, (2, 3)), "b": spaces.Tuple((spaces.Discrete(2),))})) == 7


def test_colours_are_told_in_words() -> None:
    assert plain_text("\n\x1b[41mS\x1b[0mFF\nFH\x1b[31;1mG\x1b[0m\n\n") == "[S]FF\nFHG\nColoured: S on red, G red"
    assert plain_text("|\x1b[43m \x1b[0m:\x1b[38;5;12mB\x1b[39m|") == "|[ ]:B|\nColoured: ' ' on yellow, B colour 12"
    assert (
        plain_text("\x1b[7mx\x1b[27my\x1b[48;2;1;2;3mz\x1b[m\x1b[2K")
        == "[x]y[z]\nColoured: x on inverse, z on colour 1-2-3"
    )
    assert plain_text("plain  \ntext") == "plain\ntext"
