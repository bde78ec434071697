"""Against convention: numbers backwards, shifted weekdays, a "yes" that means no, lists from Z to A."""

import re
from random import Random
from typing import Final, Literal, Self

from pydantic import Field

from resources_servers.instruction_following.constraints.base import Constraint, NewTask
from resources_servers.instruction_following.constraints.keywords import occurrences
from resources_servers.instruction_following.drafting import Draft
from resources_servers.instruction_following.listing import listed
from resources_servers.instruction_following.reading import Text
from resources_servers.instruction_following.visible import folded, visible

_WEEK: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_RENAMED: Final = (
    ("guests", "penguins"),
    ("roof", "submarine"),
    ("door", "waterfall"),
    ("river", "violin"),
    ("stairs", "pancakes"),
    ("gate", "moustache"),
)


class NumbersBackwards(Constraint):
    """Numbers with their digits in reverse order."""

    id = "convention:numbers_backwards"
    phrases = (
        "Here every number is written backwards, last digit first: 52 is written 25. Do so, in digits.",
        "For safety, write the digits of each number in reverse order (120 becomes 021), never the number itself.",
    )
    claims = frozenset({"digits"})
    clashes = frozenset({"layout"})
    is_counterintuitive = True

    numbers: tuple[int, ...] = Field(min_length=1)
    """That stand in the answer."""

    def _check(self, text: Text) -> bool:
        found = set(re.findall(r"\d+", re.sub(r"(?<=\d)[,.'\s](?=\d{3}(?!\d))", "", text.folded)))
        mirrored = {str(number)[::-1] for number in self.numbers}
        return mirrored <= found and not ({str(number) for number in self.numbers} - mirrored) & found

    def plain(self, text: str) -> str:
        """With the digits in their usual order."""
        return re.sub(r"\d+", lambda found: found[0][::-1], text)

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        for fact in ("year", "visitors"):
            if fact not in task.asked:
                task.asked.append(fact)
        return cls(numbers=(task.subject.year, task.subject.visitors))

    def _plan(self, draft: Draft) -> None:
        draft.finish.append(self.plain)


class DateOrder(Constraint):
    """A date with day, month and year in an unusual order."""

    id = "convention:date_order"
    phrases = (
        "Also mention the date of the next open evening: {spoken}. House style writes dates as {pattern}, so that "
        "4 July 2026 would be {example}; write it so and only so.",
        "The next open evening is on {spoken}. Name it in digits, in the order {pattern} (4 July 2026: {example}).",
    )
    claims = frozenset({"extras"})
    clashes = frozenset({"language", "letters", "digits", "tokens", "marks"})
    is_counterintuitive = True

    date: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
    """ISO 8601."""
    order: Literal["year/day/month", "month/year/day", "day/year/month"]

    def _check(self, text: Text) -> bool:
        found = re.findall(r"(?<![\d/])\d{1,4}/\d{1,4}/\d{1,4}(?![\d/])", text.folded)
        return bool(found) and all(self._parts(each) == self._wanted() for each in found)

    def _wanted(self) -> list[int]:
        return self._parts(self._written(self.date))

    def _written(self, date: str) -> str:
        parts = dict(zip(("year", "month", "day"), date.split("-"), strict=True))
        return "/".join(parts[name] for name in self.order.split("/"))

    def _parts(self, written: str) -> list[int]:
        return [int(part) for part in written.split("/")]

    def _describe(self, rng: Random) -> str:
        months = listed("January February March April May June July August September October November December")
        year, month, day = self.date.split("-")
        spoken = f"{int(day)} {months[int(month) - 1]} {year}"
        return rng.choice(self.phrases).format(spoken=spoken, pattern=self.order, example=self._written("2026-07-04"))

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        order: Literal["year/day/month", "month/year/day", "day/year/month"] = task.rng.choice(
            ("year/day/month", "month/year/day", "day/year/month")
        )
        return cls(date=task.subject.next_event, order=order)

    def _plan(self, draft: Draft) -> None:
        draft.extras.append(f"the next open evening is on {self._written(self.date)}")


class ShiftedDays(Constraint):
    """Weekdays, each called by the name of another."""

    id = "convention:shifted_days"
    phrases = (
        "Also say that it is closed on {days}. In this calendar each weekday bears the name of the day {distance} it "
        "({example}); use those names only.",
        "It is closed on {days}: say so, but call every weekday by the name of the day {distance} it, as in {example}.",
    )
    claims = frozenset({"extras"})
    clashes = frozenset({"language", "letters"})
    is_counterintuitive = True

    days: tuple[str, ...] = Field(min_length=1)
    """Their usual names."""
    shift: int = Field(ge=-3, le=3)
    """Days from a day to the one whose name it bears."""

    def _check(self, text: Text) -> bool:
        named = {day for day in _WEEK if occurrences(text, day)[1] or occurrences(text, f"{day}s")[1]}
        return named == {self._called(day) for day in self.days}

    def _called(self, day: str) -> str:
        return _WEEK[(_WEEK.index(day) + self.shift) % 7]

    def _describe(self, rng: Random) -> str:
        distances = {1: "after", -1: "before", 2: "two days after", -2: "two days before", 3: "three days after"}
        distance = distances.get(self.shift, "three days before")
        other = next(day for day in _WEEK if day not in self.days)
        example = f"{other} is called {self._called(other)}"
        return rng.choice(self.phrases).format(days=" and ".join(self.days), distance=distance, example=example)

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        far = 1 + round(2 * task.difficulty)
        return cls(days=task.subject.days_off, shift=task.rng.choice([day for day in range(-far, far + 1) if day]))

    def _plan(self, draft: Draft) -> None:
        called = " and ".join(self._called(day) for day in self.days)
        draft.extras.append(f"it is closed on {called}")


