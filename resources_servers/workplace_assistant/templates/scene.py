"""What templates are written with: a company to choose from, and ways to say things.

A template is made of a function from a `Scene` to a `Draft`, or to None when the company has nothing that suits it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from typing import Any, TypeAlias, TypeVar

from polygym import JsonObject
from resources_servers.workplace_assistant import words
from resources_servers.workplace_assistant.company import Company, Email, Event, Person, is_workday
from resources_servers.workplace_assistant.task import Toolkit

ThingT = TypeVar("ThingT")


@dataclass(frozen=True, slots=True)
class Draft:
    """A task, before it is a row. The fields are those of `WorkplaceTask`."""

    prompt: str
    actions: list[JsonObject] = field(default_factory=list)
    answer: JsonObject | None = None
    look_ups: list[JsonObject] = field(default_factory=list)
    temptation: list[JsonObject] = field(default_factory=list)


Maker: TypeAlias = "Callable[[Scene], Draft | None]"


@dataclass(frozen=True, slots=True)
class Template:
    """A kind of task."""

    name: str
    level: int
    """0: one action, all values given. 1: something has to be looked up. 2: several actions, or something to work out.
    3: several toolkits, or a condition."""
    toolkits: tuple[Toolkit, ...]
    """Those without which it cannot be done."""
    make: Maker


def template(level: int, *toolkits: Toolkit) -> Callable[[Maker], Template]:
    """Make a template of a function; it is called like the function."""
    return lambda make: Template(make.__name__, level, toolkits, make)


def act(name: str, /, **arguments: Any) -> JsonObject:
    """A tool call of a row. Days are written as YYYY-MM-DD."""
    plain = {key: value.isoformat() if isinstance(value, date) else value for key, value in arguments.items()}
    return {"name": name, "arguments": plain}


def number(value: int) -> JsonObject:
    """A number as the expected answer."""
    return {"kind": "number", "value": value}


def day_answer(value: date) -> JsonObject:
    """A day as the expected answer."""
    return {"kind": "date", "value": value.isoformat()}


def items(*forms: Sequence[str]) -> JsonObject:
    """Names or titles as the expected answer: for each of them the ways in which it may be given."""
    return {"kind": "items", "items": [list(each) for each in forms]}


class Scene:
    """A company, and the dice."""

    def __init__(self, company: Company, rng: Random, difficulty: float) -> None:
        self.company = company
        self.rng = rng
        self._difficulty = difficulty

    @property
    def today(self) -> date:
        """The day of the request."""
        return self.company.today

    def pick(self, things: Sequence[ThingT]) -> ThingT:
        """One of them."""
        return self.rng.choice(things)

    def say(self, *variants: str) -> str:
        """One way of saying it, which may begin with the role of somebody."""
        said = self.rng.choice(variants)
        return f"The {said.removeprefix('the ')}" if said.startswith("the ") else said

    def colleague(self, *others: Person) -> Person:
        """Somebody in the company who is neither the user nor one of `others`."""
        return self.rng.choice([person for person in self.company.colleagues if person not in others])

    def who(self, person: Person) -> str:
        """A colleague in words: the name, or for heads of teams now and then the role."""
        if person.role.startswith("Head of ") and self.rng.random() < 0.6 * self._difficulty:
            return f"the head of {person.team}"
        return person.name

    def workday(self, first: int, last: int) -> date:
        """A working day between so many days from today."""
        days = [self.today + timedelta(offset) for offset in range(first, last + 1)]
        return self.rng.choice([day for day in days if is_workday(day)])

    def on(self, day: date) -> str:
        """A day in words, with its preposition; relative to today now and then."""
        monday = next_monday(self.today)
        if self.rng.random() < self._difficulty:
            if day == self.today + timedelta(1):
                return "tomorrow"
            if monday <= day < monday + timedelta(7):
                return f"on {day:%A} next week"
        return self.say(f"on {day.isoformat()}", f"on {written(day)}", f"on {day:%A}, {written(day)}")

    def clock(self) -> str:
        """A time of a working day, to the quarter of an hour."""
        return f"{self.rng.randint(9, 16):02}:{self.rng.choice((0, 15, 30, 45)):02}"

    def message(self) -> str:
        """A text to send."""
        return self.rng.choice(words.MESSAGES)

    def mails_from(self, sender: str) -> list[Email]:
        """What somebody has written to the user, oldest first."""
        return [mail for mail in self.company.emails if mail.sender == sender]

    def meetings_with(self, person: str) -> list[Event]:
        """Events that somebody with this address takes part in, earliest first."""
        return [event for event in self.company.events if person in event.guests]

    def coming_meetings_with(self, person: str) -> list[Event]:
        """As `meetings_with`, those from now on."""
        return [event for event in self.meetings_with(person) if event.day >= self.today]


def next_monday(today: date) -> date:
    """The day on which next week begins."""
    return today + timedelta(7 - today.weekday())


def last_week(today: date) -> tuple[date, date]:
    """Monday and Sunday of the week before this one."""
    monday = today - timedelta(today.weekday() + 7)
    return monday, monday + timedelta(6)


def month_before(today: date, months: int) -> tuple[date, date]:
    """First and last day of the month so many months before this one."""
    year, index = divmod(today.year * 12 + today.month - 1 - months, 12)
    following_year, following = divmod(year * 12 + index + 1, 12)
    return date(year, index + 1, 1), date(following_year, following + 1, 1) - timedelta(1)


def written(day: date) -> str:
    """A day as people write it: 5 March 2026."""
    return f"{day.day} {day:%B %Y}"
