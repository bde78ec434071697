"""An answer taken apart: words, sentences, paragraphs, list items. What counts as one is defined here and nowhere else.

A word is a run of characters without white space, dash or slash that holds a letter or digit; list markers are none.
A sentence ends at its mark, at the end of a list item and of a paragraph. Headings, dividers and code fences are none.
"""

import re
from functools import cached_property
from typing import Final, NamedTuple

from resources_servers.instruction_following.listing import listed
from resources_servers.instruction_following.visible import bare, folded, visible

LONGEST: Final = 50_000
"""Characters; a longer answer follows no instruction, and is not read."""

SENTENCE_MARKS: Final = ".!?\u2026\u3002\uff01\uff1f\u061f\u0964\u06d4"
_MARKS: Final = rf"[{re.escape(SENTENCE_MARKS)}]"
_CLOSERS: Final = "\"'\u201d\u2019\u00bb)\\]*_`"
_SENTENCE_END: Final = re.compile(rf"{_MARKS}+[{_CLOSERS}]*(?=\s|$)|[\u3002\uff01\uff1f]+[{_CLOSERS}\u300d]*")
_WORD_BREAK: Final = re.compile(r"[\s/\u2014\u2013\u2015|\u2026]+|--+|\.\.\.+")
_BULLET: Final = re.compile(r"\s{0,16}[-*+\u2022\u2023\u25e6\u2043\u25aa]\s+(?=\S)")
_NUMBER: Final = re.compile(r"\s{0,16}(\d{1,3})[.)]\s+(?=\S)")
_DIVIDER: Final = re.compile(r"\s*(?:\*\s*){3,}$|\s*(?:-\s*){3,}$|\s*(?:_\s*){3,}$|\s*\|?[\s:|-]{3,}\|?$")
_HEADING: Final = re.compile(r"\s{0,3}#{1,6}\s+\S")
_FENCE: Final = re.compile(r"\s{0,3}(?:```|~~~)")
_TITLE: Final = re.compile(r"\s*<<[^<>\n]+>>\s*$")
_TITLES: Final = frozenset(listed("mr mrs ms dr prof st sra mme dott vs p.s p.p.s u.s u.k"))
"""Abbreviations that something belongs to."""
_OTHERS: Final = frozenset(listed("etc e.g i.e cf no a.m p.m approx z.b d.h usw bzw vgl"))
"""Abbreviations that may end a sentence."""


class ListItem(NamedTuple):
    """A line that begins as an item of a list."""

    number: int | None
    """Of a numbered item."""
    text: str


class Text:
    """An answer, read. Everything is worked out when it is asked for, once."""

    def __init__(self, raw: str) -> None:
        self.visible = visible(raw) if len(raw) <= LONGEST else ""
        """As a reader sees it."""
        self.folded = folded(self.visible)
        """In small letters, one form for each character."""
        self.is_too_long = len(raw) > LONGEST or len(self.folded) > 2 * LONGEST
        """Not to be read any further; single characters may stand for whole phrases."""

    @cached_property
    def bare(self) -> str:
        """Without accents, emphasis and letters that only look Latin: nothing can hide in it."""
        return re.sub(r"[*_`~]", "", bare(self.folded))

    @cached_property
    def lines(self) -> list[str]:
        """Lines with something in them."""
        return [line.strip() for line in self.visible.split("\n") if line.strip()]

    @cached_property
    def words(self) -> list[str]:
        """Its words in order, without the punctuation around them."""
        return [word for line in self.lines for word in words_in(without_marker(line))]

    @cached_property
    def folded_words(self) -> list[str]:
        """The words in small letters."""
        return [folded(word) for word in self.words]

    @cached_property
    def blocks(self) -> list[list[str]]:
        """Groups of lines that are set apart by blank lines."""
        groups: list[list[str]] = [[]]
        for line in self.visible.split("\n"):
            if line.strip():
                groups[-1].append(line)
            elif groups[-1]:
                groups.append([])
        return [group for group in groups if group]

    @cached_property
    def paragraphs(self) -> list[str]:
        """The groups as texts; one without a letter or digit is none."""
        return [text for group in self.blocks if has_substance(text := "\n".join(group))]

    @cached_property
    def sentences(self) -> list[str]:
        """Its sentences in order, with their marks."""
        return [sentence for passage in self.passages for sentence in sentences_in(passage)]

    @cached_property
    def passages(self) -> list[str]:
        """Running texts: what stands between blank lines, headings and list markers, on one line each."""
        found: list[str] = []
        for group in self.blocks:
            passage: list[str] = []
            for line in group:
                ends = is_structure(line)
                if (ends or marker_of(line)) and passage:
                    found.append(" ".join(passage))
                    passage = []
                if not ends:
                    passage.append(without_marker(line).strip())
            if passage:
                found.append(" ".join(passage))
        return found

    @cached_property
    def bullets(self) -> list[ListItem]:
        """Bulleted lines with something to say."""
        return [ListItem(None, line[found.end() :]) for line, found in self._marked(_BULLET)]

    @cached_property
    def numbered(self) -> list[ListItem]:
        """Lines that begin with `1.` or `1)`."""
        return [ListItem(int(found[1]), line[found.end() :]) for line, found in self._marked(_NUMBER)]

    def _marked(self, marker: re.Pattern[str]) -> list[tuple[str, re.Match[str]]]:
        found = [(line, marker.match(line)) for line in self.lines if not _DIVIDER.match(line)]
        return [(line, match) for line, match in found if match is not None and has_substance(line[match.end() :])]


