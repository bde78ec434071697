"""Wordplay: letters that are counted or banned, alliteration, acrostics, endings."""

from itertools import pairwise
from random import Random
from typing import ClassVar, Final, Self

from pydantic import Field

from resources_servers.instruction_following.constraints.base import (
    Constraint,
    NewTask,
    Relation,
    bounds_of,
    holds,
    is_between,
)
from resources_servers.instruction_following.drafting import Draft
from resources_servers.instruction_following.listing import listed
from resources_servers.instruction_following.reading import Text, words_in
from resources_servers.instruction_following.visible import bare, folded

_ROWS: Final = {
    "b": "bold brown birds build big bright boats by bays",
    "c": "calm clever cats chase cold crisp crumbs",
    "d": "damp dark days drift down dusty docks",
    "f": "five fine foxes find fresh figs for free",
    "g": "good grey geese greet gentle guests gladly",
    "h": "happy hounds have huge hearty hopes here",
    "l": "long lazy lanes lead lost lambs left",
    "m": "many mild mornings make men more merry",
    "p": "plain pale paper pigs plod past proud poets",
    "r": "round red rocks rest right round river reeds",
    "s": "six slow silver snails slip south silently",
    "t": "ten tall tired trees turn toward two towers",
    "w": "wild white winds wake wise weary wolves",
}
"""Words that follow each other and begin alike."""
_OPENERS: Final = {
    "A": "Also",
    "B": "Besides",
    "C": "Clearly",
    "D": "Daily",
    "E": "Even now",
    "F": "For certain",
    "G": "Generally",
    "H": "Happily",
    "I": "Indeed",
    "L": "Locally",
    "M": "Moreover",
    "N": "Now",
    "O": "Often",
    "P": "Perhaps",
    "R": "Really",
    "S": "Still",
    "T": "Today",
    "U": "Usually",
    "V": "Very often",
    "W": "Well",
    "Y": "Yearly",
}
_ACROSTICS: Final = listed(
    "ALPINE BEACON CASTLE DRAGON FALCON GARDEN HARBOR ISLAND LEGEND MARBLE NATURE ORCHID PLANET RIVERS SUMMER TEMPLE"
    " VALLEY WINTER WONDERS"
)


class LetterFrequency(Constraint):
    """How often a letter occurs."""

    id = "keywords:letter_frequency"
    phrases: ClassVar[tuple[str, ...]] = (
        'The letter "{letter}" occurs {let_relation} {let_frequency} times (capital or small).',
        'Use the letter "{letter}" {let_relation} {let_frequency} times, counting capitals too.',
    )
    claims = frozenset({"words", "letters"})
    clashes = frozenset({"language"})

    letter: str = Field(min_length=1, max_length=1)
    let_frequency: int = Field(ge=0)
    let_relation: Relation = "at least"

    def _check(self, text: Text) -> bool:
        strict = text.folded.count(folded(self.letter))
        lenient = max(strict, text.bare.count(bare(folded(self.letter))))
        return is_between(strict, lenient, self.let_relation, self.let_frequency)

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        if task.rng.random() < 0.6:
            number = task.rng.randint(8, 12 + round(15 * task.difficulty))
            return cls(letter=task.rng.choice("bcdfglmpwy"), let_frequency=number, let_relation="at least")
        return cls(letter=task.rng.choice("bfkvwy"), let_frequency=task.rng.randint(3, 6), let_relation="at most")

    def _plan(self, draft: Draft) -> None:
        least, most = bounds_of(self.let_relation, self.let_frequency)
        if least:
            draft.needs.append(lambda text: text.folded.count(self.letter) >= least)
        if most < least + 100:
            draft.filters.append(lambda clause: self.letter not in clause.lower() or draft.rng.random() < 0.2)


class LetterFrequencyVariant(LetterFrequency):
    """The same under another name."""

    id = "letters:letter_counting2"
    phrases: ClassVar[tuple[str, ...]] = ()


class LetterCount(Constraint):
    """How many letters there are in all."""

    id = "letters:letter_counting"
    phrases: ClassVar[tuple[str, ...]] = ()

    N: int = Field(ge=0)
    relation: Relation = "at least"

    def _check(self, text: Text) -> bool:
        return holds(sum(c.isalpha() for c in text.visible), self.relation, self.N)


