"""Whether `verify` stays quick, whatever the answer: tried with longer and longer texts that are hard on parsers."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final

from polygym.kit.checks.probing import verified
from polygym.kit.checks.subject import Result, Sample, Subject
from polygym.kit.scripts import items_of, texts_of_input
from polygym.protocol.items import function_calls
from polygym.protocol.json import JsonObject, dumps
from polygym.protocol.tasks import PARAMS

_SIZES: Final = (1000, 10_000, 100_000)

_UNITS: Final[Mapping[str, str]] = {
    "one letter": "a",
    "digits": "9",
    "spaces": " ",
    "line breaks": "\n",
    "opening brackets": "[",
    "braces": "{",
    "parentheses": "(",
    "a nested formula": "\\frac{1}{",
    "powers": "9^",
    "words": "the cat and ",
    "options": "A) B) C) D) ",
    "objects": '{"a": [',
    "tags": "<a>",
    "boxes": "\\boxed{",
    "asterisks": "*a ",
    "accents": "e\N{COMBINING ACUTE ACCENT}",
}

_SHORT: Final[Mapping[str, str]] = {
    "a letter, repeated, and a mark": "a" * 30 + "!",
    "digits and a letter": "1" * 40 + "x",
    "spaces and a letter": " " * 5000 + "x",
    "only spaces": " " * 5000,
}
"""Texts on which a backtracking pattern takes forever, because the last character spoils the match."""


def check_timing(subject: Subject) -> Result:
    """One call of `verify` takes no more CPU time than the settings say."""
    limit_s = subject.settings.verify_limit_s
    slowest = 0.0
    problems: list[str] = []
    sample, outcome = subject.samples[-1], subject.alone(subject.reference)[len(subject.samples) - 1]
    output: list[JsonObject] = (outcome.record.get("response") or {}).get("output") or []
    for name, attempts in _attempts(sample, output, subject.settings.longest_text):
        for where, size, items in attempts:
            found = verified(subject, sample, items)
            slowest = max(slowest, found.cpu_s)
            if found.cpu_s > limit_s or found.is_too_slow:
                problems.append(
                    f"{sample.origin}: verify takes {found.cpu_s:.1f} s for {size} characters of {name} {where};"
                    f" {limit_s:g} s are allowed"
                )
                break
    return Result(problems, f"{slowest:.3f} s at most, {limit_s:g} s are allowed")


def _texts(sample: Sample) -> dict[str, Callable[[int], str]]:
    """Makers of texts of a length, by name."""
    prompt = "\n".join(texts_of_input(sample.row[PARAMS])) or "?"
    return {name: partial(_repeated, unit) for name, unit in {**_UNITS, "the prompt": prompt}.items()}


def _attempts(
    sample: Sample, output: list[JsonObject], longest: int
) -> Iterator[tuple[str, Iterator[tuple[str, int, list[JsonObject]]]]]:
    """Outputs that are hard on parsers, with their place and number of characters, by the name of their text."""
    for name, text in _SHORT.items():
        yield name, _placed(output, text)
    for name, maker in _texts(sample).items():
        yield name, _growing(output, maker, longest)


def _placed(output: list[JsonObject], text: str) -> Iterator[tuple[str, int, list[JsonObject]]]:
    """The output with a text as its answer, and in its calls."""
    yield "in the answer", len(text), _with_answer(output, text)
    if any(item.get("type") == "function_call" for item in output):
        yield "in a call", len(text), [_with_arguments(item, text) for item in output]


def _repeated(unit: str, size: int) -> str:
    return (unit * (size // len(unit) + 1))[:size]


def _growing(
    output: list[JsonObject], text: Callable[[int], str], longest: int
) -> Iterator[tuple[str, int, list[JsonObject]]]:
    """The output with ever longer answers, up to the longest, and with long arguments of its calls."""
    sizes = [*(size for size in _SIZES if size < longest), longest]
    for size in sizes:
        yield "in the answer", size, _with_answer(output, text(size))
    for size in sizes[:-1] if any(item.get("type") == "function_call" for item in output) else ():
        yield "in a call", size, [_with_arguments(item, text(size)) for item in output]


def _with_answer(output: list[JsonObject], text: str) -> list[JsonObject]:
    """The output with another text in its last message; as a last message where it has none."""
    items = output[:-1] if output and output[-1].get("type") == "message" else output
    return [*items, *items_of(text, 0)]


def _with_arguments(item: JsonObject, text: str) -> JsonObject:
    """A tool call with a text in the place of every argument; other items as they are."""
    if item.get("type") != "function_call":
        return item
    (call,) = function_calls([item])
    return {**item, "arguments": dumps(dict.fromkeys(call.arguments, text)).decode()}
