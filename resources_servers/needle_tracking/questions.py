"""Questions about the state of a world after everything that was told, and about how it came to be."""

from collections.abc import Callable
from random import Random
from typing import Final, NamedTuple

from resources_servers.needle_tracking.world import Thing, World


class Question(NamedTuple):
    """A question and its answer."""

    kind: str
    text: str
    answer: str
    """A number in digits, or a name."""
    candidates: list[str]
    """Names that an answer may be mixed up with, the right one included; empty when it is a number."""


def ask(world: World, target: Thing, rng: Random, difficulty: float) -> Question:
    """A question that has to do with the target. Harder ones compare, add up, or look back."""
    kinds = ["number", "person"]
    if difficulty > 0.25:
        kinds += ["most", "total", "previous_person"]
    if difficulty > 0.5:
        kinds += ["above", "previous_number", "people_count"]
    while True:
        kind = rng.choice(kinds)
        question = _KINDS[kind](world, target, rng)
        if question is not None:
            text, answer, candidates = question
            return Question(kind, text, answer, candidates)


Draft = tuple[str, str, list[str]] | None


def _number(world: World, target: Thing, rng: Random) -> Draft:
    theme = world.theme
    text = rng.choice(
        (
            "How many {unit} does {noun} {name} have at the end?",
            "After all that: what is the number of {unit} at {noun} {name}?",
            "How many {unit} are there at {noun} {name} in the end?",
        )
    )
    return text.format(unit=theme.unit, noun=theme.noun, name=target.name), str(target.number), []


def _person(world: World, target: Thing, rng: Random) -> Draft:
    theme = world.theme
    text = rng.choice(
        ("Who is the {role} of {noun} {name} at the end?", "Which person is {role} of {noun} {name} in the end?")
    )
    return text.format(role=theme.role, noun=theme.noun, name=target.name), target.person, _everybody(world)


def _most(world: World, target: Thing, rng: Random) -> Draft:
    theme, things = world.theme, _some(world, target, rng)
    ranked = sorted(things, key=lambda thing: thing.number)
    is_most = rng.random() < 0.5
    chosen, runner_up = (ranked[-1], ranked[-2]) if is_most else (ranked[0], ranked[1])
    if chosen.number == runner_up.number:
        return None
    extreme = "most" if is_most else "fewest"
    text = f"Which of the {theme.plural} {_listed(things)} has the {extreme} {theme.unit} at the end?"
    return text, chosen.name, [thing.name for thing in world.things]


def _total(world: World, target: Thing, rng: Random) -> Draft:
    theme, things = world.theme, _some(world, target, rng)[:3]
    text = f"How many {theme.unit} do the {theme.plural} {_listed(things)} have together at the end?"
    return text, str(sum(thing.number for thing in things)), []


def _above(world: World, target: Thing, rng: Random) -> Draft:
    theme, things = world.theme, _some(world, target, rng)
    limit = rng.choice(things).number - rng.choice((0, 1))
    text = f"How many of the {theme.plural} {_listed(things)} have more than {limit} {theme.unit} at the end?"
    return text, str(sum(thing.number > limit for thing in things)), []


def _previous_number(world: World, target: Thing, rng: Random) -> Draft:
    theme = world.theme
    if not target.is_straight or len(target.numbers) < 2 or target.numbers[-2] == target.number:
        return None
    text = (
        f"How many {theme.unit} did {theme.noun} {target.name} have just before its number changed for the last time?"
    )
    return text, str(target.numbers[-2]), []


def _previous_person(world: World, target: Thing, rng: Random) -> Draft:
    theme = world.theme
    if len(target.people) < 2 or target.people[-2] == target.person:
        return None
    text = f"Who was the {theme.role} of {theme.noun} {target.name} just before the one who is it at the end?"
    return text, target.people[-2], _everybody(world)


def _people_count(world: World, target: Thing, rng: Random) -> Draft:
    theme = world.theme
    if len(target.people) < 2:
        return None
    text = (
        f"How many different people have been {theme.role} of {theme.noun} {target.name}, from the first to the last?"
    )
    return text, str(len(set(target.people))), []


def _some(world: World, target: Thing, rng: Random) -> list[Thing]:
    """The target and two to four others, in a random order."""
    others = [thing for thing in world.things if thing is not target]
    chosen = [target, *rng.sample(others, min(len(others), rng.randint(2, 4)))]
    return rng.sample(chosen, len(chosen))


def _listed(things: list[Thing]) -> str:
    names = [thing.name for thing in things]
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _everybody(world: World) -> list[str]:
    """Everybody who was ever in charge of something."""
    return list(dict.fromkeys(person for thing in world.things for person in thing.people))


_KINDS: Final[dict[str, Callable[[World, Thing, Random], Draft]]] = {
    "number": _number,
    "person": _person,
    "most": _most,
    "total": _total,
    "above": _above,
    "previous_number": _previous_number,
    "previous_person": _previous_person,
    "people_count": _people_count,
}
