"""Numbers as people write them: in digits with and without separators, and in English words."""

import re
from functools import lru_cache
from typing import Final

from resources_servers.instruction_following.listing import listed

_SMALL: Final = listed(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    " eighteen nineteen"
)
_TENS: Final = listed("zero ten twenty thirty forty fifty sixty seventy eighty ninety")


def in_words(number: int) -> list[str]:
    """The English ways to say a number from 0 to 9999, the usual one first; of a year that is by hundreds."""
    if number < 100:
        return [_below_hundred(number)]
    hundreds, rest = divmod(number, 100)
    ways: list[str] = []
    if 11 <= hundreds <= 99 and hundreds % 10:
        tail = _below_hundred(rest)
        ways += [f"{_below_hundred(hundreds)} {tail}"] if rest >= 10 else []
        ways += [f"{_below_hundred(hundreds)} oh {tail}"] if 0 < rest < 10 else []
        ways += _with_rest(f"{_below_hundred(hundreds)} hundred", rest)
    thousands, below = divmod(number, 1000)
    if thousands:
        head = f"{_SMALL[thousands]} thousand"
        ways += [f"{head} {each}" for each in in_words(below)] if below >= 100 else _with_rest(head, below)
    else:
        ways += _with_rest(f"{_SMALL[hundreds]} hundred", rest)
    return ways


@lru_cache(maxsize=4096)
def pattern_of(value: str) -> re.Pattern[str]:
    """Finds a word or number in a folded text in which hyphens are spaces, however the number is written."""
    if not value.isdecimal() or len(value) > 4:
        return re.compile(rf"(?<!\w){re.escape(value)}(?!\w)")
    ways = [value, rf"{value[:-3]}[,.' ]{value[-3:]}" if len(value) > 3 else value]
    ways += [re.escape(each.replace("-", " ")).replace(r"\ ", " ") for each in in_words(int(value))]
    return re.compile(rf"(?<![\w])(?<!\d[.,])(?:{'|'.join(ways)})(?!\w|[.,]\d)")


def _with_rest(head: str, rest: int) -> list[str]:
    return [f"{head} and {_below_hundred(rest)}", f"{head} {_below_hundred(rest)}"] if rest else [head]


def _below_hundred(number: int) -> str:
    if number < 20:
        return _SMALL[number]
    tens, ones = divmod(number, 10)
    return f"{_TENS[tens]}-{_SMALL[ones]}" if ones else _TENS[tens]
