"""Which language a text is written in: by its script, and where several share one, by their commonest words.

Meant to tell a text that is in the wanted language from one that is not, of at least some ten words. A text that
changes its language half-way is in neither.
"""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

_WINDOW: Final = 25
"""Words that are looked at together; every window has to be in the language."""
_LEAST_SHARE: Final = 0.12
"""Of the words of a window that must be common words of its language."""
_OWN_SCRIPT: Final = 0.7
"""Share of a text's letters that are of the language's script; names may stand in another."""

_FAMILIES: Final[dict[str, dict[str, str]]] = json.loads(
    (Path(__file__).parent / "common_words.json").read_text(encoding="utf-8")
)
"""Scripts that several languages share; of each, its commonest words."""
_ALONE: Final = {
    "bn": ("BENGALI",),
    "el": ("GREEK",),
    "gu": ("GUJARATI",),
    "he": ("HEBREW",),
    "ja": ("HIRAGANA", "KATAKANA", "CJK"),
    "kn": ("KANNADA",),
    "ko": ("HANGUL",),
    "ml": ("MALAYALAM",),
    "pa": ("GURMUKHI",),
    "ta": ("TAMIL",),
    "te": ("TELUGU",),
    "th": ("THAI",),
    "zh": ("CJK",),
}
"""Languages that are known by their script."""
_WORD: Final = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)?(?:[\u093e-\u094d\u0902\u0903][^\W\d_]*)*")

CODES: Final = frozenset([*_ALONE, *(code for family in _FAMILIES.values() for code in family)])
"""ISO 639-1 codes of the languages that can be told apart."""


def is_in_language(text: str, code: str) -> bool:
    """Whether a visible text is, all through, in the language with that code. Raises KeyError for an unknown code."""
    scripts = _scripts_of(text)
    total = sum(scripts.values())
    if code in _ALONE:
        own = sum(scripts[name] for name in _ALONE[code])
        has_kana = scripts["HIRAGANA"] + scripts["KATAKANA"] > 0.05 * total
        return own >= _OWN_SCRIPT * total > 0 and (code not in ("ja", "zh") or has_kana == (code == "ja"))
    script, family = next((script, family) for script, family in _FAMILIES.items() if code in family)
    if not scripts[script] or scripts[script] < _OWN_SCRIPT * total:
        return False
    return all(_is_best(window, code, family) for window in _windows(_words(text)))


def share_of_common_words(text: str) -> float:
    """The largest share that any one language's common words have of the text's words, 0.0 to 1.0.

    Of a script that has no list it is 1.0: such texts are not told from noise.
    """
    words = _words(text)
    scripts = _scripts_of(text)
    script = scripts.most_common(1)[0][0] if scripts else ""
    if not words or script not in _FAMILIES:
        return float(bool(words))
    return max(_count(words, code) for code in _FAMILIES[script]) / len(words)


def _is_best(words: list[str], code: str, family: dict[str, str]) -> bool:
    counts = {other: _count(words, other) for other in family}
    own = counts.pop(code)
    return own >= max(1.0, _LEAST_SHARE * len(words)) and own > max(counts.values())


def _windows(words: list[str]) -> Iterator[list[str]]:
    """The words in stretches of 25 to 49; a shorter text is one."""
    starts = range(0, max(1, len(words) - _WINDOW + 1), _WINDOW)
    for start in starts:
        yield words[start : start + _WINDOW if start != starts[-1] else None]


def _words(text: str) -> list[str]:
    return [word.replace("\u2019", "'") for word in _WORD.findall(text.casefold())]


def _count(words: list[str], code: str) -> int:
    common = _common_words(code)
    return sum(word in common for word in words)


@cache
def _common_words(code: str) -> frozenset[str]:
    return frozenset(next(family[code] for family in _FAMILIES.values() if code in family).split())


def _scripts_of(text: str) -> Counter[str]:
    """How many letters of each script a text has, by the first word of their Unicode names."""
    found: Counter[str] = Counter()
    for letter, count in Counter(text).items():
        if letter.isalpha():
            found[unicodedata.name(letter, "?").partition(" ")[0]] += count
    return found
