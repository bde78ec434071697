"""How long: words, characters, sentences, paragraphs."""

from collections.abc import Callable, Sequence
from typing import ClassVar, Final, Self

from pydantic import Field

from resources_servers.instruction_following.constraints.base import Constraint, NewTask, Relation, bounds_of, holds
from resources_servers.instruction_following.drafting import Draft
from resources_servers.instruction_following.reading import Text, core_of, has_substance, words_in
from resources_servers.instruction_following.visible import folded

DIVIDER = "***"


class WordCount(Constraint):
    """A number of words."""

    id = "length_constraints:number_words"
    phrases = (
        "Write {relation} {num_words} words; a hyphenated word counts as one.",
        "The answer has {relation} {num_words} words in all (words with a hyphen are one word).",
        "Length: {relation} {num_words} words. A word with a hyphen is one word.",
    )
    claims = frozenset({"words"})

    num_words: int = Field(ge=1)
    relation: Relation = "at least"

    def _check(self, text: Text) -> bool:
        return holds(len(text.words), self.relation, self.num_words)

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        exact = task.rng.random() < task.difficulty
        if exact:
            return cls(num_words=task.rng.randint(60, 90 + int(60 * task.difficulty)), relation="exactly")
        if task.rng.random() < 0.5:
            return cls(num_words=task.rng.randint(70, 100 + int(150 * task.difficulty)), relation="at least")
        return cls(num_words=task.rng.randint(55, 95), relation=task.rng.choice(("at most", "less than")))

    def _plan(self, draft: Draft) -> None:
        draft.words.narrow(*bounds_of(self.relation, self.num_words))


class CharacterCount(Constraint):
    """A number of characters, spaces and line breaks included."""

    id = "length_constraints:number_characters"
    phrases = (
        "Use {relation} {num_characters} characters, counting spaces.",
        "The whole text has {relation} {num_characters} characters including spaces.",
    )
    claims = frozenset({"words"})

    num_characters: int = Field(ge=1)
    relation: Relation = "at most"

    def _check(self, text: Text) -> bool:
        return holds(len(text.visible), self.relation, self.num_characters)

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        if task.rng.random() < 0.5:
            return cls(num_characters=task.rng.randint(400, 1200), relation="at least")
        return cls(num_characters=task.rng.randint(420, 700), relation="at most")

    def _plan(self, draft: Draft) -> None:
        draft.characters.narrow(*bounds_of(self.relation, self.num_characters))


class SentenceCount(Constraint):
    """A number of sentences."""

    id = "length_constraints:number_sentences"
    phrases = (
        "Write {relation} {num_sentences} sentences.",
        "Your answer consists of {relation} {num_sentences} sentences.",
        "Number of sentences: {relation} {num_sentences}.",
    )
    claims = frozenset({"sentences"})

    num_sentences: int = Field(ge=1)
    relation: Relation = "at least"

    def _check(self, text: Text) -> bool:
        return holds(len(text.sentences), self.relation, self.num_sentences)

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        relation: Relation = (
            "exactly" if task.rng.random() < task.difficulty else task.rng.choice(("at least", "at most"))
        )
        return cls(num_sentences=task.rng.randint(5, 9), relation=relation)

    def _plan(self, draft: Draft) -> None:
        draft.sentences.narrow(*bounds_of(self.relation, self.num_sentences))


class SentenceLength(Constraint):
    """A number of words in each sentence."""

    id = "length_constraints:words_per_sentence"
    phrases = (
        "Every single sentence has {relation} {num_words} words.",
        "No sentence breaks this rule: {relation} {num_words} words per sentence.",
    )
    claims = frozenset({"sentence size"})
    clashes = frozenset({"start", "end", "above", "below", "openers", "closers", "order"})
    least_difficulty = 0.3

    num_words: int = Field(ge=1)
    relation: Relation = "at most"

    def _check(self, text: Text) -> bool:
        counts = [len(words_in(sentence)) for sentence in text.sentences]
        return bool(counts) and all(holds(count, self.relation, self.num_words) for count in counts)

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        relation: Relation = (
            "exactly" if task.rng.random() < task.difficulty - 0.3 else task.rng.choice(("at least", "at most"))
        )
        return cls(num_words=task.rng.randint(12, 16), relation=relation)

    def _plan(self, draft: Draft) -> None:
        draft.sentence_words.narrow(*bounds_of(self.relation, self.num_words))


class BlankLineParagraphs(Constraint):
    """A number of paragraphs, with a blank line between them."""

    id = "length_constraints:blank_line_paragraphs"
    phrases = (
        "Divide the text into {relation} {num_paragraphs} paragraphs with a blank line between them.",
        "There are {relation} {num_paragraphs} paragraphs, set apart by empty lines.",
    )
    claims = frozenset({"layout"})
    clashes = frozenset({"above", "below"})

    num_paragraphs: int = Field(ge=1)
    relation: Relation = "exactly"

    def _check(self, text: Text) -> bool:
        return holds(len(text.paragraphs), self.relation, self.num_paragraphs)

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        return cls(num_paragraphs=task.rng.randint(2, 5), relation=task.rng.choice(("exactly", "at least")))

    def _plan(self, draft: Draft) -> None:
        draft.blocks = self.num_paragraphs
        draft.layout = "\n\n".join


