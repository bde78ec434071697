"""Kinds of values: what the schema says of one, how one is drawn, and how a text puts it."""

import re
from collections.abc import Callable
from random import Random
from typing import Any, Final, NamedTuple, TypeAlias

from polygym import JsonObject


class Drawn(NamedTuple):
    """A value, and the words for it."""

    value: Any
    said: str


Draw: TypeAlias = Callable[[Random, float], Drawn]
"""Draws a value; the greater the difficulty, the further the words are from it."""


class Kind(NamedTuple):
    """A kind of value."""

    schema: JsonObject
    draw: Draw


_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_NUMBERS: Final = (
    *("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
)
_FIRST: Final = (
    "Amira",
    "Benno",
    "Celine",
    "Dario",
    "Esther",
    "Farah",
    "Goran",
    "Hanna",
    "Ivo",
    "Jelena",
    "Kofi",
    "Lucia",
)
_LAST: Final = (
    "Adler",
    "Borg",
    "Castro",
    "Dubois",
    "Engel",
    "Farkas",
    "Grieg",
    "Haddad",
    "Ito",
    "Jansen",
    "Keller",
    "Lund",
)
_CITIES: Final = (
    "Aarhus",
    "Bergen",
    "Cork",
    "Dresden",
    "Evora",
    "Freiburg",
    "Ghent",
    "Halifax",
    "Izmir",
    "Kobe",
    "Lima",
    "Malmö",
)
_HOSTS: Final = ("example.com", "example.org", "mail.example.net")


def person() -> Kind:
    """A first name and a surname."""
    return Kind({"type": "string", "minLength": 1}, lambda rng, _: _same(f"{rng.choice(_FIRST)} {rng.choice(_LAST)}"))


def city() -> Kind:
    """The name of a city."""
    return Kind({"type": "string", "minLength": 1}, lambda rng, _: _same(rng.choice(_CITIES)))


def mail() -> Kind:
    """An email address."""

    def draw(rng: Random, difficulty: float) -> Drawn:
        return _same(f"{rng.choice(_FIRST).lower()}.{rng.choice(_LAST).lower()}@{rng.choice(_HOSTS)}")

    return Kind({"type": "string", "format": "email"}, draw)


def words(*choices: str) -> Kind:
    """One of some texts, which the schema does not list."""
    return Kind({"type": "string", "minLength": 1}, lambda rng, _: _same(rng.choice(choices)))


def code(prefix: str, digits: int) -> Kind:
    """An identifier such as `ORD-48213`."""

    def draw(rng: Random, difficulty: float) -> Drawn:
        return _same(f"{prefix}-{rng.randrange(10 ** (digits - 1), 10**digits)}")

    return Kind({"type": "string", "pattern": f"^{prefix}-[0-9]{{{digits}}}$"}, draw)


def one_of(*choices: str) -> Kind:
    """One of the values that the schema lists; texts put it without underscores."""

    def draw(rng: Random, difficulty: float) -> Drawn:
        value = rng.choice(choices)
        return Drawn(value, value.replace("_", " "))

    return Kind({"type": "string", "enum": list(choices)}, draw)


def whole(low: int, high: int) -> Kind:
    """A whole number; small ones are spelled out where it is to be difficult."""

    def draw(rng: Random, difficulty: float) -> Drawn:
        value = rng.randint(low, high)
        is_spelled = difficulty > 0.5 and 0 < value < len(_NUMBERS)
        return Drawn(value, _NUMBERS[value] if is_spelled else str(value))

    return Kind({"type": "integer", "minimum": low, "maximum": high}, draw)


def amount(low: int, high: int) -> Kind:
    """A number with two decimals, of which the last is no zero."""

    def draw(rng: Random, difficulty: float) -> Drawn:
        cents = rng.randrange(low * 100, high * 100, 5) + rng.randint(1, 4)
        return Drawn(cents / 100, f"{cents / 100:.2f}")

    return Kind({"type": "number", "exclusiveMinimum": 0}, draw)


def day() -> Kind:
    """A date; texts write the month as a word where it is to be difficult."""

    def draw(rng: Random, difficulty: float) -> Drawn:
        year, month, number = rng.randint(2028, 2039), rng.randint(1, 12), rng.randint(1, 28)
        value = f"{year}-{month:02}-{number:02}"
        return Drawn(value, f"{number} {_MONTHS[month - 1]} {year}" if rng.random() < difficulty + 0.2 else value)

    return Kind({"type": "string", "format": "date"}, draw)


def clock() -> Kind:
    """A time of day, `18:05`; texts may write it with am and pm."""

    def draw(rng: Random, difficulty: float) -> Drawn:
        hour, minute = rng.randint(6, 22), rng.choice((5, 10, 15, 20, 25, 35, 40, 45, 50, 55))
        value = f"{hour:02}:{minute:02}"
        twelve = f"{(hour - 1) % 12 + 1}:{minute:02} {'am' if hour < 12 else 'pm'}"
        return Drawn(value, twelve if rng.random() < difficulty else value)

    return Kind({"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"}, draw)


def flag(yes: str, no: str) -> Kind:
    """True or false; texts say one thing or the other."""

    def draw(rng: Random, difficulty: float) -> Drawn:
        value = rng.random() < 0.5
        return Drawn(value, yes if value else no)

    return Kind({"type": "boolean"}, draw)


def several(*choices: str) -> Kind:
    """Two to four different texts, in the order of the text."""

    def draw(rng: Random, difficulty: float) -> Drawn:
        value = rng.sample(choices, rng.randint(2, min(4, len(choices))))
        return Drawn(value, f"{', '.join(value[:-1])} and {value[-1]}")

    schema = {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1, "uniqueItems": True}
    return Kind(schema, draw)


def camel_case(name: str) -> str:
    """`placed_on` as `placedOn`."""
    return re.sub(r"_([a-z])", lambda found: found[1].upper(), name)


def _same(text: str) -> Drawn:
    return Drawn(text, text)
