"""Plays of the reference that are a little off: odd texts in its messages, one argument of one call changed."""

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Any, Final

from polygym.kit.checks.subject import Sample, Subject, how_it_ended
from polygym.kit.playground import Outcome
from polygym.kit.scripts import Script, rewritten
from polygym.protocol.failures import FailureClass
from polygym.protocol.items import function_calls, is_message, text_of
from polygym.protocol.json import JsonObject, dumps
from polygym.protocol.tasks import PARAMS, TOOLS

ENVIRONMENTS_OWN: Final = frozenset({FailureClass.VERIFIER_ERROR, FailureClass.SEED_ERROR, FailureClass.TOOL_ERROR})
"""Failures that are the doing of an environment's code."""
SAMPLES: Final = 3
"""Rows whose reference is played with other arguments."""
MOST: Final = 40
"""Rollouts with other arguments of one row."""

_ODD_TEXTS: Final = ("²", "３", "٣", "-1", "", "9" * 50_000, "\0")  # noqa: RUF001
_PLACES: Final[dict[str, str]] = {
    "the message": r"(?s)\A.*\Z",
    "its digits": r"[0-9]+",
    "its last word": r"\w+(?=\W*\Z)",
}

Change = Callable[[JsonObject, int], JsonObject]
"""Gives another output item for one of the reference, numbered through the rollout."""


def odd_messages(subject: Subject) -> Iterator[tuple[str, str]]:
    """What fails, by where, when the texts of the reference's messages are odd ones."""
    kinds = [(where, pattern, odd) for odd in _ODD_TEXTS for where, pattern in _PLACES.items()]
    samples = [subject.samples[number % len(subject.samples)] for number in range(len(kinds))]
    plays = [
        (sample, "the reference with odd texts", _changed(subject, sample, _with_text(pattern, odd)))
        for sample, (_, pattern, odd) in zip(samples, kinds, strict=True)
    ]
    for outcome, sample, (where, _, odd) in zip(subject.play(plays), samples, kinds, strict=True):
        if is_environments_own(outcome):
            ended = how_it_ended(outcome)
            yield ended.partition("(")[0], f"{sample.origin}: {ended[:500]}, with {odd[:20]!r} in the place of {where}"


def other_arguments(subject: Subject) -> Iterator[tuple[str, str]]:
    """What fails, by where, when one argument of the reference's calls is nearly right; rewards are noted."""
    for place, outcome in list(subject.alone(subject.reference).items())[:SAMPLES]:
        sample = subject.samples[place]
        attempts = list(_attempts(outcome, _choices(sample)))[:MOST]
        plays = [
            (sample, f"the reference with {arguments} in call {number}", _changed(subject, sample, change))
            for number, arguments, change in attempts
        ]
        for played, (_, arguments, _) in zip(subject.play(plays), attempts, strict=True):
            if is_environments_own(played):
                ended = how_it_ended(played)
                yield ended.partition("(")[0], f"{sample.origin}: {ended[:500]}, for a call with {arguments}"


def is_environments_own(outcome: Outcome) -> bool:
    """Whether a rollout has failed through the environment's code."""
    failure = outcome.failure
    return outcome.script_error is None and failure is not None and failure.failure_class in ENVIRONMENTS_OWN


def _attempts(outcome: Outcome, choices: Mapping[tuple[str, str], list[Any]]) -> Iterator[tuple[int, str, Change]]:
    """Changes of one argument of one call, with the number of the call and the argument as it becomes."""
    output = (outcome.record.get("response") or {}).get("output") or []
    for number, call in enumerate(function_calls(output)):
        for name, value in call.arguments.items() if call.is_valid else ():
            listed = [each for each in choices.get((call.name, name), ()) if each != value]
            for other in listed or _near(value):
                arguments = dumps({**call.arguments, name: other}).decode()
                yield number, f"{name}={other!r}"[:200], _with_arguments(number, arguments)


def _choices(sample: Sample) -> dict[tuple[str, str], list[Any]]:
    """The values that a tool's argument may have, by tool and argument, where its schema lists them."""
    return {
        (str(tool.get("name")), name): schema["enum"]
        for tool in sample.row[PARAMS].get(TOOLS) or ()
        for name, schema in ((tool.get("parameters") or {}).get("properties") or {}).items()
        if isinstance(schema, dict) and isinstance(schema.get("enum"), list)
    }


def _near(value: Any) -> list[Any]:
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int | float):
        return [value + 1, value - 1]
    return [f"{value} x", ""] if isinstance(value, str) else []


def _with_text(pattern: str, odd: str) -> Change:
    def change(item: JsonObject, number: int) -> JsonObject:
        if not is_message(item):
            return item
        text = re.sub(pattern, lambda _: odd, text_of(item.get("content")))
        return {**item, "content": [{"type": "output_text", "text": text, "annotations": []}]}

    return change


def _with_arguments(wanted: int, arguments: str) -> Change:
    return lambda item, number: {**item, "arguments": arguments} if number == wanted else item


def _changed(subject: Subject, sample: Sample, change: Change) -> Script:
    """The reference's script with other items; calls are numbered through the rollout, messages have number -1."""
    calls = count()

    def change_all(items: list[JsonObject]) -> list[JsonObject]:
        return [change(item, next(calls) if item.get("type") == "function_call" else -1) for item in items]

    yield from rewritten(subject.environment.solve(sample.row), change_all)
