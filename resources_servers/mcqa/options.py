"""Which options does a piece of text name? By letter where it stands as a label, and by the option's own text.

What is named is a set of letters: one is a choice, several contradict each other, none is no answer.
"""

import re
from collections.abc import Mapping
from typing import Final, TypeAlias

from polygym.kit.answers import readable

Letters: TypeAlias = frozenset[str]

NOBODY: Final[Letters] = frozenset()


class Options:
    """The options of one question."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        """`texts` by letter, the letters capital."""
        self.letters: Letters = frozenset(texts)
        self._by_text: dict[str, Letters] = {}
        for letter, text in texts.items():
            self._by_text[plain(text)] = self._by_text.get(plain(text), NOBODY) | {letter}
        mentioned = sorted((text for text in self._by_text if len(text) > 1 or text.isdigit()), key=len, reverse=True)
        self._mention = _any_of(mentioned) if mentioned else None

    def with_text(self, text: str) -> Letters:
        """The options whose whole text this is, but for case, spacing, markup and punctuation around it."""
        key = plain(text)
        return self._by_text.get(key, NOBODY) if key else NOBODY

    def named_in(self, text: str, *, is_statement: bool) -> Letters:
        """The options that a text names and does not deny.

        In a statement ("C", "c) Paris", "Paris", "C because …") a letter at the beginning counts; in a sentence only
        where it cannot be a word: "(C)", "option C", "it is C."
        """
        text = unwrapped(text)
        if is_statement and len(text) > 1 and self.with_text(text):
            return self.with_text(text)
        marked = self._with_mentions_marked(text)
        tokens = _TOKEN.findall(marked.rpartition("=")[2] or marked)
        words = [token for token in tokens if token[-1].isalnum()]
        if is_statement and len(words) < 2:
            only = "".join(words).removeprefix("\0").upper()
            return frozenset({only}) if only in self.letters else self.with_text(text)
        return frozenset(
            named
            for place, token in enumerate(tokens[: _end_of_claim(tokens, _ENDS if is_statement else frozenset())])
            if (named := self._named_by(token, place, tokens, is_statement)) and not _is_denied(place, tokens)
        )

    def _named_by(self, token: str, place: int, tokens: list[str], is_statement: bool) -> str | None:
        if token.startswith("\0"):
            return token[1:]
        letter = token.upper()
        if letter not in self.letters:
            return None
        before = tokens[place - 1] if place else ""
        after = tokens[place + 1] if place + 1 < len(tokens) else ""
        is_bracketed = before in _OPENING and after in _CLOSING
        is_listed = after in _DELIMITERS and (before in _OPENING or not before)
        if is_bracketed or is_listed:
            return letter
        is_led = before.lower() in _LEADING or (is_statement and not before)
        is_left = not after.isalnum() or after.startswith("\0") or after.lower() in _FOLLOWING | _REASONS
        is_label = token.isupper() or before.lower() in _NAMES
        next_but_one = tokens[place + 2] if place + 2 < len(tokens) else ""
        is_joined = after.lower() in _JOINING and next_but_one in self.letters
        return letter if is_label and ((is_led and is_left) or is_joined) else None

    def _with_mentions_marked(self, text: str) -> str:
        """The text with each option's text as one token, so that letters in options are not taken for labels."""
        if self._mention is None:
            return text
        return self._mention.sub(lambda found: " ".join(f" \0{each} " for each in self.with_text(found[0])), text)


def plain(text: str) -> str:
    """An option's text without markup, case, and punctuation around it."""
    words = " ".join(unwrapped(readable(text)).casefold().split())
    return words.strip(_AROUND) or words


def unwrapped(text: str) -> str:
    """The text without LaTeX wrappers and Markdown."""
    for _ in range(3):
        text = _WRAPPER.sub(r"\1", text)
    return _MARKUP.sub("", text).strip()


def _end_of_claim(tokens: list[str], ends: frozenset[str]) -> int:
    """Where a text goes on to reasons or to another sentence, which may speak of other options."""
    for place, token in enumerate(tokens):
        following = tokens[place + 1].lower() if place + 1 < len(tokens) else ""
        if (place and token.lower() in _REASONS) or (place > 1 and token in ends and following not in _JOINING):
            return place
    return len(tokens)


def _is_denied(place: int, tokens: list[str]) -> bool:
    before = [token.lower() for token in tokens[max(0, place - 2) : place]]
    after = [token.lower() for token in tokens[place + 1 : place + 4]]
    while after and after[0] in _CLOSING:
        del after[0]
    is_refuted = bool(after) and after[0] in ("is", "was", "isn't") and not _DENIALS.isdisjoint(after[:2])
    return is_refuted or not _DENIALS.isdisjoint(before)


def _any_of(texts: list[str]) -> "re.Pattern[str]":
    """Matches the first of `texts` that fits, as words of their own, whatever their case and spacing."""
    return re.compile("|".join(map(_as_words, texts)), re.IGNORECASE)


def _as_words(text: str) -> str:
    begin = r"(?<![\w.,/^*+-])" if text[0].isdigit() else r"(?<![\w.,-])"
    end = r"(?!\w|[%°/^*+]|[.,-]\w)" if text[-1].isdigit() else r"(?!\w|[.,-]\w)"
    return begin + r"\s+".join(map(re.escape, text.split())) + end


_AROUND: Final = " .,:;!?\"'"
_WRAPPER: Final = re.compile(r"\\(?:text|textbf|textit|mathrm|mathbf|mathit|operatorname|boxed|fbox) {0,2}\{([^{}]*)\}")
_MARKUP: Final = re.compile(r"[*_`$]+|\\[()\[\],;! ]")
_TOKEN: Final = re.compile(r"\x00[A-Z]|[^\W_](?:[\w'-]*[^\W_])?[\u0300-\u036f\u0483-\u0489\u20d0-\u20ff]*|\S")
"""An option's mark, a word, or a sign. A letter that is struck out by a combining character is no letter."""
_OPENING: Final = frozenset("([{<")
_CLOSING: Final = frozenset(")]}>")
_ENDS: Final = frozenset(".;!?")
_DELIMITERS: Final = frozenset(").:]}>")
_NAMES: Final = frozenset({"option", "choice", "letter", "answer"})
_JOINING: Final = frozenset({"or", "and", ",", "/", "&", "|"})
_LEADING: Final = (
    _NAMES
    | _JOINING
    | frozenset(
        {
            *("pick", "choose", "select", "chose", "picked", "selected", "is", "be", "it's", "say", "with"),
            *("both", "either", "maybe", "perhaps", "possibly", "probably", ":", ";", "=", "(", "[", '"', "'"),
        }
    )
)
_FOLLOWING: Final = frozenset({"is", "was", "and", "or", "which"})
_REASONS: Final = frozenset({"because", "since"})
_DENIALS: Final = frozenset(
    {
        *("not", "never", "neither", "nor", "except", "isn't", "wasn't", "can't", "cannot", "unlike", "without"),
        *("wrong", "incorrect", "false"),
    }
)
