"""How the answer, or each of its sentences, begins and ends; titles, postscripts, quotation marks."""

import re
from typing import ClassVar, Final, Self

from pydantic import Field

from resources_servers.instruction_following.constraints.base import Constraint, NewTask
from resources_servers.instruction_following.drafting import Draft
from resources_servers.instruction_following.reading import Text, core_of, has_substance, words_in
from resources_servers.instruction_following.visible import folded, visible

_STARTS: Final = (
    "Dear reader and friend.",
    "Here is what I found.",
    "Let me tell you about a place.",
    "My notes read as follows.",
    "This is the short version.",
)
_ENDS: Final = (
    "That is all there is to say.",
    "More on this another time.",
    "Do come and see it.",
    "Thank you for your patience.",
    "I hope this is of use.",
)
_WORDS: Final = ("finally", "forever", "goodbye", "homeward", "meanwhile", "sunrise", "tomorrow", "together")
_AROUND: Final = "\"'\u201c\u201d\u201e\u2018\u2019\u00ab\u00bb *_`"
_QUOTES: Final = {'"': '"', "\u201c": "\u201d", "\u201e": "\u201c", "\u00ab": "\u00bb", "\u300c": "\u300d"}


class StartPhrase(Constraint):
    """The answer begins with a phrase."""

    id = "startend:start_checker"
    phrases = (
        'Begin your answer with exactly this: "{start_phrase}"',
        'The very first words are "{start_phrase}"',
    )
    claims = frozenset({"start"})
    clashes = frozenset({"language", "above"})

    start_phrase: str = Field(min_length=1)

    def _check(self, text: Text) -> bool:
        whole = _squeezed(text.visible)
        return any(each.startswith(_squeezed(self.start_phrase)) for each in (whole, whole.lstrip(_AROUND)))

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        return cls(start_phrase=task.rng.choice(_STARTS))

    def _plan(self, draft: Draft) -> None:
        draft.first = self.start_phrase


class EndPhrase(Constraint):
    """The answer ends with a phrase, and nothing comes after it."""

    id = "startend:end_checker"
    phrases = (
        'Finish with the exact phrase "{end_phrase}" and nothing after it.',
        'Your last words are "{end_phrase}" No other words follow.',
    )
    claims = frozenset({"end"})
    clashes = frozenset({"language", "below"})

    end_phrase: str = Field(min_length=1)

    def _check(self, text: Text) -> bool:
        whole = _squeezed(text.visible)
        return any(each.endswith(_squeezed(self.end_phrase)) for each in (whole, whole.rstrip(_AROUND)))

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        return cls(end_phrase=task.rng.choice(_ENDS))

    def _plan(self, draft: Draft) -> None:
        draft.last = self.end_phrase


class FirstWord(Constraint):
    """The first word of the answer."""

    id = "first_word:first_word_answer"
    phrases = ('The first word of the answer is "{first_word}".', 'Open with the word "{first_word}".')
    claims = frozenset({"start", "openers"})
    clashes = frozenset({"language", "above", "letters"})

    first_word: str = Field(min_length=1)

    def _check(self, text: Text) -> bool:
        return folded(text.words[0]) == _word(self.first_word)

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        return cls(first_word=task.rng.choice(("Curiously", "Once", "Today", "Usually", "Yonder")))

    def _plan(self, draft: Draft) -> None:
        draft.openers = [self.first_word]


class FirstWordOfSentences(Constraint):
    """The first word of every sentence."""

    id = "first_word:first_word_sent"
    phrases = (
        'Every sentence begins with the word "{first_word}".',
        'Start each of your sentences with "{first_word}".',
    )
    claims = frozenset({"openers"})
    clashes = frozenset({"language", "start", "end", "above", "below", "letters", "order", "sentence size"})
    least_difficulty = 0.2
    is_counterintuitive = True

    first_word: str = Field(min_length=1)

    def _check(self, text: Text) -> bool:
        return all(folded(words_in(sentence)[0]) == _word(self.first_word) for sentence in text.sentences)

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        return cls(first_word=task.rng.choice(("Also", "Clearly", "Indeed", "Perhaps", "Surely")))

    def _plan(self, draft: Draft) -> None:
        draft.every_opener = self.first_word
        draft.sentences.narrow(3)


class LastWord(Constraint):
    """The last word of the answer."""

    id = "last_word:last_word_answer"
    phrases = ('The last word of the answer is "{last_word}".', 'Close with the word "{last_word}".')
    claims = frozenset({"end"})
    clashes = frozenset({"language", "below", "closers", "letters", "sentence size"})

    last_word: str = Field(min_length=1)

    def _check(self, text: Text) -> bool:
        return folded(text.words[-1]) == _word(self.last_word)

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        return cls(last_word=task.rng.choice(_WORDS))

    def _plan(self, draft: Draft) -> None:
        draft.last = f"So it goes {self.last_word}{draft.mark}"


