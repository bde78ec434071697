"""Makes rows: changes to a counter whose value the model does not know, some of which depend on that value."""

from collections.abc import Callable
from random import Random
from typing import Final, NamedTuple

from polygym import JsonObject


class Step(NamedTuple):
    """One change of the counter."""

    text: str
    apply: Callable[[int], int]


OPENINGS: Final = (
    "There is a counter. You do not know where it stands, but you can read it and add to it.",
    "You look after a counter. Its value can be read, and numbers can be added to it.",
    "A counter is running somewhere and you hold the only key to it: you can read it and add to it.",
)
REPORTS: Final = (
    "When you are done, tell me the number that the counter shows.",
    "At the end, say which value it has.",
    "Finish with the counter's final value.",
)
ENDS: Final = ("Tell me when it is done.", "A short word when you are finished is enough.", "Then you are done.")
LINKS: Final = ("First, ", "Then ", "After that, ", "Next, ")


def make_row(index: int, rng: Random, difficulty: float) -> JsonObject:
    """One step when it is easy, up to eight when it is difficult, more and more of them depending on the value."""
    while True:
        initial = rng.randint(-20, 20 + round(200 * difficulty))
        steps = []
        expected = initial
        for _ in range(1 + round(6 * difficulty) + (rng.random() < 0.5)):
            steps.append(_make_step(expected, rng, difficulty))
            expected = steps[-1].apply(expected)
        if expected != initial:
            break
    asks_for_report = rng.random() < 0.5 + difficulty / 2
    lines = [LINKS[min(place, 1) if place < 2 else rng.randint(1, 3)] + step.text for place, step in enumerate(steps)]
    closing = rng.choice(REPORTS if asks_for_report else ENDS)
    prompt = " ".join([rng.choice(OPENINGS), *lines, closing])
    return {
        "responses_create_params": {"input": [{"role": "user", "content": prompt}]},
        "initial_count": initial,
        "expected_count": expected,
        "asks_for_report": asks_for_report,
    }


def _make_step(value: int, rng: Random, difficulty: float) -> Step:
    """A change of a counter that stands at `value`; the one that is wrong makes another result."""
    number, other = rng.sample(range(2, 10 + round(90 * difficulty)), 2)
    if rng.random() >= 0.2 + 0.6 * difficulty:
        if rng.random() < 0.6:
            return Step(f"add {number} to it.", lambda count: count + number)
        return Step(f"take {number} off it.", lambda count: count - number)
    limit = value + rng.randint(-15, 15)
    kind = rng.randrange(5)
    if kind == 0:
        text = f"if it is above {limit}, add {number}, otherwise add {other}."
        return Step(text, lambda count: count + (number if count > limit else other))
    if kind == 1:
        text = f"if it is even, add {number}, and if it is odd, take {other} off."
        return Step(text, lambda count: count + (number if count % 2 == 0 else -other))
    if kind == 2:
        return Step("double it.", lambda count: 2 * count)
    if kind == 3:
        text = f"add {number} again and again until it is at least {limit + 3 * number}, and not once more."
        return Step(text, lambda count: count + number * max(0, -((count - limit) // number) + 3))
    return Step(
        f"bring it to the next multiple of {number} above its value.", lambda count: count - count % number + number
    )