def words_in(text: str) -> list[str]:
    """The words of a visible text, without the punctuation around them."""
    return [word for piece in _WORD_BREAK.split(text) if (word := core_of(piece))]


def core_of(piece: str) -> str:
    """A piece without what is no letter or digit on either side; empty when there is none."""
    start, end = 0, len(piece)
    while start < end and not piece[start].isalnum():
        start += 1
    while end > start and not piece[end - 1].isalnum():
        end -= 1
    return piece[start:end]


def parts_of(word: str) -> list[str]:
    """What stands between the hyphens and dots of a word; an apostrophe is part of what it stands in."""
    return [part for part in re.split(r"[\W_]+", re.sub("['\u2019\u2018]", "", word)) if part] or [word]


def sentences_in(passage: str) -> list[str]:
    """The sentences of a running text on one line."""
    found: list[str] = []
    start = 0
    for end in _SENTENCE_END.finditer(passage):
        if _goes_on(passage, start, end):
            continue
        found.append(passage[start : end.end()].strip())
        start = end.end()
    found.append(passage[start:].strip())
    return [sentence for sentence in found if has_substance(sentence)]


def _goes_on(passage: str, start: int, end: re.Match[str]) -> bool:
    """Whether a mark belongs to an abbreviation, an initial, or a pause within the sentence."""
    rest = passage[end.end() :].lstrip()
    if not rest:
        return False
    mark = end[0].rstrip(_CLOSERS)
    if mark == ".":
        before = passage[max(start, end.start() - 12) : end.start()].split(" ")[-1].lstrip("\"'(*_\u201c\u2018")
        is_initial = len(before) == 1 and before.isupper() and before != "I"
        return is_initial or before.lower() in _TITLES or (before.lower() in _OTHERS and not rest[0].isupper())
    return set(mark) <= {".", "\u2026"} and rest[0].islower()


def has_substance(text: str) -> bool:
    """Whether there is a letter or digit in it."""
    return any(c.isalnum() for c in text)


def is_structure(line: str) -> bool:
    """Whether a line only gives the text its shape: a divider, a heading, a title, a code fence."""
    return any(pattern.match(line) for pattern in (_DIVIDER, _HEADING, _TITLE, _FENCE))


def is_heading(line: str) -> bool:
    """Whether a line is a Markdown heading."""
    return _HEADING.match(line) is not None


def marker_of(line: str) -> str:
    """The bullet or number that a line begins with, as it stands there; empty when there is none."""
    found = _BULLET.match(line) or _NUMBER.match(line)
    return found[0] if found else ""


def without_marker(line: str) -> str:
    """A line without its bullet or number."""
    return line[len(marker_of(line)) :]
