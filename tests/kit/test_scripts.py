"""Scripts in the hands of an agent: what they are told, and what they are told off for."""

import pytest

from polygym import JsonObject
from polygym.kit import LISTEN, Script, ScriptError, ToolCall, call, load_environment, play
from tests.kit.environments import COUNTER, ROW

ENVIRONMENT = load_environment(COUNTER)


def test_a_turn_gets_the_outputs_of_its_calls_in_their_order() -> None:
    seen: list[list[str]] = []

    def script() -> Script:
        seen.append((yield [call("add", amount=1), "Adding.", call("add", amount=2)]))
        seen.append((yield call("add", amount=4)))
        yield "Done."

    play(ENVIRONMENT, ROW, script())

    assert seen == [["The counter is at 101.", "The counter is at 103."], ["The counter is at 107."]]


def test_a_script_may_listen_before_it_speaks() -> None:
    row = {
        **ROW,
        "responses_create_params": {"instructions": "Be brief.", "input": [{"role": "user", "content": "Go."}]},
    }
    heard: list[list[str]] = []

    def script() -> Script:
        heard.append((yield LISTEN))
        yield call("add", amount=7)
        heard.append((yield LISTEN))
        yield "107"

    assert play(ENVIRONMENT, row, script())["reward"] == 1.0
    assert heard == [["Be brief.", "Go."], ["The counter is at 107."]]


def test_lists_of_turns_and_bare_answers_are_scripts() -> None:
    assert play(ENVIRONMENT, ROW, [call("add", amount=7), "107"])["reward"] == 1.0
    assert play(ENVIRONMENT, ROW, "107")["reward"] == 0.0


def test_a_turn_may_hold_items_as_they_are_and_arguments_that_are_no_json() -> None:
    reasoning: JsonObject = {"type": "reasoning", "id": "r", "summary": []}

    verified = play(ENVIRONMENT, ROW, [[reasoning, ToolCall("add", "{7")], "107"])

    kinds = [item["type"] for item in verified["response"]["output"]]
    assert kinds == ["reasoning", "function_call", "function_call_output", "message"]
    assert verified["response"]["output"][1]["arguments"] == "{7"


def test_an_argument_may_be_called_name() -> None:
    assert call("greet", name="Ada") == ToolCall("greet", {"name": "Ada"})


def test_the_same_script_gives_the_same_items() -> None:
    first, second = (play(ENVIRONMENT, ROW, [call("add", amount=7), "107"]) for _ in range(2))

    assert first["response"]["output"] == second["response"]["output"]


def test_a_script_that_ends_too_early_is_told_what_came_in() -> None:
    with pytest.raises(ScriptError, match=r"after 1 turns, the last of which called add.*The counter is at 107"):
        play(ENVIRONMENT, ROW, [call("add", amount=7)])


def test_a_script_without_turns_is_refused() -> None:
    with pytest.raises(ScriptError, match="ended without a turn"):
        play(ENVIRONMENT, ROW, [])


def test_a_script_that_raises_is_named() -> None:
    def script() -> Script:
        outputs = yield call("add", amount=7)
        yield outputs[5]

    with pytest.raises(ScriptError, match=r"the script raised IndexError: .*test_scripts\.py.*, after 1 turns"):
        play(ENVIRONMENT, ROW, script())


def test_a_turn_of_another_kind_is_refused() -> None:
    with pytest.raises(ScriptError, match="a turn is a str"):
        play(ENVIRONMENT, ROW, [5])  # type: ignore[list-item]


def test_a_script_that_nobody_asks_any_more_is_closed() -> None:
    closed = []

    def script() -> Script:
        try:
            yield "107"
            yield "and more"
        finally:
            closed.append(True)

    play(ENVIRONMENT, ROW, script())

    assert closed == [True]
