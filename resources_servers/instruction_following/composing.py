"""New tasks: a subject, constraints that can be met together, a request in words, and an answer that meets it."""

from collections.abc import Sequence
from random import Random
from typing import Final

from polygym import JsonObject
from resources_servers.instruction_following.constraints import DRAWN
from resources_servers.instruction_following.constraints.base import Aspect, Constraint, NewTask, is_compatible
from resources_servers.instruction_following.drafting import Draft, UnwritableError
from resources_servers.instruction_following.judging import judge
from resources_servers.instruction_following.subjects import FACTS, Fact, Subject

MIN_WORDS: Final = 20
"""Words that any answer to a generated row needs."""
_TRIES: Final = 200
_RANKS: Final[dict[Aspect, int]] = {"digits": 1, "case": 2, "tokens": 3, "order": 4, "wrap": 5}
"""In which order constraints are planned: what changes letters comes before what changes words, wrapping is last."""


def choose_kinds(rng: Random, difficulty: float) -> list[type[Constraint]]:
    """Kinds of constraints for a new task, every two of them compatible; more for a greater difficulty."""
    allowed = [kind for kind in DRAWN if kind.least_difficulty <= difficulty]
    against = [kind for kind in allowed if kind.is_counterintuitive]
    number = 1 + round(4 * difficulty * rng.uniform(0.5, 1.0) + rng.random())
    order = rng.sample(allowed, len(allowed))
    if rng.random() < 0.6:
        order.insert(0, rng.choice(against))
    chosen: list[type[Constraint]] = []
    for kind in order:
        if len(chosen) < number and all(is_compatible(kind, other) for other in chosen):
            chosen.append(kind)
    return chosen


def compose(
    rng: Random, subject: Subject, kinds: Sequence[type[Constraint]], difficulty: float
) -> tuple[list[Constraint], list[Fact]]:
    """Constraints of those kinds, and the facts to mention. Raises UnwritableError when no answer meets them all."""
    task = NewTask(rng, subject, rng.sample(FACTS, 2 + round(2 * difficulty)), difficulty)
    constraints = [kind.draw(task) for kind in kinds]
    write_answer(constraints, subject, task.asked, Random(rng.random()))
    return constraints, task.asked


def write_answer(constraints: Sequence[Constraint], subject: Subject, asked: Sequence[Fact], rng: Random) -> str:
    """An answer that meets every constraint and mentions what is asked. Raises UnwritableError."""
    draft = Draft(subject, asked, rng, least_words=MIN_WORDS)
    for constraint in sorted(constraints, key=_rank):
        constraint.plan(draft)
    mentions = [[word] for word in mentions_of(subject, asked)]

    def fits(text: str) -> bool:
        return all(judge(text, constraints, prompt="", must_mention=mentions, min_words=MIN_WORDS).met)

    return draft.write(fits)


def mentions_of(subject: Subject, asked: Sequence[Fact]) -> list[str]:
    """The words and numbers by which an answer shows that it is about the subject."""
    return [subject.name, *(subject.value_of(fact) for fact in asked)]


def draw_task(rng: Random, subject: Subject, difficulty: float) -> tuple[list[Constraint], list[Fact]]:
    """Constraints and facts for a new task, of which it is certain that an answer meets them."""
    for _ in range(_TRIES):
        try:
            return compose(rng, subject, choose_kinds(rng, difficulty), difficulty)
        except UnwritableError:
            continue
    raise UnwritableError(f"{_TRIES} combinations of constraints were tried in vain")


def row_fields(constraints: Sequence[Constraint], subject: Subject, asked: Sequence[Fact]) -> JsonObject:
    """What the verifier reads of a row."""
    return {
        "instruction_id_list": [constraint.id for constraint in constraints],
        "kwargs": [constraint.model_dump(mode="json") for constraint in constraints],
        "must_mention": mentions_of(subject, asked),
        "min_words": MIN_WORDS,
        "subject": subject.model_dump(mode="json"),
        "asked": list(asked),
    }


def _rank(constraint: Constraint) -> int:
    return max((_RANKS.get(aspect, 0) for aspect in constraint.claims), default=0)
