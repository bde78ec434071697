"""Reference answers: a draft collects what its constraints want, and is then written until everything fits.

Knows no constraint; constraints know it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from resources_servers.instruction_following.prose import ENGLISH, Phrasebook
from resources_servers.instruction_following.reading import Text, sentences_in, words_in
from resources_servers.instruction_following.subjects import Fact, Subject

_ATTEMPTS = 40
_STEPS = 80


class UnwritableError(Exception):
    """No text was found that does all that is wanted."""


@dataclass
class Bounds:
    """Least and most of something."""

    low: int = 0
    high: int = 100_000

    def narrow(self, low: int = 0, high: int = 100_000) -> None:
        """Take in further bounds. Raises UnwritableError when nothing is left between them."""
        self.low, self.high = max(self.low, low), min(self.high, high)
        if self.low > self.high:
            raise UnwritableError(f"nothing is between {self.low} and {self.high}")


@dataclass
class Sentence:
    """Clauses that are joined, and what comes before and after them."""

    clauses: list[str]
    joiner: str
    opener: str = ""
    closer: str = ""
    mark: str = "."
    tails: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        body = f" {self.joiner} ".join(self.clauses)
        text = " ".join(part for part in (self.opener, body, *self.tails, self.closer) if part)
        return text[:1].upper() + text[1:] + self.mark

    def ending(self) -> str:
        """Its last word."""
        return words_in(str(self))[-1]


def _as_prose(blocks: Sequence[str]) -> str:
    return " ".join(blocks)


@dataclass
class Draft:
    """What an answer about `subject` has to be like. Constraints change it; `write` gives a text."""

    subject: Subject
    asked: Sequence[Fact]
    rng: Random
    least_words: int = 0
    """That every answer needs, whatever its constraints."""
    phrases: Phrasebook = ENGLISH
    words: Bounds = field(default_factory=Bounds)
    characters: Bounds = field(default_factory=Bounds)
    sentences: Bounds = field(default_factory=lambda: Bounds(1))
    sentence_words: Bounds = field(default_factory=Bounds)
    extras: list[str] = field(default_factory=list)
    """Further clauses that must be there."""
    filters: list[Callable[[str], bool]] = field(default_factory=list)
    """What every clause must pass."""
    needs: list[Callable[[Text], bool]] = field(default_factory=list)
    """More is written until these hold."""
    openers: list[str] = field(default_factory=list)
    """First words of the sentences, in order."""
    every_opener: str = ""
    every_closer: str = ""
    has_distinct_endings: bool = False
    mark: str = "."
    blocks: int = 0
    """Paragraphs, items or sections; 0 for one running text."""
    layout: Callable[[Sequence[str]], str] = _as_prose
    """Makes a text of the blocks."""
    first: str = ""
    """Goes before everything else, on the first line of the text."""
    last: str = ""
    """Goes after everything else, on the last line."""
    above: list[str] = field(default_factory=list)
    """Lines of their own above the text."""
    below: list[str] = field(default_factory=list)
    """Paragraphs below it."""
    finish: list[Callable[[str], str]] = field(default_factory=list)
    """What is done to the text at last, in order."""

    def write(self, fits: Callable[[str], bool]) -> str:
        """The first text found that `fits`. Raises UnwritableError after some tries."""
        for _ in range(_ATTEMPTS):
            text = self._attempt()
            if text is not None and fits(text):
                return text
        raise UnwritableError("no text fits")

    def _attempt(self) -> str | None:
        sentences = self._begin()
        if sentences is None:
            return None
        for _ in range(_STEPS):
            text = self._assembled(sentences)
            read = Text(text)
            count = len(read.words)
            if count > self.words.high or len(read.visible) > self.characters.high:
                return None
            missing = max(self.words.low, self.least_words) - count
            if missing <= 0 and (len(read.visible) < self.characters.low or not all(need(read) for need in self.needs)):
                missing = min(8, self.words.high - count)
            if missing <= 0:
                return self._finished(text)
            if not self._grow(sentences, missing):
                return None
        return None

    def _begin(self) -> list[Sentence] | None:
        """Sentences with all that must be said; None when a fact cannot be said as it has to be."""
        clauses = [self._pick(self.phrases.name), *(self._pick(self.phrases.facts[fact]) for fact in self.asked)]
        if not all(clauses):
            return None
        clauses += self.extras
        head, tail = clauses[:1], clauses[1:]
        self.rng.shuffle(tail)
        clauses = head + tail
        outside = len(sentences_in(self.first)) + len(sentences_in(self.last)) + len(self.below)
        least = max(self.sentences.low - outside, self.blocks, len(self.openers), 1)
        most = self.sentences.high - outside
        number = least if least > len(clauses) or self.openers else min(most, len(clauses))
        if number < least or number < 1:
            return None
        while len(clauses) < number:
            clauses.append(self._pick(self.phrases.fillers))
        sentences = [self._sentence(place, clauses[place::number]) for place in range(number)]
        if self.has_distinct_endings and not self._tell_endings_apart(sentences):
            return None
        return sentences if self._pad(sentences) else None

    def _sentence(self, place: int, clauses: list[str]) -> Sentence:
        opener = self.openers[place] if place < len(self.openers) else self.every_opener
        return Sentence(clauses, self.phrases.joiner, opener, self.every_closer, self.mark)

    def _pick(self, variants: Sequence[str]) -> str:
        """One of the variants that pass the filters; empty when none does."""
        subject = self.subject
        said = [each.format(**subject.model_dump(), things=subject.things) for each in variants]
        passing = [each for each in said if all(check(each) for check in self.filters)]
        if passing and self.words.high < 60:
            passing = sorted(passing, key=lambda each: (len(each.split()), each))[: max(1, len(passing) // 2)]
        return self.rng.choice(passing) if passing else ""

    def _tail(self, most: int) -> str:
        tails = [each for each in self.phrases.tails if len(each.split()) <= most]
        passing = [each for each in tails if all(check(each) for check in self.filters)]
        longest = max((len(each.split()) for each in passing), default=0)
        fitting = [each for each in passing if len(each.split()) >= min(longest, most)]
        return self.rng.choice(fitting) if fitting else ""

    def _tell_endings_apart(self, sentences: list[Sentence]) -> bool:
        """Give sentences tails until no two end alike."""
        seen: set[str] = set()
        for sentence in sentences:
            for _ in range(20):
                if sentence.ending()[-2:].lower() not in seen:
                    break
                sentence.tails = [self._tail(3)]
            seen.add(sentence.ending()[-2:].lower())
        return len(seen) == len(sentences)

    def _pad(self, sentences: list[Sentence]) -> bool:
        """Bring sentences to the length that each must have at least; false when one has too many words."""
        for sentence in sentences:
            for _ in range(20):
                missing = self.sentence_words.low - len(words_in(str(sentence)))
                if missing <= 0:
                    break
                self._extend(sentence, missing)
            if not self.sentence_words.low <= len(words_in(str(sentence))) <= self.sentence_words.high:
                return False
        return True

    def _extend(self, sentence: Sentence, words: int) -> None:
        filler = self._pick(self.phrases.fillers)
        if filler and len(filler.split()) + 1 <= words and not sentence.tails:
            sentence.clauses.append(filler)
        elif tail := self._tail(min(5, words)):
            sentence.tails.append(tail)

    def _grow(self, sentences: list[Sentence], words: int) -> bool:
        """Add up to that many words; false when there is no place for them."""
        filler = self._pick(self.phrases.fillers)
        added = self._sentence(len(sentences), [filler])
        is_room = self.sentences.high > len(sentences) + len(self.below) and not self.has_distinct_endings
        size = len(words_in(str(added)))
        if filler and is_room and size <= words and self._pad([added]):
            sentences.append(added)
            return True
        places = [each for each in sentences if len(words_in(str(each))) < self.sentence_words.high]
        if not places:
            return False
        sentence = min(places, key=lambda each: len(words_in(str(each))))
        ending = sentence.ending()
        self._extend(sentence, min(words, self.sentence_words.high - len(words_in(str(sentence)))))
        return not self.has_distinct_endings or sentence.ending() == ending or self._tell_endings_apart(sentences)

    def _assembled(self, sentences: list[Sentence]) -> str:
        parts = max(1, self.blocks)
        size = len(sentences)
        blocks = [
            " ".join(map(str, sentences[place * size // parts : (place + 1) * size // parts])) for place in range(parts)
        ]
        blocks[0] = f"{self.first} {blocks[0]}".strip()
        blocks[-1] = f"{blocks[-1]} {self.last}".strip()
        return "\n\n".join([*self.above, self.layout(blocks), *self.below])

    def _finished(self, text: str) -> str:
        for change in self.finish:
            text = change(text)
        return text
