"""Which words: those that must be there, how often, where, and those that must not."""

import re
from random import Random
from typing import ClassVar, Final, Self

from pydantic import Field

from resources_servers.instruction_following.constraints.base import (
    Constraint,
    NewTask,
    Relation,
    bounds_of,
    is_between,
)
from resources_servers.instruction_following.drafting import Draft
from resources_servers.instruction_following.listing import listed
from resources_servers.instruction_following.reading import Text, words_in
from resources_servers.instruction_following.visible import bare, folded, visible

KEYWORDS = listed(
    "anchor amber basket canvas compass copper feather granite harvest lantern marble meadow orchard parcel ribbon"
    " saddle silver thunder timber velvet"
)
"""Words that reference answers have no other use for."""
_SAYINGS = (
    "many speak of the {word}",
    "the {word} is on every sign",
    "one song is about the {word}",
    "you may ask for the {word}",
    "the {word} has its own tale",
    "old folk still praise the {word}",
    "one corner is named for the {word}",
)
_GRAMMAR = listed("and are is it its the there you")
_COMMON = listed("also building guests home place people town very")
_TEMPTING = listed("located nestled unique perfect beautiful famous history visitors wonderful enjoy")


class Keywords(Constraint):
    """Words that must all be there."""

    id = "keywords:existence"
    phrases = ("Work in these words: {keywords}.", "The following words must all occur: {keywords}.")
    claims = frozenset({"extras"})
    clashes = frozenset({"language"})

    keywords: tuple[str, ...] = Field(min_length=1)

    def _check(self, text: Text) -> bool:
        return all(occurrences(text, word)[0] for word in self.keywords)

    def _describe(self, rng: Random) -> str:
        return rng.choice(self.phrases).format(keywords=", ".join(f'"{word}"' for word in self.keywords))

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        return cls(keywords=tuple(task.rng.sample(KEYWORDS, 2 + round(2 * task.difficulty))))

    def _plan(self, draft: Draft) -> None:
        say(draft, self.keywords)


class KeywordFrequency(Constraint):
    """How often a word occurs."""

    id = "keywords:frequency"
    phrases: ClassVar[tuple[str, ...]] = (
        'Use the word "{keyword}" {relation} {frequency} times.',
        'The word "{keyword}" appears {relation} {frequency} times in your text.',
    )
    claims = frozenset({"extras"})
    clashes = frozenset({"language"})

    keyword: str = Field(min_length=1)
    frequency: int = Field(ge=1)
    relation: Relation = "at least"

    def _check(self, text: Text) -> bool:
        return is_between(*occurrences(text, self.keyword), self.relation, self.frequency)

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        if task.rng.random() < 0.3:
            return cls(
                keyword=task.rng.choice(("the", "it", "is")), frequency=task.rng.randint(3, 5), relation="at most"
            )
        relation: Relation = task.rng.choice(("at least", "exactly"))
        return cls(
            keyword=task.rng.choice(KEYWORDS),
            frequency=task.rng.randint(2, 3 + round(2 * task.difficulty)),
            relation=relation,
        )

    def _plan(self, draft: Draft) -> None:
        least, most = bounds_of(self.relation, self.frequency)
        if self.keyword in KEYWORDS:
            say(draft, [self.keyword] * least)
        if most < least + 100:
            draft.filters.append(lambda clause: self.keyword not in words_in(clause) or draft.rng.random() < 0.2)


class KeywordVariant(KeywordFrequency):
    """The same under another name."""

    id = "keywords:word_count_different_numbers"
    phrases: ClassVar[tuple[str, ...]] = ()


class KeywordOnce(Constraint):
    """A word that occurs once."""

    id = "keywords:word_once"
    phrases = (
        'The word "{keyword}" occurs exactly once.',
        'Mention the word "{keyword}" one time and not again.',
    )
    claims = frozenset({"extras"})
    clashes = frozenset({"language"})

    keyword: str = Field(min_length=1)

    def _check(self, text: Text) -> bool:
        return occurrences(text, self.keyword) == (1, 1)

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        return cls(keyword=task.rng.choice(KEYWORDS))

    def _plan(self, draft: Draft) -> None:
        say(draft, [self.keyword])


class ForbiddenWords(Constraint):
    """Words that must not be there, hidden or not."""

    id = "keywords:forbidden_words"
    phrases = ("Do not use any of these words: {forbidden_words}.", "Banned words: {forbidden_words}.")
    claims = frozenset({"letters"})
    clashes = frozenset({"language"})

    forbidden_words: tuple[str, ...] = Field(min_length=1)

    def _check(self, text: Text) -> bool:
        return not any(occurrences(text, word)[1] for word in self.forbidden_words)

    def _describe(self, rng: Random) -> str:
        return rng.choice(self.phrases).format(forbidden_words=", ".join(f'"{word}"' for word in self.forbidden_words))

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        words = [*task.rng.sample(_TEMPTING, 2), *task.rng.sample(_COMMON, 1 + round(task.difficulty))]
        if task.rng.random() < task.difficulty:
            words.append(task.rng.choice(_GRAMMAR))
        return cls(forbidden_words=tuple(task.rng.sample(words, len(words))))

    def _plan(self, draft: Draft) -> None:
        if draft.phrases.joiner in self.forbidden_words:
            draft.phrases = draft.phrases.model_copy(update={"joiner": "while"})
        draft.filters.append(lambda clause: not set(self.forbidden_words) & set(words_in(clause.lower())))