class LastWordOfSentences(Constraint):
    """The last word of every sentence."""

    id = "last_word:last_word_sent"
    phrases = (
        'Every sentence ends with the word "{last_word}".',
        'The last word of each and every sentence must be "{last_word}".',
    )
    claims = frozenset({"closers"})
    clashes = frozenset({"language", "start", "end", "below", "letters", "order", "sentence size"})
    least_difficulty = 0.2
    is_counterintuitive = True

    last_word: str = Field(min_length=1)

    def _check(self, text: Text) -> bool:
        return all(folded(words_in(sentence)[-1]) == _word(self.last_word) for sentence in text.sentences)

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        return cls(last_word=task.rng.choice(("captain", "comrade", "however", "though", "today")))

    def _plan(self, draft: Draft) -> None:
        draft.every_closer = self.last_word
        draft.sentences.narrow(3)


class SameWordAtBothEnds(Constraint):
    """The first word of the answer is also its last."""

    id = "keywords:start_end"
    phrases = (
        "The answer begins and ends with the same word.",
        "Let the last word of the text be the same as its first word.",
    )
    claims = frozenset({"start", "end", "openers"})
    clashes = frozenset({"language", "above", "below", "closers", "letters", "sentence size", "order"})

    def _check(self, text: Text) -> bool:
        return len(text.words) > 1 and text.folded_words[0] == text.folded_words[-1]

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        return cls()

    def _plan(self, draft: Draft) -> None:
        draft.openers = ["Today"]
        draft.last = f"Go there today{draft.mark}"


class Quotation(Constraint):
    """The whole answer stands in double quotation marks."""

    id = "startend:quotation"
    phrases = (
        "Wrap your entire answer in double quotation marks.",
        "The whole answer stands between one pair of double quotation marks.",
    )
    claims = frozenset({"wrap"})
    clashes = frozenset({"tokens"})

    def _check(self, text: Text) -> bool:
        whole = text.visible
        return len(whole) > 2 and whole[-1] == _QUOTES.get(whole[0]) and has_substance(whole)

    def unwrapped(self, text: str) -> str:
        """Without the quotation marks."""
        return visible(text)[1:-1] if self.is_met_by(Text(text)) else text

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        return cls()

    def _plan(self, draft: Draft) -> None:
        draft.finish.append(lambda text: f'"{text}"')


class Title(Constraint):
    """A title in double angular brackets."""

    id = "detectable_format:title"
    phrases = (
        "Give the text a title in double angular brackets, such as <<a day out>>.",
        "There is a title, wrapped like this: <<title>>.",
    )
    claims = frozenset({"above"})
    clashes = frozenset({"language", "start", "letters"})

    def _check(self, text: Text) -> bool:
        return any(has_substance(title) for title in re.findall(r"<<([^<>\n]{1,200})>>", text.visible))

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        return cls()

    def _plan(self, draft: Draft) -> None:
        draft.above.append(f"<<A walk to {draft.subject.name}>>")


class Postscript(Constraint):
    """A postscript at the end, behind its marker."""

    id = "detectable_content:postscript"
    phrases = (
        'At the end, add a postscript that starts with "{postscript_marker}".',
        'After the text there is a postscript, beginning with "{postscript_marker}".',
    )
    claims = frozenset({"below"})
    clashes = frozenset({"language", "end", "letters"})

    postscript_marker: str = Field(min_length=1)

    def _check(self, text: Text) -> bool:
        marker = "".join(folded(visible(self.postscript_marker)).split())
        pattern = r"(?m)^[\s\"'*_(\[]{0,8}" + r" ?".join(map(re.escape, marker)) + r"(.*(?:\n.*)*)"
        found = re.search(pattern, text.folded)
        return found is not None and has_substance(found[1]) and has_substance(text.folded[: found.start()])

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        return cls(postscript_marker=task.rng.choice(("P.S.", "P.P.S.")))

    def _plan(self, draft: Draft) -> None:
        draft.below.append(f"{self.postscript_marker} bring a warm coat{draft.mark}")


class ConstrainedResponse(Constraint):
    """One of three given answers, and neither of the others."""

    id = "detectable_format:constrained_response"
    phrases: ClassVar[tuple[str, ...]] = ()

    def _check(self, text: Text) -> bool:
        return len(set(re.findall(r"\bmy answer is (yes|no|maybe)\b", text.folded))) == 1


def _word(given: str) -> str:
    return folded(core_of(visible(given)))


def _squeezed(text: str) -> str:
    return " ".join(folded(visible(text)).split())


KINDS: Final = (
    StartPhrase,
    EndPhrase,
    FirstWord,
    FirstWordOfSentences,
    LastWord,
    LastWordOfSentences,
    SameWordAtBothEnds,
    Quotation,
    Title,
    Postscript,
    ConstrainedResponse,
)
