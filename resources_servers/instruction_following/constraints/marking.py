"""Which signs: emphasis, placeholders, brackets, separators."""

import re
from typing import ClassVar, Final, Self

from pydantic import Field

from resources_servers.instruction_following.constraints.base import Constraint, NewTask
from resources_servers.instruction_following.constraints.formats import WHOLE
from resources_servers.instruction_following.drafting import Draft
from resources_servers.instruction_following.reading import Text, has_substance, without_marker
from resources_servers.instruction_following.visible import folded, visible

_PLACEHOLDERS: Final = ("[address]", "[opening hours]", "[phone number]", "[price]", "[website]", "[email]", "[date]")


class Highlights(Constraint):
    """At least so many passages between asterisks."""

    id = "detectable_format:number_highlighted_sections"
    phrases = (
        "Highlight at least {num_highlights} passages in Markdown, like *this one*.",
        "At least {num_highlights} parts of the answer are emphasised with asterisks: *like this*.",
    )
    claims = frozenset({"tokens"})

    num_highlights: int = Field(ge=1)

    def _check(self, text: Text) -> bool:
        found = [
            match
            for line in text.lines
            for match in re.findall(r"\*{1,3}([^*\n]{1,400})\*{1,3}", without_marker(line))
            if has_substance(match)
        ]
        return len(found) >= self.num_highlights

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        return cls(num_highlights=task.rng.randint(2, 4))

    def _plan(self, draft: Draft) -> None:
        def highlight(text: str) -> str:
            start, end = len(draft.first), len(text) - len(draft.last)
            marked = re.sub(r"\b[^\W\d_]{4,}\b", r"*\g<0>*", text[start:end], count=self.num_highlights)
            return text[:start] + marked + text[end:]

        draft.finish.append(highlight)


class Placeholders(Constraint):
    """At least so many placeholders in square brackets."""

    id = "detectable_content:number_placeholders"
    phrases = (
        "Leave at least {num_placeholders} placeholders in square brackets, such as [address].",
        "The text has at least {num_placeholders} placeholders like [name], in square brackets.",
    )
    claims = frozenset({"extras"})
    clashes = frozenset({"language", "letters", "tokens"})

    num_placeholders: int = Field(ge=1)

    def _check(self, text: Text) -> bool:
        found = re.findall(r"\[([^\[\]\n]{1,100})\]", text.visible)
        return sum(has_substance(each) for each in found) >= self.num_placeholders

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        return cls(num_placeholders=task.rng.randint(2, 4))

    def _plan(self, draft: Draft) -> None:
        draft.extras += [f"you should write down {each}" for each in _PLACEHOLDERS[: self.num_placeholders]]


class SquareBrackets(Constraint):
    """Every word in square brackets of its own."""

    id = "detectable_format:square_brackets"
    phrases = (
        "Enclose every single word in square brackets, [like] [this].",
        "[Each] [word] of the answer stands in square brackets of its own.",
    )
    claims = frozenset({"tokens"})
    clashes = WHOLE | {"layout", "wrap", "openers", "closers", "extras", "goods", "sentences"}
    is_counterintuitive = True
    least_difficulty = 0.2

    def _check(self, text: Text) -> bool:
        pieces = [piece for piece in text.visible.split() if has_substance(piece)]
        return bool(pieces) and all(re.fullmatch(r"\W*\[[^\[\]\s]{1,100}\]\W*", piece) for piece in pieces)

    def plain(self, text: str) -> str:
        """Without the brackets."""
        return text.replace("[", "").replace("]", "")

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        return cls()

    def _plan(self, draft: Draft) -> None:
        draft.finish.append(lambda text: re.sub(r"[\w'-]+", r"[\g<0>]", text))


class BigramBrackets(Constraint):
    """Every two words in double angular brackets; an odd last word may stand alone."""

    id = "detectable_format:bigram_wrapping"
    phrases: ClassVar[tuple[str, ...]] = ()

    def _check(self, text: Text) -> bool:
        pairs = re.findall(r"<<\s{0,4}[^\s<>]{1,100}\s{1,4}[^\s<>]{1,100}\s{0,4}>>", text.visible)
        rest = re.sub(r"<<[^<>]{1,300}>>", " ", text.visible)
        odd = re.findall(r"<<\s{0,4}[^\s<>]{1,100}\s{0,4}>>", text.visible)
        whole = len(re.findall("<<", text.visible))
        return bool(pairs) and not has_substance(rest) and len(odd) <= 1 and len(pairs) + len(odd) == whole


class HyphenatedSentences(Constraint):
    """Sentences that are joined by hyphens, without a space between them."""

    id = "detectable_format:sentence_hyphens"
    phrases: ClassVar[tuple[str, ...]] = ()

    def _check(self, text: Text) -> bool:
        return re.search(r"[.!?]-\w", text.visible) is not None and not re.search(r"[.!?]\s+\w", text.visible)


class TwoResponses(Constraint):
    """Two different answers with six asterisks between them."""

    id = "combination:two_responses"
    phrases: ClassVar[tuple[str, ...]] = ()

    def _check(self, text: Text) -> bool:
        parts = [part.strip() for part in text.visible.split("******")]
        filled = [part for part in parts if has_substance(part)]
        return len(parts) - len(filled) <= 2 and len(filled) == 2 and folded(filled[0]) != folded(filled[1])


class RepeatedPrompt(Constraint):
    """The request word for word, and then the answer."""

    id = "combination:repeat_prompt"
    phrases: ClassVar[tuple[str, ...]] = ()

    prompt_to_repeat: str = Field(min_length=1)

    def _check(self, text: Text) -> bool:
        wanted, said = (" ".join(part.split()) for part in (folded(visible(self.prompt_to_repeat)), text.folded))
        return said.startswith(wanted) and has_substance(said[len(wanted) :])


KINDS: Final = (
    Highlights,
    Placeholders,
    SquareBrackets,
    BigramBrackets,
    HyphenatedSentences,
    TwoResponses,
    RepeatedPrompt,
)