class ForbiddenWordInOneSentence(Constraint):
    """A word of the request that must not be there."""

    id = "keywords:exclude_word_harder"
    phrases: ClassVar[tuple[str, ...]] = ()

    keyword: str = Field(min_length=1)

    def _check(self, text: Text) -> bool:
        return not occurrences(text, self.keyword)[1]


class KeywordPosition(Constraint):
    """A word that is the m-th of the n-th sentence."""

    id = "keywords:keyword_specific_position"
    phrases = (
        'In sentence number {n}, word number {m} is "{keyword}".',
        'Place "{keyword}" as word {m} of sentence {n}.',
    )
    claims = frozenset({"openers"})
    clashes = frozenset({"language", "start", "above", "layout", "letters", "sentences", "sentence size", "order"})
    least_difficulty = 0.3

    keyword: str = Field(min_length=1)
    n: int = Field(ge=1)
    m: int = Field(ge=1)

    def _check(self, text: Text) -> bool:
        if self.n > len(text.sentences):
            return False
        words = words_in(text.sentences[self.n - 1])
        return self.m <= len(words) and folded(words[self.m - 1]) == folded(self.keyword)

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        return cls(keyword=task.rng.choice(KEYWORDS), n=task.rng.randint(1, 4), m=task.rng.randint(2, 5))

    def _plan(self, draft: Draft) -> None:
        before = {1: "", 2: "a", 3: "with a", 4: "past the old", 5: "next to the old"}[self.m]
        draft.openers = [""] * (self.n - 1) + [f"{before} {self.keyword} stands and"]
        draft.sentences.narrow(self.n)


class Palindrome(Constraint):
    """A word of at least three letters that reads the same backwards."""

    id = "keywords:palindrome"
    phrases = (
        "Include a word of at least five letters that is a palindrome.",
        "Somewhere in the text there is a palindrome: one word of five or more letters, the same backwards.",
    )
    claims = frozenset({"extras"})
    clashes = frozenset({"language", "letters"})

    min_letters: int = Field(default=3, ge=2)

    def _check(self, text: Text) -> bool:
        return any(self._is_palindrome(word) for word in text.folded_words)

    def _is_palindrome(self, word: str) -> bool:
        return len(word) >= self.min_letters and word.isalpha() and word == word[::-1] and len(set(word)) > 1

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        return cls(min_letters=5)

    def _plan(self, draft: Draft) -> None:
        word = draft.rng.choice(listed("civic kayak level madam radar refer rotor tenet"))
        draft.extras.append(f"the word {word} is on the sign")


class UniqueWords(Constraint):
    """No word twice."""

    id = "count:count_unique"
    phrases: ClassVar[tuple[str, ...]] = ()

    def _check(self, text: Text) -> bool:
        words = text.folded_words
        return bool(words) and len(words) == len(set(words))


class TwoKeywords(Constraint):
    """One word once and another twice."""

    id = "count:count_increment_word"
    phrases: ClassVar[tuple[str, ...]] = ()

    keyword1: str = Field(min_length=1)
    keyword2: str = Field(min_length=1)

    def _check(self, text: Text) -> bool:
        return occurrences(text, self.keyword1) == (1, 1) and occurrences(text, self.keyword2) == (2, 2)


def say(draft: Draft, words: tuple[str, ...] | list[str]) -> None:
    """Have a reference answer use the words, each as often as it is listed."""
    sayings = draft.rng.sample(_SAYINGS, min(len(words), len(_SAYINGS)))
    clauses = [sayings[place % len(sayings)].format(word=word) for place, word in enumerate(words)]
    draft.extras += clauses


def occurrences(text: Text, phrase: str) -> tuple[int, int]:
    """How often a word or phrase occurs: as it is written, and with look-alike letters, accents and emphasis undone."""
    strict = folded(visible(phrase))
    lenient = bare(strict)
    least = _count(strict, text.folded)
    return least, max(least, _count(lenient, text.bare))


def _count(phrase: str, text: str) -> int:
    words = phrase.split()
    if not words:
        return 0
    pattern = r"\s+".join(map(re.escape, words))
    before = r"(?<![^\W_])" if _has_borders(words[0][0]) else ""
    after = r"(?![^\W_])" if _has_borders(words[-1][-1]) else ""
    return sum(1 for _ in re.finditer(f"{before}{pattern}{after}", text))


def _has_borders(letter: str) -> bool:
    """Whether words of this script are set apart by spaces."""
    return bool(re.match(r"\w", letter)) and not "\u0e00" <= letter <= "\u0eff" and not "\u2e80" <= letter <= "\ua4cf"


KINDS: Final = (
    Keywords,
    KeywordFrequency,
    KeywordVariant,
    KeywordOnce,
    ForbiddenWords,
    ForbiddenWordInOneSentence,
    KeywordPosition,
    Palindrome,
    UniqueWords,
    TwoKeywords,
)
