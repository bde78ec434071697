"""Makes rows: facts about a made-up place, and a text to be written about it under constraints."""

from collections.abc import Sequence
from random import Random
from typing import Final

from polygym import JsonObject
from resources_servers.instruction_following.composing import draw_task, row_fields
from resources_servers.instruction_following.constraints.base import Constraint
from resources_servers.instruction_following.subjects import FACTS, Fact, Subject, draw_subject

_LABELS: Final[dict[Fact, tuple[str, ...]]] = {
    "town": ("town", "where", "located in"),
    "year": ("opened", "first year", "opened in"),
    "head": ("run by", "head", "in charge"),
    "visitors": ("guests on a usual day", "daily guests"),
    "count": ("number of {things}", "{things}"),
    "cat": ("its cat", "name of the cat"),
}
_REQUESTS: Final = (
    "Write a short text about the {kind} {name} for people who have never been there, and base it on these notes.",
    "Using the notes below, tell a visitor who has never heard of it what the {kind} {name} is like.",
    "I need a few words on the {kind} {name} for our next leaflet; take what you need from the notes I have made.",
    "Describe the {kind} {name} to somebody who is planning a trip there next month. What I know is listed below.",
)
_NOTES: Final = ("Notes:", "What is known:", "Facts:")
_MUSTS: Final = (
    "The text has to name {asked}.",
    "Be sure to mention {asked}.",
    "Leave out none of these: {asked}.",
)
_RULES: Final = (
    "Follow every one of these rules to the letter:",
    "Conditions:",
    "The answer counts only if all of this holds:",
)
_OPENINGS: Final = (
    "You write exactly as you are told to. Give the text itself, without any remark about it.",
    "Answer with the finished text and nothing else.",
    "",
)


def make_row(index: int, rng: Random, difficulty: float) -> JsonObject:
    """A row; a greater difficulty brings more constraints, stricter ones, and more facts to mention."""
    subject = draw_subject(rng)
    constraints, asked = draw_task(rng, subject, difficulty)
    opening = rng.choice(_OPENINGS)
    messages = [{"role": "system", "content": opening}] if opening else []
    messages.append({"role": "user", "content": _request(rng, subject, asked, constraints)})
    return {
        "id": index,
        "responses_create_params": {"input": messages},
        **row_fields(constraints, subject, asked),
        "grading_mode": "binary",
    }


def _request(rng: Random, subject: Subject, asked: Sequence[Fact], constraints: Sequence[Constraint]) -> str:
    request = rng.choice(_REQUESTS).format(kind=subject.kind, name=subject.name)
    labels = {fact: rng.choice(_LABELS[fact]).format(things=subject.things) for fact in FACTS}
    shown = [f"- {labels[fact]}: {getattr(subject, fact)}" for fact in rng.sample(FACTS, len(FACTS))]
    named = ["the place by its name", *(f'"{labels[fact]}"' for fact in asked)]
    must = rng.choice(_MUSTS).format(asked=", ".join(named))
    rules = [constraint.describe(rng) for constraint in constraints]
    marker = rng.choice(("- ", "* ", ""))
    listed = [f"{marker}{rule}" for rule in rng.sample(rules, len(rules))]
    parts = [
        request,
        "\n".join([rng.choice(_NOTES), *shown]),
        must,
        "\n".join([rng.choice(_RULES), *listed]),
    ]
    if rng.random() < 0.3:
        parts = [request, parts[3], must, parts[1]]
    return "\n\n".join(parts)
