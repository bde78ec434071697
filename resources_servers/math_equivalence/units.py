"""Units and percent signs behind a number."""

import re
from typing import Final, NamedTuple


class Unit(NamedTuple):
    """What stands behind an expression."""

    name: str | None
    """As it is abbreviated: `km/h`, `cm^2`; words as they are written. None where there is none."""
    is_percent: bool

    def agrees_with(self, other: "Unit") -> bool:
        """Whether both may be meant: they are the same, or one is left out."""
        return self.name is None or other.name is None or self.name == other.name


NOTHING: Final = Unit(None, is_percent=False)


def without_unit(text: str) -> tuple[str, Unit]:
    r"""An expression without the unit behind it: `5\,\text{cm}^2`, `12 apples`, `25\%`, `60^\circ`.

    Letters that may be variables are units only behind `\text`, or where they are a known abbreviation of two letters.
    """
    percent = _PERCENT.search(text)
    if percent and percent.start():
        return text[: percent.start()].strip(), Unit(None, is_percent=True)
    degrees = _DEGREES.search(text)
    if degrees and degrees.start():
        return text[: degrees.start()].strip(), Unit("degree", is_percent=False)
    found = _IN_TEXT.search(text) or _PLAIN.search(text)
    if found is None or not found.start():
        return text, NOTHING
    words = found["words"].strip().lower()
    if _STOP.search(words):
        return text, NOTHING
    return text[: found.start()].strip(), Unit(_abbreviated(words + (found["power"] or "")), is_percent=False)


def without_short_unit(text: str) -> tuple[str, Unit] | None:
    """An expression without a unit of one letter, such as `5 m` and `3 s`, which might also be a variable."""
    found = _SHORT.fullmatch(text)
    return (found[1], Unit(_abbreviated(found[2] + (found[3] or "")), is_percent=False)) if found else None


def _abbreviated(written: str) -> str:
    compact = re.sub(r"[{}\s.]", "", _POWERS.sub(r"\1^\2", written)) if "/" in written or "^" in written else written
    words = re.sub(r"\s+per\s+", "/", compact).split("/")
    return "/".join(_ALIASES.get(word.strip(), word.strip()) for word in words)


_ALIASES: Final = {
    alias: name
    for name, aliases in {
        "mm": "millimeter millimeters millimetre millimetres",
        "cm": "centimeter centimeters centimetre centimetres",
        "m": "meter meters metre metres",
        "km": "kilometer kilometers kilometre kilometres kms",
        "in": "inch inches",
        "ft": "foot feet",
        "mi": "mile miles",
        "g": "gram grams",
        "kg": "kilogram kilograms kgs",
        "s": "sec secs second seconds",
        "min": "minute minutes mins",
        "h": "hr hrs hour hours",
        "day": "days",
        "year": "years yr yrs",
        "l": "liter liters litre litres",
        "ml": "milliliter milliliters millilitre millilitres",
        "degree": "degrees deg",
        "radian": "radians rad",
        "dollar": "dollars usd",
        "cent": "cents",
        "cm^2": "sqcm squarecentimeters squarecentimetres cm2",
        "m^2": "sqm squaremeters squaremetres m2",
        "cm^3": "cubiccentimeters cubiccentimetres cm3",
        "m^3": "cubicmeters cubicmetres m3",
        "unit": "units",
        "unit^2": "squareunits squnits units^2",
        "unit^3": "cubicunits units^3",
    }.items()
    for alias in aliases.split()
}
_PERCENT: Final = re.compile(
    r"\s*(?:\\?%|\\text\s*\{\s*(?:\\?%|percent)\s*\}|\b(?:percent|per cent|pct)\b)\s*$", re.IGNORECASE
)
_DEGREES: Final = re.compile(r"\s*(?:\^\s*\{?\s*\\circ\s*\}?\s*(?:[CF]\b)?|\\degree|\bdegrees?\b)\s*$")
_IN_TEXT: Final = re.compile(
    r"\s*\\(?:text|mathrm|mbox|textrm|operatorname)\s*\{(?P<words>[a-zA-Z\s./^0-9-]{1,40})\}\s*(?P<power>\^\s*\{?\s*-?\d\s*\}?)?\s*$"
)
_KNOWN: Final = "|".join(
    sorted(
        {"mm", "cm", "km", "kg", "mg", "ml", "ft", "mi", "min", "hr", "mph", "sec", "days?", "hours?", "units?"},
        key=len,
        reverse=True,
    )
)
_PLAIN: Final = re.compile(
    rf"(?<=[\d)}}])\s*(?P<words>(?:{_KNOWN})(?:/[a-z]{{1,4}})?|\s(?!(?:pi|theta|sin|cos|tan|log|exp|sqrt|infinity)\b)[a-zA-Z]{{3,20}}(?:\s[a-zA-Z]{{2,20}}){{0,3}})\b"
    r"(?P<power>\^\s*\{?\s*-?\d\s*\}?)?\s*$"
)
_POWERS: Final = re.compile(r"([a-z])\s*\^?\s*\{?\s*(-?\d)\s*\}?")
_STOP: Final = re.compile(
    r"\b(?:or|and|not|to|if|maybe|perhaps|possibly|about|approximately|least|most|than|between|either|otherwise|else|but)\b|\d{2}"
)
_SHORT: Final = re.compile(r"(.*[\d)}])\s*([mgshlLNJWVKAC])(\s*\^\s*\{?[23]\}?)?", re.DOTALL)
