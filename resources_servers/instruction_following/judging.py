"""An answer against its constraints."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from polygym import JsonObject
from polygym.protocol.errors import suggest
from resources_servers.instruction_following.constraints import KINDS
from resources_servers.instruction_following.constraints.base import Constraint
from resources_servers.instruction_following.reading import LONGEST, Text
from resources_servers.instruction_following.substance import shortcomings

REPEATED_PROMPT: Final = "combination:repeat_prompt"
"""Asks for a copy of the prompt, which is a sign of laziness elsewhere."""


class Judgement(NamedTuple):
    """What was found."""

    met: list[bool]
    """Of each constraint, whether it is met. None is by an answer that has shortcomings."""
    shortcomings: list[str]
    """Why the answer does not count."""


def parse_constraints(ids: Sequence[str], arguments: Sequence[JsonObject | None]) -> list[Constraint]:
    """Constraints by their ids, with their arguments. Arguments that are null, or not theirs, are ignored.

    Raises ValueError naming an unknown id, or arguments that do not fit.
    """
    if len(arguments) > len(ids):
        raise ValueError(f"kwargs has {len(arguments)} entries for {len(ids)} instructions")
    padded = [*arguments, *[None] * (len(ids) - len(arguments))]
    return [_parse(name, given or {}) for name, given in zip(ids, padded, strict=True)]


def _parse(name: str, arguments: JsonObject) -> Constraint:
    if name not in KINDS:
        raise ValueError(f"unknown instruction '{name}'. {suggest(name, KINDS)}")
    given: dict[str, Any] = {key: value for key, value in arguments.items() if value is not None}
    try:
        return KINDS[name].model_validate(given)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise ValueError(f"kwargs of '{name}': {problems}") from error


def judge(
    answer: str,
    constraints: Sequence[Constraint],
    *,
    prompt: str,
    must_mention: Sequence[Sequence[str]],
    min_words: int,
) -> Judgement:
    """Which constraints the answer meets. Never raises, whatever the answer is."""
    text = Text(answer)
    if text.is_too_long:
        return Judgement([False] * len(constraints), [f"it is longer than {LONGEST} characters"])
    content = text.visible
    for constraint in constraints:
        content = constraint.unwrapped(content)
    inside = Text(content)
    plain = inside.visible
    for constraint in constraints:
        plain = constraint.plain(plain)
    if any(constraint.id == REPEATED_PROMPT for constraint in constraints):
        prompt = ""
    lacks = shortcomings(Text(plain), prompt=prompt, must_mention=must_mention, min_words=min_words)
    if lacks:
        return Judgement([False] * len(constraints), lacks)
    return Judgement([each.is_met_by(text if "wrap" in each.claims else inside) for each in constraints], [])
