"""Against convention: words in reverse order, capitals and end marks where they do not belong."""

import re
from itertools import pairwise
from random import Random
from typing import Final, Self

from pydantic import Field

from resources_servers.instruction_following.constraints.base import Constraint, NewTask
from resources_servers.instruction_following.constraints.keywords import occurrences
from resources_servers.instruction_following.drafting import Draft
from resources_servers.instruction_following.listing import listed
from resources_servers.instruction_following.reading import SENTENCE_MARKS, Text, core_of, has_substance, parts_of
from resources_servers.instruction_following.visible import bare, folded

_PAIRS: Final = frozenset(
    pair.replace("_", " ")
    for pair in listed(
        "of_the in_the it_is to_the on_the and_the for_the at_the with_a there_are in_a by_the from_the is_a is_the"
        " has_a of_a such_as as_a was_the is_in it_was it_has was_its its_own you_can can_be to_be into_the is_called"
        " and_is a_day the_cat the_place the_town it_stands is_its are_the it_opened opened_in run_by is_run known_as"
        " as_the with_the more_than number_of in_charge called_the located_in is_home home_to the_name guests_come"
        " a_usual usual_day under_the the_roof through_the the_door is_also that_is the_year the_building the_light"
        " is_always along_the lives_there a_cat cat_called inside_are people_know in_its on_a the_first first_opened"
        " and_its"
    )
)
"""Words that often follow each other in this order, and hardly ever in the other."""


class ReversedWords(Constraint):
    """The words of the answer, or of each of its sentences, in reverse order."""

    id = "convention:reversed_word_order"
    phrases = (
        'The panel is read from right to left: write the words of your whole answer in reverse order, so that "{name}" '
        'becomes "{reversed_name}".',
        'Put the last word first and the first word last throughout. The name "{name}" thus reads "{reversed_name}".',
    )
    claims = frozenset({"order"})
    clashes = frozenset(
        {
            *("start", "end", "above", "below", "layout", "wrap", "sentences", "language", "openers", "closers"),
            *("extras", "tokens", "goods", "case", "digits", "letters", "marks"),
        }
    )
    is_counterintuitive = True
    least_difficulty = 0.2

    name: str = Field(min_length=3)
    """Two words that stand in the answer, and are told apart from their reverse."""

    def _check(self, text: Text) -> bool:
        words = [core_of(word) for word in text.folded.split() if core_of(word)]
        wanted = tuple(folded(self.name).split())
        pairs = list(pairwise(words))
        forward = sum(f"{first} {second}" in _PAIRS for first, second in pairs)
        backward = sum(f"{second} {first}" in _PAIRS for first, second in pairs)
        is_named = wanted[::-1] in pairs and wanted not in pairs
        return is_named and backward >= 1 and forward * 4 <= backward

    def plain(self, text: str) -> str:
        """With the words in their usual order."""
        return " ".join(reversed(text.split()))

    def _describe(self, rng: Random) -> str:
        reversed_name = " ".join(reversed(self.name.split()))
        return rng.choice(self.phrases).format(name=self.name, reversed_name=reversed_name)

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        if "head" not in task.asked:
            task.asked.append("head")
        return cls(name=task.subject.head)

    def _plan(self, draft: Draft) -> None:
        draft.finish.append(self.plain)


class SmallNames(Constraint):
    """Names in small letters."""

    id = "convention:lowercase_names"
    phrases = (
        "Write the names of people, places and animals in small letters throughout (ada rather than Ada), also at the "
        "start of a sentence. Other sentences begin with a capital as usual.",
        "House style: proper names have no capital letter, wherever they stand. Everything else is written as usual.",
    )
    claims = frozenset({"case"})
    clashes = frozenset({"language", "above"})
    is_counterintuitive = True

    names: tuple[str, ...] = Field(min_length=1)

    def _check(self, text: Text) -> bool:
        for name in (word for each in self.names for word in each.split()):
            found = re.findall(rf"(?<!\w){re.escape(folded(name))}(?!\w)", text.visible, re.IGNORECASE)
            if any(each != each.lower() for each in found):
                return False
        first_name_words = [word for each in self.names for word in each.split()]
        return any(occurrences(text, word)[0] for word in first_name_words) and any(c.isupper() for c in text.visible)

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        return cls(names=(task.subject.name, task.subject.town, task.subject.head, task.subject.cat))

    def _plan(self, draft: Draft) -> None:
        names = "|".join(word for each in self.names for word in each.split())
        draft.finish.append(lambda text: re.sub(rf"\b(?:{names})\b", lambda found: found[0].lower(), text))


class InvertedCapitals(Constraint):
    """Words that begin small and go on in capitals."""

    id = "convention:inverted_capitals"
    phrases = (
        "Swap the use of capitals: each word begins with a small letter and goes on in capitals, lIKE tHIS.",
        "wRITE eVERY wORD lIKE tHIS: first letter small, the others capital.",
    )
    claims = frozenset({"case"})
    clashes = frozenset({"language", "above"})
    is_counterintuitive = True

    def _check(self, text: Text) -> bool:
        words = [parts_of(word) for word in text.words]
        return any(word[0][1:].isupper() for word in words) and all(
            not word[0][:1].isupper() and all(part[1:] == part[1:].upper() for part in word) for word in words
        )

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        return cls()

    def _plan(self, draft: Draft) -> None:
        draft.finish.append(
            lambda text: re.sub(r"[^\W\d_][\w']*", lambda found: found[0][0].lower() + found[0][1:].upper(), text)
        )


class SentenceMark(Constraint):
    """Every sentence ends with a mark other than the usual one, which does not occur."""

    id = "convention:sentence_mark"
    phrases = (
        'End every sentence with "{mark}" instead of a full stop. No other end mark may occur.',
        'The sign "{mark}" takes the place of the full stop: each sentence ends with it and no other mark.',
    )
    claims = frozenset({"marks", "sentences", "sentence size"})
    clashes = frozenset({"start", "end", "below", "layout", "closers", "openers", "order", "tokens"})
    is_counterintuitive = True

    mark: str = Field(min_length=1, max_length=1)
    least_marks: int = Field(default=2, ge=1)

    def _check(self, text: Text) -> bool:
        others = set(f"{SENTENCE_MARKS};") - {self.mark}
        passages = [
            passage.rstrip("\"'\u201d\u2019\u00bb)]*_` ") for passage in text.passages if has_substance(passage)
        ]
        is_spread = max((len(part.split()) for part in text.visible.split(self.mark)), default=0) <= 40
        return (
            text.visible.count(self.mark) >= self.least_marks
            and others.isdisjoint(bare(text.visible))
            and all(passage.endswith(self.mark) for passage in passages)
            and is_spread
        )

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        return cls(mark=task.rng.choice((";", "!", "~")))

    def _plan(self, draft: Draft) -> None:
        draft.mark = self.mark
        draft.sentences.narrow(self.least_marks)


KINDS: Final = (
    ReversedWords,
    SmallNames,
    InvertedCapitals,
    SentenceMark,
)