class SwappedYesNo(Constraint):
    """Questions answered with "yes" for no and "no" for yes, in order."""

    id = "convention:yes_means_no"
    phrases = (
        'In this house "yes" means no and "no" means yes. Keep to that and answer, in this order, with one such word '
        "each: {questions} Use the two words nowhere else.",
        'Answer these questions in order with a single word each, where "no" stands for yes and "yes" for no: '
        "{questions} The two words must not occur apart from that.",
    )
    claims = frozenset({"extras"})
    clashes = frozenset({"language", "letters"})
    is_counterintuitive = True

    questions: tuple[str, ...] = ()
    answers: tuple[Literal["yes", "no"], ...] = Field(min_length=1)
    """The words that are to be written."""

    def _check(self, text: Text) -> bool:
        found = re.findall(r"(?<![\w'-])(?:yes|no)(?![\w'-])", text.bare)
        return tuple(found) == self.answers

    def _describe(self, rng: Random) -> str:
        return rng.choice(self.phrases).format(questions=" ".join(self.questions))

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        border = task.rng.choice((1840, 1885, 1925, 1965))
        number = task.rng.choice((75, 125, 225, 325))
        pool = [
            (f"Did it open before {border}?", task.subject.year < border),
            (f"Do more than {number} guests come on a usual day?", task.subject.visitors > number),
            (f"Is its cat called {task.subject.cat}?", True),
            (f"Is it in the town of {task.subject.name}?", False),
            (f"Are there fewer than {number} {task.subject.things}?", task.subject.count < number),
        ]
        chosen = task.rng.sample(pool, 2 + round(2 * task.difficulty))
        return cls(
            questions=tuple(question for question, _ in chosen),
            answers=tuple("no" if is_so else "yes" for _, is_so in chosen),
        )

    def _plan(self, draft: Draft) -> None:
        draft.extras.append(f"we say {' then '.join(self.answers)}")


class FromZToA(Constraint):
    """Things named in reverse alphabetical order."""

    id = "convention:reverse_alphabetical"
    phrases = (
        "Also name all the goods on sale, in reverse alphabetical order (from Z to A): {listed}.",
        "On sale are {listed}. Name every one of them, sorted from Z to A.",
    )
    claims = frozenset({"goods"})
    clashes = frozenset({"language", "letters"})
    is_counterintuitive = True

    items: tuple[str, ...] = Field(min_length=2)

    def _check(self, text: Text) -> bool:
        places: list[int] = []
        for item in sorted(self.items, key=folded, reverse=True):
            found = re.search(rf"(?<!\w){re.escape(folded(visible(item)))}(?!\w)", text.folded)
            if found is None:
                return False
            places.append(found.start())
        return places == sorted(places)

    def _describe(self, rng: Random) -> str:
        return rng.choice(self.phrases).format(listed=", ".join(self.items))

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        return cls(items=task.subject.goods[: 3 + round(2 * task.difficulty)])

    def _plan(self, draft: Draft) -> None:
        draft.extras.append(f"they sell {' and '.join(sorted(self.items, reverse=True))}")


class RenamedThing(Constraint):
    """One thing called by the name of another, at least so many times."""

    id = "convention:renamed"
    phrases = (
        'Here "{old}" are always called "{new}". Use the new word at least {times} times and the old one never.',
        'By local custom one says "{new}" in place of "{old}": do so at least {times} times; "{old}" must not occur.',
    )
    claims = frozenset({"extras"})
    clashes = frozenset({"language", "letters"})
    is_counterintuitive = True

    old: str = Field(min_length=1)
    new: str = Field(min_length=1)
    times: int = Field(default=1, ge=1)

    def _check(self, text: Text) -> bool:
        return occurrences(text, self.new)[0] >= self.times and not occurrences(text, self.old)[1]

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        old, new = task.rng.choice(_RENAMED)
        return cls(old=old, new=new, times=task.rng.randint(1, 3))

    def _plan(self, draft: Draft) -> None:
        sayings = ("we care about the {}", "one paints the {} blue", "they speak of the {}")
        draft.extras += [saying.format(self.new) for saying in sayings[: self.times]]
        draft.filters.append(lambda clause: self.old not in clause)


KINDS: Final = (
    NumbersBackwards,
    DateOrder,
    ShiftedDays,
    SwappedYesNo,
    FromZToA,
    RenamedThing,
)
