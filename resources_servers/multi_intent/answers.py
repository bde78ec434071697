"""Answers that the policy gives on lines of their own, `WORD: answer`, and whether they are right."""

import re
from collections.abc import Iterable
from datetime import date
from typing import Any, Final

from polygym.kit.answers import number_in, readable


def labelled(texts: Iterable[str]) -> dict[str, str]:
    """What follows each word and a colon at the beginning of a line, by the word in capital letters.

    The last line counts; one whose word is not in capital letters only where no other has it.
    """
    found: dict[str, str] = {}
    others: dict[str, str] = {}
    for text in texts:
        for line in _LINE.finditer(readable(text)):
            (found if line[1].isupper() else others)[line[1].upper()] = line[2].strip(_TRIMMED)
    return others | found


def is_right(expected: Any, given: str | None) -> bool:
    """Whether an answer names the expected number, date (`2027-03-05`) or text, and no other."""
    if given is None:
        return False
    if (isinstance(expected, int | float) or _ISO.fullmatch(expected)) and _VAGUE.search(given):
        return False
    if isinstance(expected, int | float):
        given = _THOUSANDS.sub(lambda found: found[0].replace(",", ""), given)
        digits = {float(number.replace(",", ".")) for number in _NUMBER.findall(given)}
        in_words = number_in(given) if not re.search(r"\d", given) else None
        numbers = digits if in_words is None else {float(in_words)}
        return len(numbers) == 1 and abs(numbers.pop() - expected) < 0.005
    if _ISO.fullmatch(expected):
        return _dates(given.lower()) == {expected}
    words, wanted = _words(given), _words(expected)
    return words in (wanted, ["by", *wanted])


def _dates(text: str) -> set[str]:
    """The dates of a text; digits that belong to none count as one more."""
    found = set(_ISO.findall(text))
    written = _ISO.sub(" ", text)
    if re.search(r"\d", _WRITTEN.sub(" ", written)):
        found.add("no date")
    for first, second, year in _WRITTEN.findall(written):
        name, day = (second, first) if first[:1].isdigit() else (first, second)
        month = next((number for number, start in enumerate(_MONTHS, 1) if name.startswith(start)), None)
        number = int(re.sub(r"\D", "", day) or 0)
        try:
            found.add(date(int(year), month or 0, number).isoformat())
        except ValueError:
            found.add("no date")
    return found


def _words(text: str) -> list[str]:
    return [word for word in re.findall(r"[^\W_]+", text.lower()) if word not in ("the", "a")]


_LABEL: Final = r"[ \t>*_#`-]{0,8}([A-Za-z]{3,12})[*_`]{0,3} ?[:=]"
_LINE: Final = re.compile(
    rf"^{_LABEL}[*_`]{{0,3}}(?: ?\n(?!{_LABEL.replace('(', '(?:', 1)}))? ?(.{{1,200}})$", re.MULTILINE
)
_VAGUE: Final = re.compile(
    r"\b(?:not|never|than|most|least|or|about|around|almost|nearly|roughly|approximately|before|after|under|over|up to"
    r"|between|maybe|perhaps|except|but)\b|n't\b",
    re.IGNORECASE,
)
_THOUSANDS: Final = re.compile(r"(?<![\w.,])\d{1,3}(?:,\d{3})+(?![\d,])")
_TRIMMED: Final = " \t*_`.!\"'"
_NUMBER: Final = re.compile(r"(?<![\w.,-])\d{1,9}(?:[.,]\d{1,2})?(?![\d])")
_ISO: Final = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NAME: Final = rf"(?:{'|'.join(_MONTHS)})[a-z]{{0,6}}"
_WRITTEN: Final = re.compile(
    rf"(\d{{1,2}}(?:st|nd|rd|th)?|{_NAME})\.? (?:of )?(\d{{1,2}}(?:st|nd|rd|th)?|{_NAME}),? (\d{{4}})"
)
