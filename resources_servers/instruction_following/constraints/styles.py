"""Which characters: capitals, punctuation, digits; and in which language."""

import re
from random import Random
from typing import ClassVar, Final, Self

from pydantic import Field, field_validator

from resources_servers.instruction_following.constraints.base import Constraint, NewTask, Relation, bounds_of, holds
from resources_servers.instruction_following.drafting import Draft
from resources_servers.instruction_following.languages import CODES, is_in_language
from resources_servers.instruction_following.numbers import in_words
from resources_servers.instruction_following.prose import LANGUAGE_NAMES, PHRASEBOOKS
from resources_servers.instruction_following.reading import Text, parts_of
from resources_servers.instruction_following.visible import COMMAS

_DOTS: Final = frozenset(".\u3002\u06d4\u0964\u2024\uff0e\uff61\ufe52\u2026")
_EXCLAMATIONS: Final = frozenset("!\u00a1\uff01\ufe57\u203c\u2049\u2757\u2755\u01c3")


class AllCapitals(Constraint):
    """No small letter anywhere."""

    id = "change_case:english_capital"
    phrases = (
        "WRITE IN CAPITAL LETTERS ONLY. No small letter may occur.",
        "Your entire answer is in English and in all capital letters.",
    )
    claims = frozenset({"case"})
    clashes = frozenset({"language"})

    def _check(self, text: Text) -> bool:
        return any(c.isupper() for c in text.visible) and not any(c.islower() for c in text.visible)

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        return cls()

    def _plan(self, draft: Draft) -> None:
        draft.finish.append(str.upper)


class AllSmall(Constraint):
    """No capital anywhere."""

    id = "change_case:english_lowercase"
    phrases = (
        "Write everything in lower case; no capital letter may occur, not even in names.",
        "Your entire answer is in English and in all small letters.",
    )
    claims = frozenset({"case"})
    clashes = frozenset({"language"})

    def _check(self, text: Text) -> bool:
        return any(c.islower() for c in text.visible) and not any(c.isupper() for c in text.visible)

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        return cls()

    def _plan(self, draft: Draft) -> None:
        draft.finish.append(str.lower)


class CapitalWords(Constraint):
    """How many words are all capitals."""

    id = "change_case:capital_word_frequency"
    phrases = (
        "Write {capital_relation} {capital_frequency} words in ALL CAPITALS; one-letter words do not count.",
        "Words that are fully CAPITALISED: {capital_relation} {capital_frequency}, not counting words of one letter.",
    )
    claims = frozenset({"case"})
    clashes = frozenset({"below"})

    capital_frequency: int = Field(ge=0)
    capital_relation: Relation = "at least"

    def _check(self, text: Text) -> bool:
        count = sum(word.isupper() and len(word) > 1 for word in text.words)
        return holds(count, self.capital_relation, self.capital_frequency)

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        return cls(capital_frequency=task.rng.randint(3, 8), capital_relation=task.rng.choice(("at least", "exactly")))

    def _plan(self, draft: Draft) -> None:
        number = bounds_of(self.capital_relation, self.capital_frequency)[0]
        draft.finish.append(
            lambda text: re.sub(r"\b[^\W\d_]{3,}\b", lambda found: found[0].upper(), text, count=number)
        )


class TitleCase(Constraint):
    """Every word begins with a capital."""

    id = "change_case:title_case"
    phrases = (
        "Begin Every Word With A Capital Letter, And Write Its Other Letters Small.",
        "Each word is capitalised As In A Headline: first letter a capital, all others small.",
    )
    claims = frozenset({"case"})
    clashes = frozenset({"extras", "goods"})

    def _check(self, text: Text) -> bool:
        return any(word[:1].isupper() for word in text.words) and all(_is_titled(word) for word in text.words)

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        return cls()

    def _plan(self, draft: Draft) -> None:
        draft.finish.append(lambda text: re.sub(r"[^\W\d_][\w']*", lambda found: found[0].capitalize(), text))


class SmallWords(Constraint):
    """At most so many words in small letters."""

    id = "count:lowercase_counting"
    phrases: ClassVar[tuple[str, ...]] = ()

    N: int = Field(ge=0)

    def _check(self, text: Text) -> bool:
        return sum(word.islower() for word in text.words) <= self.N


class NoComma(Constraint):
    """No comma of any kind."""

    id = "punctuation:no_comma"
    phrases = ("Do not use any commas.", "There must be no comma anywhere in the answer.", "Write without commas.")
    claims = frozenset({"commas"})

    def _check(self, text: Text) -> bool:
        return COMMAS.isdisjoint(text.visible)

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        return cls()

    def _plan(self, draft: Draft) -> None:
        """Clauses have no commas."""


