"""What a constraint is: something that a text meets or does not, whoever wrote it and whatever it is about.

A constraint is also a way to ask for it, to draw it for a new task, and to have a reference answer meet it.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from random import Random
from typing import ClassVar, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict

from resources_servers.instruction_following.drafting import Draft
from resources_servers.instruction_following.reading import Text
from resources_servers.instruction_following.subjects import Fact, Subject

Relation: TypeAlias = Literal["at least", "at most", "exactly", "less than", "more than", "around"]
"""How a count is bounded; "around" is within a tenth."""
Aspect: TypeAlias = Literal[
    "above",
    "below",
    "case",
    "closers",
    "commas",
    "digits",
    "end",
    "extras",
    "goods",
    "language",
    "layout",
    "letters",
    "marks",
    "openers",
    "order",
    "sentence size",
    "sentences",
    "start",
    "tokens",
    "words",
    "wrap",
]
"""A side of a text that a constraint may dispose of."""


@dataclass
class NewTask:
    """A task that constraints are drawn for."""

    rng: Random
    subject: Subject
    asked: list[Fact]
    """Facts that an answer has to mention."""
    difficulty: float


class Constraint(BaseModel, ABC):
    """One constraint with its arguments, which stand in a row's `kwargs` under the names of the fields.

    Subclasses declare `id`, the name that rows use.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    id: ClassVar[str]
    """As in `instruction_id_list`."""
    phrases: ClassVar[tuple[str, ...]]
    """Ways to ask for it, as format strings over the fields; none for one that generated rows do not ask for."""
    claims: ClassVar[frozenset[Aspect]] = frozenset()
    """What it disposes of. Two constraints that claim the same are not asked for together."""
    clashes: ClassVar[frozenset[Aspect]] = frozenset()
    """What no constraint beside it may claim."""
    least_difficulty: ClassVar[float] = 0.0
    """Of rows that ask for it."""
    is_counterintuitive: ClassVar[bool] = False
    """Whether it goes against convention."""

    def is_met_by(self, text: Text) -> bool:
        """Whether the text does what is asked. A text without words does not. Never raises."""
        return bool(text.words) and self._check(text)

    def describe(self, rng: Random) -> str:
        """The request, in one of its wordings."""
        return self._describe(rng)

    @classmethod
    def draw(cls, task: NewTask) -> Self:
        """One for a new task. May add to the facts that are asked for."""
        return cls._draw(task)

    def plan(self, draft: Draft) -> None:
        """Have a reference answer meet it. Raises UnwritableError when it cannot beside what is planned already."""
        self._plan(draft)

    def unwrapped(self, text: str) -> str:
        """What stands inside of the wrapping that this constraint asks for: the other constraints are about that."""
        return text

    def plain(self, text: str) -> str:
        """`text` as it would be had the constraint not been asked for, so that facts can be found in it."""
        return text

    # What a kind of constraint consists of. Those that generated rows do not ask for need only the first.

    @abstractmethod
    def _check(self, text: Text) -> bool: ...

    def _describe(self, rng: Random) -> str:
        return rng.choice(self.phrases).format(**self.model_dump())

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        raise NotImplementedError(f"{cls.id} is not drawn")

    def _plan(self, draft: Draft) -> None:
        raise NotImplementedError(f"{self.id} is not drawn")


def is_compatible(one: type[Constraint], other: type[Constraint]) -> bool:
    """Whether a row may ask for both."""
    return one is not other and not (
        one.claims & other.claims or one.claims & other.clashes or one.clashes & other.claims
    )


def holds(count: int, relation: Relation, wanted: int) -> bool:
    """Whether `count` is at least, at most … `wanted`."""
    return is_between(count, count, relation, wanted)


def is_between(low: int, high: int, relation: Relation, wanted: int) -> bool:
    """As `holds`, for a count that is `low` when read strictly and `high` when read leniently: both have to do."""
    match relation:
        case "at least":
            return low >= wanted
        case "more than":
            return low > wanted
        case "at most":
            return high <= wanted
        case "less than":
            return high < wanted
        case "exactly":
            return low == high == wanted
        case "around":
            return abs(low - wanted) <= wanted / 10 and abs(high - wanted) <= wanted / 10


def bounds_of(relation: Relation, wanted: int) -> tuple[int, int]:
    """The least and the most that is allowed."""
    most = 100_000
    bounds = {
        "at least": (wanted, most),
        "more than": (wanted + 1, most),
        "at most": (0, wanted),
        "less than": (0, wanted - 1),
        "exactly": (wanted, wanted),
        "around": (wanted, wanted),
    }
    return bounds[relation]
