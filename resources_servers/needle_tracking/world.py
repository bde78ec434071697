"""Things whose number and person change, told in sentences; the state after the last sentence is what is asked for."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final

from resources_servers.needle_tracking.themes import Theme, names_of_people, names_of_things


@dataclass
class Thing:
    """One tracked thing."""

    name: str
    number: int = 0
    numbers: list[int] = field(default_factory=list)
    """The numbers it has had, the present one last."""
    person: str = ""
    people: list[str] = field(default_factory=list)
    """The people it has had, the present one last."""
    is_straight: bool = True
    """Whether its numbers only ever went forward: nothing was corrected or taken back."""
    last: str = ""
    """What was told last of it: `set` and `change` of its number can be taken back."""

    def take(self, number: int, kind: str) -> None:
        """Have another number."""
        self.number = number
        self.numbers.append(number)
        self.last = kind

    def give_to(self, person: str) -> None:
        """Have another person."""
        self.person = person
        self.people.append(person)
        self.last = "person"


class World:
    """The things of one theme, and what happens to them."""

    def __init__(self, theme: Theme, rng: Random, *, families: int, siblings: int, tricks: float) -> None:
        """`tricks`: share of sentences that are more than a plain statement, 0 to 1."""
        self.theme = theme
        self.families = [[Thing(name) for name in names] for names in names_of_things(rng, families, siblings)]
        self.things = [thing for family in self.families for thing in family]
        self._rng = rng
        self._tricks = tricks
        self.people = names_of_people(rng, 2 * len(self.things) + 6)

    def introduce(self) -> list[str]:
        """A sentence or two for each thing, in a random order."""
        told = []
        for thing in self._rng.sample(self.things, len(self.things)):
            thing.take(self._number(), "first")
            thing.give_to(self._stranger())
            told.append(self._say(_INTRODUCTIONS, thing, number=thing.number, person=thing.person))
        return told

    def happen(self, thing: Thing) -> str:
        """Something happens to the thing, or seems to; a sentence that says so."""
        if self._rng.random() < self._tricks:
            return self._rng.choice(_TRICKS)(self, thing)
        return self._rng.choice(_PLAIN)(self, thing)

    def set_number(self, thing: Thing) -> str:
        """Another number."""
        thing.take(self._number(), "set")
        return self._say(_SETTINGS, thing, number=thing.number)

    def change_number(self, thing: Thing) -> str:
        """More, or less."""
        step = self._rng.randint(2, 40)
        if step >= thing.number or self._rng.random() < 0.5:
            thing.take(thing.number + step, "change")
            return self._say(_GAINS, thing, number=step)
        thing.take(thing.number - step, "change")
        return self._say(_LOSSES, thing, number=step)

    def change_person(self, thing: Thing) -> str:
        """Another person, who had nothing to do with any thing before."""
        before, person = thing.person, self._stranger()
        thing.give_to(person)
        return self._say(_SUCCESSIONS, thing, person=person, before=before)

    def correct(self, thing: Thing) -> str:
        """The number told last was wrong."""
        thing.take(self._number(), "correction")
        thing.is_straight = False
        return self._say(_CORRECTIONS, thing, number=thing.number)

    def take_back(self, thing: Thing) -> str:
        """What was told last of the number did not happen."""
        if thing.last not in ("set", "change"):
            return self.set_number(thing)
        thing.numbers.pop()
        thing.take(thing.numbers.pop(), "retraction")
        thing.is_straight = False
        return self._say(_RETRACTIONS, thing)

    def move(self, thing: Thing) -> str:
        """Some go from one thing to another."""
        other = self._other(thing)
        step = self._rng.randint(1, 20)
        if step >= thing.number:
            return self.set_number(thing)
        thing.take(thing.number - step, "move")
        other.take(other.number + step, "move")
        return self._say(_MOVES, thing, number=step, other=other.name)

    def copy(self, thing: Thing) -> str:
        """As many as another one has."""
        other = self._other(thing)
        thing.take(other.number, "copy")
        return self._say(_COPIES, thing, other=other.name)

    def swap(self, thing: Thing) -> str:
        """Two things exchange their people."""
        other = self._other(thing)
        mine, theirs = thing.person, other.person
        thing.give_to(theirs)
        other.give_to(mine)
        return self._say(_SWAPS, thing, other=other.name)

    def pretend(self, thing: Thing) -> str:
        """A plan, a rumour, a memory: nothing happens."""
        thing.last = "pretence"
        return self._say(_PRETENCES, thing, number=self._number(), person=self._stranger(keep=True))

    def _say(self, sentences: tuple[str, ...], thing: Thing, **words: object) -> str:
        theme = self.theme
        sentence = self._rng.choice(sentences).format(
            name=f"{theme.noun} {thing.name}", unit=theme.unit, role=theme.role, noun=theme.noun, **words
        )
        return sentence[0].upper() + sentence[1:]

    def _number(self) -> int:
        """A number that no thing has."""
        taken = {thing.number for thing in self.things}
        while (number := self._rng.randint(45, 960)) in taken:
            pass
        return number

    def _other(self, thing: Thing) -> Thing:
        while (other := self._rng.choice(self.things)) is thing:
            pass
        return other

    def _stranger(self, *, keep: bool = False) -> str:
        """Somebody who has nothing to do with any thing yet; with `keep` somebody who will not."""
        if len(self.people) < 3:
            self.people += [name for name in names_of_people(self._rng, 60) if not self._is_known(name)]
        return self.people[0] if keep else self.people.pop()

    def _is_known(self, name: str) -> bool:
        return name in self.people or any(name in thing.people for thing in self.things)


_PLAIN: Final[tuple[Callable[[World, Thing], str], ...]] = (World.set_number, World.change_number, World.change_person)
_TRICKS: Final[tuple[Callable[[World, Thing], str], ...]] = (
    *(World.correct, World.take_back, World.move, World.copy, World.swap, World.pretend, World.pretend),
)

_INTRODUCTIONS: Final = (
    "The books begin with {name}: {number} {unit}, and {person} as {role}.",
    "At {name} there are {number} {unit} to start with; the {role} is {person}.",
    "{person} is the {role} of {name}, which has {number} {unit}.",
    "Of {name} it is known that it has {number} {unit} and that {person} serves as its {role}.",
)
_SETTINGS: Final = (
    "A fresh count at {name} came to {number} {unit}.",
    "The tally for {name} now reads {number} {unit}.",
    "By now, {number} {unit} are to be found at {name}.",
    "Word came from {name} that there are {number} {unit} there now.",
    "As things stand, {name} has {number} {unit}.",
)
_GAINS: Final = (
    "Another {number} {unit} came to {name} and stayed there.",
    "{name} took in {number} {unit} more.",
    "What {name} has went up by {number} {unit}.",
    "{number} {unit} were added at {name}.",
)
_LOSSES: Final = (
    "{number} {unit} were lost at {name} for good.",
    "What {name} has went down by {number} {unit}.",
    "{number} {unit} were scrapped at {name}.",
    "At {name}, {number} {unit} had to be written off.",
)
_SUCCESSIONS: Final = (
    "{person} has taken over as {role} of {name}.",
    "{before} left {name}, and {person} became the {role} there.",
    "The new {role} of {name} is {person}.",
    "At {name}, {person} now does what {before} used to do: being the {role}.",
)
_CORRECTIONS: Final = (
    "The figure last given for {name} was a slip of the pen: it has {number} {unit}.",
    "Correction: what was last said about the {unit} at {name} is wrong, there are {number}.",
    "Somebody had miscounted at {name}; the true number is {number} {unit}.",
)
_RETRACTIONS: Final = (
    "The last report on the {unit} at {name} is withdrawn; the number before it holds again.",
    "What was last said about the number of {unit} at {name} never happened, so that the number is what it was before.",
    "Please ignore the latest news of the {unit} at {name}: the earlier number still stands.",
)
_MOVES: Final = (
    "{number} {unit} were taken from {name} to {noun} {other}.",
    "{name} handed {number} {unit} to {noun} {other}.",
    "Of the {unit} at {name}, {number} went over to {noun} {other}.",
)
_COPIES: Final = (
    "The number of {unit} at {name} was brought to exactly what {noun} {other} has at this moment.",
    "From now on, {name} has as many {unit} as {noun} {other} has today, whatever becomes of the latter.",
    "Today {name} was made to match {noun} {other}: it has the same number of {unit}.",
)
_SWAPS: Final = (
    "The {role}s of {name} and {noun} {other} have exchanged places.",
    "{name} and {noun} {other} have swapped their {role}s.",
    "The {role} of {name} went to {noun} {other}, and the one from there came here in return.",
)
_PRETENCES: Final = (
    "A plan to bring {name} to {number} {unit} was turned down.",
    "It is rumoured that {name} has {number} {unit}, but nobody who has been there says so.",
    "Had it not rained, {name} would have {number} {unit} by now.",
    "Many years ago, long before this record, {name} had {number} {unit}.",
    "{person} would have liked to be {role} of {name} and was not chosen.",
    "A namesake abroad, not the {name} of this record, has {number} {unit}.",
    "{person} visited {name}, praised the {role}, and left again.",
)