class DividedParagraphs(Constraint):
    """An exact number of paragraphs, with `***` between them."""

    id = "length_constraints:number_paragraphs"
    phrases = (
        "Write {num_paragraphs} paragraphs and put the divider *** on a line of its own between them.",
        "Use exactly {num_paragraphs} paragraphs. Between two of them stands a line with *** and nothing else.",
    )
    claims = frozenset({"layout"})
    clashes = frozenset({"above", "below"})

    num_paragraphs: int = Field(ge=1)

    def _check(self, text: Text) -> bool:
        return _is_divided(divided(text), [_any] * self.num_paragraphs)

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        return cls(num_paragraphs=task.rng.randint(2, 5))

    def _plan(self, draft: Draft) -> None:
        draft.blocks = self.num_paragraphs
        draft.layout = f"\n\n{DIVIDER}\n\n".join


class TwoDividedParagraphs(Constraint):
    """Two paragraphs with `***` between them."""

    id = "paragraphs:paragraphs"
    phrases: ClassVar[tuple[str, ...]] = ()

    def _check(self, text: Text) -> bool:
        return _is_divided(divided(text), [_any, _any])


class TwoBlankLineParagraphs(Constraint):
    """Two paragraphs with a blank line between them."""

    id = "paragraphs:paragraphs2"
    phrases: ClassVar[tuple[str, ...]] = ()

    def _check(self, text: Text) -> bool:
        return len(text.paragraphs) == 2


class Composition(Constraint):
    """Three paragraphs with `***` between them, so many sentences in each, so many words in each sentence."""

    id = "count:counting_composition"
    phrases: ClassVar[tuple[str, ...]] = ()

    n_sent: int = Field(ge=1)
    n_words: int = Field(ge=1)

    def _check(self, text: Text) -> bool:
        return _is_divided(divided(text), [self._is_composed] * 3)

    def _is_composed(self, paragraph: str) -> bool:
        sentences = Text(paragraph).sentences
        return len(sentences) == self.n_sent and all(len(words_in(each)) == self.n_words for each in sentences)


class ParagraphStart(Constraint):
    """A number of paragraphs with blank lines between them, one of which begins with a given word."""

    id = "length_constraints:nth_paragraph_first_word"
    phrases = (
        'Write {num_paragraphs} paragraphs, blank lines between. Number {nth_paragraph} begins with "{first_word}".',
        "The text has {num_paragraphs} paragraphs with a blank line between them, and the first word of number "
        '{nth_paragraph} is "{first_word}".',
    )
    claims = frozenset({"layout", "openers"})
    clashes = frozenset({"above", "below", "start", "letters", "sentences", "language"})

    num_paragraphs: int = Field(ge=1)
    nth_paragraph: int = Field(ge=1)
    first_word: str = Field(min_length=1)

    def _check(self, text: Text) -> bool:
        paragraphs = text.paragraphs
        if len(paragraphs) != self.num_paragraphs or self.nth_paragraph > len(paragraphs):
            return False
        words = words_in(paragraphs[self.nth_paragraph - 1])
        return folded(words[0]) == folded(core_of(self.first_word))

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        number = task.rng.randint(2, 4)
        word = task.rng.choice(("Today", "Here", "Inside", "Often", "Meanwhile", "Nearby"))
        return cls(num_paragraphs=number, nth_paragraph=task.rng.randint(1, number), first_word=word)

    def _plan(self, draft: Draft) -> None:
        per_paragraph = 2
        draft.blocks = self.num_paragraphs
        draft.layout = "\n\n".join
        draft.openers = [""] * (per_paragraph * self.num_paragraphs)
        draft.openers[per_paragraph * (self.nth_paragraph - 1)] = self.first_word
        draft.sentences.narrow(len(draft.openers), len(draft.openers))


def divided(text: Text) -> list[str]:
    """What stands between lines of `***`."""
    parts: list[list[str]] = [[]]
    for line in text.visible.split("\n"):
        if line.strip() == DIVIDER:
            parts.append([])
        else:
            parts[-1].append(line)
    return ["\n".join(part) for part in parts]


def _is_divided(parts: Sequence[str], checks: Sequence[Callable[[str], bool]]) -> bool:
    """Whether the parts are as many as the checks, and each passes its own. An empty first or last part is none."""
    kept = [part for place, part in enumerate(parts) if has_substance(part) or 0 < place < len(parts) - 1]
    return len(kept) == len(checks) and all(
        has_substance(part) and check(part) for part, check in zip(kept, checks, strict=True)
    )


def _any(paragraph: str) -> bool:
    return True


KINDS: Final = (
    WordCount,
    CharacterCount,
    SentenceCount,
    SentenceLength,
    BlankLineParagraphs,
    DividedParagraphs,
    TwoDividedParagraphs,
    TwoBlankLineParagraphs,
    Composition,
    ParagraphStart,
)
