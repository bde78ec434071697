"""Whether a message gives the answer that was asked for: the right one, alone, in any usual way of writing it."""

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import BaseModel, Field

from polygym.kit.answers import final_number, final_statement, readable

LONGEST: Final = 1000
"""Characters that an answer may have; what is longer answers nothing."""


class NumberAnswer(BaseModel):
    """A whole number."""

    kind: Literal["number"] = "number"
    value: int

    def is_given_by(self, message: str) -> bool:
        """Whether `message` ends on this number and no other."""
        return final_number(message) == Decimal(self.value)


class DateAnswer(BaseModel):
    """A day."""

    kind: Literal["date"] = "date"
    value: date

    def is_given_by(self, message: str) -> bool:
        """Whether `message` ends on this day and no other: `2026-03-12`, `12 March 2026` or `Mar 12th`."""
        text = _stated(message)
        if _OTHER_DAY.search(text):
            return False
        named = {(int(year), int(month), int(day)) for year, month, day in _ISO_DATE.findall(text)}
        rest = _ISO_DATE.sub(" ", text)
        for first, month, second, year in _WRITTEN_DATE.findall(rest):
            if first and second:
                return False
            if first or second:
                named.add((int(year or self.value.year), _MONTHS[month[:3]], int(first or second)))
        if _DIGIT.search(_TIME.sub(" ", _WRITTEN_DATE.sub(" ", rest))):
            return False
        return named == {(self.value.year, self.value.month, self.value.day)}


class ItemsAnswer(BaseModel):
    """One or several names, titles or addresses, in any order."""

    kind: Literal["items"] = "items"
    items: list[Annotated[list[str], Field(min_length=1)]] = Field(min_length=1)
    """For each of them the ways in which it may be given."""

    def is_given_by(self, message: str) -> bool:
        """Whether `message` ends with all of them and nothing else."""
        text = _listed(message) or _stated(message)
        forms = [(_plain(form), index) for index, item in enumerate(self.items) for form in item]
        missing = set(range(len(self.items)))
        for form, index in sorted(forms, key=lambda pair: -len(pair[0])):
            if form in text:
                text = text.replace(form, " ")
                missing.discard(index)
        return not missing and _SEPARATORS.fullmatch(text) is not None


Answer: TypeAlias = Annotated[NumberAnswer | DateAnswer | ItemsAnswer, Field(discriminator="kind")]


def _stated(message: str) -> str:
    """What `message` states last, behind "Answer:" or on its last line; empty when that is too long."""
    statement = final_statement(readable(message))
    return _plain(statement.content) if statement is not None and len(statement.content) <= LONGEST else ""


def _listed(message: str) -> str:
    """The entries of a list that `message` ends with, behind a line such as "Answer:"; empty when it has none."""
    lines = [line.strip() for line in readable(message).splitlines() if line.strip()]
    count = next((place for place, line in enumerate(reversed(lines)) if not _ENTRY.match(line)), 0)
    if not count or not _HEADING.fullmatch(lines[-count - 1]):
        return ""
    listed = _plain(", ".join(_ENTRY.sub("", line) for line in lines[-count:]))
    return listed if len(listed) <= LONGEST else ""


def _plain(text: str) -> str:
    """`text` in lower case, without Markdown's marks and doubled blanks."""
    return " ".join(readable(text).lower().translate(_MARKS).split())


_MARKS: Final = str.maketrans("", "", "*`")
_DIGIT: Final = re.compile(r"\d")
_TIME: Final = re.compile(r"\b[0-9]{1,2}:[0-9]{2}\b")
_ISO_DATE: Final = re.compile(r"(?<![0-9/-])([0-9]{4})[-/]([0-9]{1,2})[-/]([0-9]{1,2})(?![0-9/-])")
_WRITTEN_DATE: Final = re.compile(
    r"(?:\b([0-9]{1,2})(?:st|nd|rd|th)?(?: of)? )?"
    r"\b(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b\.?"
    r"(?: ([0-9]{1,2})(?:st|nd|rd|th)?\b)?(?:,? ([0-9]{4})\b)?"
)
_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1
    )
}
_SEPARATORS: Final = re.compile(r"(?:\band\b|[\s,;:.()<>/&'\"|+-])*")
_ENTRY: Final = re.compile(r"(?:[-*+\u2022]|[0-9]{1,2}[.)])\s+")
_HEADING: Final = re.compile(
    r"[\s*_#]*(?:(?:the|my|final|here is the)\s)*answers?(?:\s(?:is|are))?[\s*_]*:[\s*_]*", re.IGNORECASE
)
_OTHER_DAY: Final = re.compile(
    r"\b(?:not|never|except|or|any day|maybe|perhaps|possibly)\b|n't\b|\bday (?:after|before)\b"
    r"|\b(?:before|after|until|till|than|around|about|but|by|since)\W{1,3}(?:the )?"
    rf"(?=[0-9]|(?:{'|'.join(_MONTHS)}))"
)