class NoDot(Constraint):
    """No full stop."""

    id = "punctuation:punctuation_dot"
    phrases = (
        "Do not use a single full stop (.) anywhere; sentences may end in other ways.",
        "The character . is not allowed in your answer.",
    )
    claims = frozenset({"marks"})
    clashes = frozenset({"start", "end", "below", "layout", "sentences", "sentence size", "closers"})
    is_counterintuitive = True

    def _check(self, text: Text) -> bool:
        return _DOTS.isdisjoint(text.visible)

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        return cls()

    def _plan(self, draft: Draft) -> None:
        draft.mark = "!"


class NoExclamation(Constraint):
    """No exclamation mark."""

    id = "punctuation:punctuation_exclamation"
    phrases = ("Do not use exclamation marks.", "No exclamation mark may occur.")
    claims = frozenset({"marks"})

    def _check(self, text: Text) -> bool:
        return _EXCLAMATIONS.isdisjoint(text.visible)

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        return cls()

    def _plan(self, draft: Draft) -> None:
        """Sentences end with full stops."""


class OnlyQuestions(Constraint):
    """Every sentence is a question."""

    id = "punctuation:only_questions"
    phrases = (
        "Every sentence of your answer is a question and ends with a question mark. Write at least {least_sentences}.",
        "Tell everything in the form of questions, at least {least_sentences} of them: no sentence may end other than "
        "with a question mark.",
    )
    claims = frozenset({"marks", "openers"})
    clashes = frozenset({"language", "start", "end", "below", "above", "letters", "sentence size", "order"})
    is_counterintuitive = True

    least_sentences: int = Field(default=3, ge=1)

    def _check(self, text: Text) -> bool:
        ends = [sentence.rstrip("\"'\u201d\u2019\u00bb)]*_` ") for sentence in text.sentences]
        return len(ends) >= self.least_sentences and all(end.endswith(("?", "\uff1f", "\u061f")) for end in ends)

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        return cls(least_sentences=task.rng.randint(3, 5))

    def _plan(self, draft: Draft) -> None:
        draft.mark = "?"
        draft.every_opener = "did you know that"
        draft.sentences.narrow(self.least_sentences)


class NoDigits(Constraint):
    """No digit; numbers are spelled out."""

    id = "convention:no_digits"
    phrases = (
        "Do not use any digits: spell every number out in words.",
        "Write all numbers as words; the characters 0 to 9 must not occur.",
    )
    claims = frozenset({"digits"})
    clashes = frozenset({"language", "letters", "words", "layout"})

    def _check(self, text: Text) -> bool:
        return not any(c.isdigit() or c.isnumeric() for c in text.visible)

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        return cls()

    def _plan(self, draft: Draft) -> None:
        draft.finish.insert(0, lambda text: re.sub(r"(^|[.!?]\s+)?(\d+)", _spelled_out, text))


class ResponseLanguage(Constraint):
    """The language of the answer."""

    id = "language:response_language"
    phrases = (
        "Answer in {language} only; leave names as they are.",
        "The whole answer is written in {language}. Keep the names in Latin letters.",
    )
    claims = frozenset({"language"})
    clashes = frozenset({"order", "goods", "digits"})

    language: str
    """ISO 639-1 code."""

    @field_validator("language")
    @classmethod
    def _is_known(cls, code: str) -> str:
        plain = code.strip().lower().partition("-")[0]
        if plain not in CODES:
            raise ValueError(f"'{code}' is none of the languages that can be told apart: {', '.join(sorted(CODES))}")
        return plain

    def _check(self, text: Text) -> bool:
        return is_in_language(text.visible, self.language)

    def _describe(self, rng: Random) -> str:
        return rng.choice(self.phrases).format(language=LANGUAGE_NAMES[self.language])

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        return cls(language=task.rng.choice(sorted(LANGUAGE_NAMES)))

    def _plan(self, draft: Draft) -> None:
        draft.phrases = PHRASEBOOKS[self.language]


def _spelled_out(found: re.Match[str]) -> str:
    words = in_words(int(found[2]))[0]
    return words if found[1] is None else f"{found[1]}{words[0].upper()}{words[1:]}"


def _is_titled(word: str) -> bool:
    """Whether a word has a capital first and small letters else; behind a hyphen or dot, either will do."""
    first, *others = parts_of(word)
    return not first[:1].islower() and not any(part[1:] != part[1:].lower() for part in (first, *others))


KINDS: Final = (
    AllCapitals,
    AllSmall,
    CapitalWords,
    TitleCase,
    SmallWords,
    NoComma,
    NoDot,
    NoExclamation,
    OnlyQuestions,
    NoDigits,
    ResponseLanguage,
)
