"""Outputs gone wrong: other than they were, still items, and the original untouched."""

from copy import deepcopy

import pytest

from polygym import JsonObject, function_call, output_message
from polygym.kit.drawing import draw
from polygym.kit.mutations import MUTATIONS, NOISE, Mutation, mutated

OUTPUT: list[JsonObject] = [
    function_call("add", '{"amount": 7}', call_id="c1", item_id="fc1"),
    {"type": "function_call_output", "call_id": "c1", "output": "The counter is at 107."},
    output_message("It is at 107.", message_id="m1"),
]


def test_the_original_stays_as_it_is() -> None:
    before = deepcopy(OUTPUT)

    for mutations in draw(MUTATIONS, 200):
        mutated(OUTPUT, mutations)

    assert before == OUTPUT


def test_items_stay_items() -> None:
    for mutations in draw(MUTATIONS, 200) + draw(NOISE, 100):
        assert all(isinstance(item["type"], str) for item in mutated(OUTPUT, mutations))


@pytest.mark.parametrize(
    "kind", ["drop", "double", "swap", "insert", "noise", "junk", "arguments", "remove", "reverse"]
)
def test_every_kind_changes_something(kind: str) -> None:
    assert any(mutated(OUTPUT, [Mutation(kind, where, what)]) != OUTPUT for where in range(3) for what in range(3))


@pytest.mark.parametrize("kind", ["drop", "noise", "insert"])
def test_an_output_without_items_can_go_wrong_too(kind: str) -> None:
    assert len(mutated([], [Mutation(kind, 5, 5)])) == (kind == "insert")


def test_the_same_ones_are_drawn_every_time() -> None:
    assert draw(MUTATIONS, 50) == draw(MUTATIONS, 50)