class ForbiddenLetter(Constraint):
    """A letter that must not occur, capital or small, accented or not."""

    id = "letters:forbidden_letter"
    phrases = (
        'Do not use the letter "{letter}" at all, neither capital nor small.',
        'Write a lipogram: the letter "{letter}" never appears.',
    )
    claims = frozenset({"letters"})
    clashes = frozenset({"language", "extras", "start", "end", "above", "below", "openers", "closers", "digits"})
    least_difficulty = 0.3
    is_counterintuitive = True

    letter: str = Field(min_length=1, max_length=1)

    def _check(self, text: Text) -> bool:
        return bare(folded(self.letter)) not in text.bare

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        needed = " ".join([task.subject.name, *(task.subject.value_of(fact) for fact in task.asked)]).lower()
        free = [letter for letter in "bcfgkmpvwy" if letter not in needed]
        return cls(letter=task.rng.choice(free or ["x"]))

    def _plan(self, draft: Draft) -> None:
        draft.filters.append(lambda clause: self.letter not in clause.lower())


class Alliteration(Constraint):
    """Words in a row that begin with the same letter."""

    id = "wordplay:alliteration"
    phrases = (
        'Somewhere, {num_words} words in a row begin with the letter "{letter}".',
        'Build in an alliteration: at least {num_words} neighbouring words that start with "{letter}".',
    )
    claims = frozenset({"extras"})
    clashes = frozenset({"language", "letters"})

    letter: str = Field(min_length=1, max_length=1)
    num_words: int = Field(ge=2)

    def _check(self, text: Text) -> bool:
        longest = run = 0
        previous = ""
        for word in text.folded_words:
            begins = word.startswith(folded(self.letter)) and word != previous
            run = run + 1 if begins else 0
            longest, previous = max(longest, run), word
        return longest >= self.num_words

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        return cls(letter=task.rng.choice(sorted(_ROWS)), num_words=3 + round(2 * task.difficulty))

    def _plan(self, draft: Draft) -> None:
        words = _ROWS[self.letter].split()
        draft.extras.append(" ".join(["here", *words]))


class Acrostic(Constraint):
    """The first letters of the sentences spell a word."""

    id = "wordplay:acrostic"
    phrases = (
        'The first letters of your sentences, read from top to bottom, spell "{word}".',
        'Make it an acrostic: sentence by sentence, the initial letters give the word "{word}" and nothing more.',
    )
    claims = frozenset({"sentences", "openers"})
    clashes = frozenset({"language", "letters", "start", "end", "above", "below", "layout", "order", "tokens"})
    least_difficulty = 0.2
    is_counterintuitive = True

    word: str = Field(min_length=2)

    def _check(self, text: Text) -> bool:
        initials = [words_in(sentence)[0][0] for sentence in text.sentences]
        return folded("".join(initials)) == folded(self.word)

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        return cls(word=task.rng.choice(_ACROSTICS))

    def _plan(self, draft: Draft) -> None:
        draft.openers = [_OPENERS[letter] for letter in self.word]
        draft.sentences.narrow(len(self.word), len(self.word))


class DistinctEndings(Constraint):
    """No two sentences rhyme, as far as letters show it: their last two letters differ."""

    id = "wordplay:no_rhyme"
    phrases = (
        "Avoid anything like a rhyme: no two sentences may end with the same two letters.",
        "The last two letters of each sentence are different from those of every other sentence.",
    )
    claims = frozenset({"closers"})
    clashes = frozenset({"language", "letters", "end", "below", "order", "words", "sentences", "openers"})
    least_difficulty = 0.2

    least_sentences: int = Field(default=4, ge=1)

    def _check(self, text: Text) -> bool:
        endings = [folded(words_in(sentence)[-1])[-2:] for sentence in text.sentences]
        return len(endings) >= self.least_sentences and len(endings) == len(set(endings))

    def _describe(self, rng: Random) -> str:
        return f"{super()._describe(rng)} Write at least {self.least_sentences} sentences."

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        return cls(least_sentences=task.rng.randint(4, 5))

    def _plan(self, draft: Draft) -> None:
        draft.sentences.narrow(self.least_sentences, max(7, self.least_sentences))
        draft.has_distinct_endings = True


class NoNeighbouringLetters(Constraint):
    """No two words in a row begin with letters that are neighbours in the alphabet."""

    id = "keywords:no_adjacent_consecutive"
    phrases: ClassVar[tuple[str, ...]] = ()

    def _check(self, text: Text) -> bool:
        initials = [ord(word[0]) for word in text.folded_words]
        return bool(initials) and all(second - first != 1 for first, second in pairwise(initials))


KINDS: Final = (
    LetterFrequency,
    LetterFrequencyVariant,
    LetterCount,
    ForbiddenLetter,
    Alliteration,
    Acrostic,
    DistinctEndings,
    NoNeighbouringLetters,
)
