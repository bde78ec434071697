"""Which shape: lists, sections, headings, tables, JSON, code blocks, marked words, placeholders."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, Self

from pydantic import Field

from polygym import JsonObject
from resources_servers.instruction_following.constraints.base import Aspect, Constraint, NewTask
from resources_servers.instruction_following.drafting import Draft
from resources_servers.instruction_following.reading import Text, has_substance, is_heading
from resources_servers.instruction_following.visible import folded, visible

WHOLE: Final[frozenset[Aspect]] = frozenset({"above", "below", "start", "end"})
_FENCED: Final = re.compile(r"(```+|~~~+)[^\n`~]{0,40}\n(.*)\n[ ]{0,3}\1[ ]*", re.DOTALL)
_RULE: Final = re.compile(r"\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*){1,50}\|?")


class BulletList(Constraint):
    """A number of bullet points."""

    id = "detectable_format:number_bullet_lists"
    phrases = (
        "Use exactly {num_bullets} bullet points, each on a line that begins with * or -.",
        "The answer contains {num_bullets} Markdown bullet points, no more and no fewer.",
    )
    claims = frozenset({"layout"})
    clashes = WHOLE

    num_bullets: int = Field(ge=1)

    def _check(self, text: Text) -> bool:
        return len(text.bullets) == self.num_bullets

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        return cls(num_bullets=task.rng.randint(3, 6))

    def _plan(self, draft: Draft) -> None:
        draft.blocks = self.num_bullets
        draft.layout = lambda blocks: "\n".join(f"* {block}" for block in blocks)


class NumberedList(Constraint):
    """A list numbered from 1."""

    id = "detectable_format:numbered_list"
    phrases = (
        "Answer as a numbered list with exactly {num_items} items (1., 2., ...).",
        "Number your points from 1 to {num_items}, each on a line of its own.",
    )
    claims = frozenset({"layout"})
    clashes = WHOLE

    num_items: int = Field(ge=1)

    def _check(self, text: Text) -> bool:
        return [item.number for item in text.numbered] == list(range(1, self.num_items + 1))

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        return cls(num_items=task.rng.randint(3, 6))

    def _plan(self, draft: Draft) -> None:
        draft.blocks = self.num_items
        draft.layout = lambda blocks: "\n".join(f"{number}. {block}" for number, block in enumerate(blocks, 1))


class CountDown(Constraint):
    """A list numbered down to 1."""

    id = "convention:count_down"
    phrases = (
        "Answer as a numbered list that counts down: the first item is number {num_items}, the last one is number 1.",
        "Use {num_items} numbered items in falling order, from {num_items}. down to 1.",
    )
    claims = frozenset({"layout"})
    clashes = WHOLE
    is_counterintuitive = True

    num_items: int = Field(ge=2)

    def _check(self, text: Text) -> bool:
        return [item.number for item in text.numbered] == list(range(self.num_items, 0, -1))

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        return cls(num_items=task.rng.randint(3, 6))

    def _plan(self, draft: Draft) -> None:
        draft.blocks = self.num_items
        draft.layout = lambda blocks: "\n".join(
            f"{self.num_items - place}. {block}" for place, block in enumerate(blocks)
        )


class Sections(Constraint):
    """At least so many sections, each below its numbered name."""

    id = "detectable_format:multiple_sections"
    phrases = (
        "Divide the answer into {num_sections} sections; each begins with a line {section_spliter} X, as in "
        "{section_spliter} 1.",
        "There are {num_sections} sections, and the line {section_spliter} X stands above each (X is its number).",
    )
    claims = frozenset({"layout"})
    clashes = WHOLE | {"words", "sentences", "sentence size", "language", "openers", "closers", "letters", "tokens"}

    section_spliter: str = Field(min_length=1)
    num_sections: int = Field(ge=1)

    def _check(self, text: Text) -> bool:
        head = re.escape(folded(visible(self.section_spliter)).strip())
        found = list(re.finditer(rf"(?m)^[ #*_>]{{0,8}}{head}[ ]?(\d{{1,3}})\b", text.folded))
        ends = [match.start() for match in found[1:]] + [len(text.folded)]
        are_filled = all(has_substance(text.folded[match.end() : end]) for match, end in zip(found, ends, strict=False))
        numbers = [int(match[1]) for match in found]
        return are_filled and len(found) >= self.num_sections and numbers == list(range(1, len(numbers) + 1))

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        return cls(section_spliter=task.rng.choice(("SECTION", "Part", "Chapter")), num_sections=task.rng.randint(2, 4))

    def _plan(self, draft: Draft) -> None:
        draft.blocks = self.num_sections
        draft.layout = lambda blocks: "\n\n".join(
            f"{self.section_spliter} {number}\n{block}" for number, block in enumerate(blocks, 1)
        )


class Headings(Constraint):
    """A number of Markdown headings, each with something below it."""

    id = "detectable_format:headings"
    phrases = (
        "Structure the text with exactly {num_headings} Markdown headings (lines that begin with #).",
        "Use {num_headings} Markdown headings, with text below each of them.",
    )
    claims = frozenset({"layout"})
    clashes = WHOLE | {"language", "letters", "openers"}

    num_headings: int = Field(ge=1)

    def _check(self, text: Text) -> bool:
        places = [place for place, line in enumerate(text.lines) if is_heading(line)]
        below = [text.lines[place + 1 : end] for place, end in zip(places, [*places[1:], None], strict=False)]
        return len(places) == self.num_headings and all(has_substance(" ".join(lines)) for lines in below)

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        return cls(num_headings=task.rng.randint(2, 4))

    def _plan(self, draft: Draft) -> None:
        titles = ("The place", "Its past", "Daily life", "The rest")
        draft.blocks = self.num_headings
        draft.layout = lambda blocks: "\n\n".join(
            f"## {title}\n\n{block}" for title, block in zip(titles, blocks, strict=False)
        )


class Table(Constraint):
    """A Markdown table with a number of rows below its header."""

    id = "detectable_format:table"
    phrases = (
        "Give the answer as a Markdown table with a header and exactly {num_rows} rows below it.",
        "The answer is one Markdown table: a header line and {num_rows} further rows, at least two columns.",
    )
    claims = frozenset({"layout"})
    clashes = WHOLE | {"language", "letters", "openers", "closers", "sentences", "sentence size", "marks", "tokens"}

    num_rows: int = Field(ge=1)

    def _check(self, text: Text) -> bool:
        lines = [line for line in text.lines if "|" in line]
        rules = [place for place, line in enumerate(lines) if _RULE.fullmatch(line)]
        if rules != [1] or len(lines) != self.num_rows + 2:
            return False
        rows = [_cells(line) for place, line in enumerate(lines) if place != 1]
        width = len(rows[0])
        return width >= 2 and all(len(row) == width and has_substance("".join(row)) for row in rows)

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        return cls(num_rows=task.rng.randint(3, 6))

    def _plan(self, draft: Draft) -> None:
        draft.blocks = self.num_rows
        draft.layout = _as_table


class JsonFormat(Constraint):
    """The whole answer is JSON; a code fence around it is allowed."""

    id = "detectable_format:json_format"
    phrases = (
        "The entire answer is valid JSON, with or without a Markdown code fence around it.",
        "Wrap everything you say into one JSON object; nothing stands outside of it.",
    )
    claims = frozenset({"layout", "wrap"})
    clashes = WHOLE | {
        *("language", "letters", "sentences", "sentence size", "marks", "tokens", "openers", "closers"),
        *("words", "case", "commas"),
    }

    def _check(self, text: Text) -> bool:
        return bool(_decoded(text.visible))

    def unwrapped(self, text: str) -> str:
        """Keys and values, line by line."""
        return "\n".join(_texts_in(_decoded(visible(text)))) or text

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        return cls()

    def _plan(self, draft: Draft) -> None:
        draft.finish.append(lambda text: json.dumps({"answer": text}, ensure_ascii=False))


class CodeBlock(Constraint):
    """The whole answer stands in one code block."""

    id = "detectable_format:code_block"
    phrases = (
        "Put the whole answer into a single fenced code block (```), with nothing before or after it.",
        "Your entire answer stands inside one Markdown code block.",
    )
    claims = frozenset({"wrap"})
    clashes = frozenset({"tokens"})

    def _check(self, text: Text) -> bool:
        found = _FENCED.fullmatch(text.visible)
        return found is not None and found[1] not in found[2] and has_substance(found[2])

    def unwrapped(self, text: str) -> str:
        """What stands between the fences."""
        found = _FENCED.fullmatch(visible(text))
        return found[2] if found is not None else text

    @classmethod
    def _draw(cls, task: NewTask) -> Self:
        return cls()

    def _plan(self, draft: Draft) -> None:
        draft.finish.append(lambda text: f"```\n{text}\n```")


def _decoded(text: str) -> JsonObject | list[Any] | None:
    """The object or list that a text is in JSON, in a code fence or not; None for anything else."""
    fenced = _FENCED.fullmatch(text)
    try:
        value = json.loads(fenced[2] if fenced else text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict | list) else None


def _texts_in(value: Any) -> Iterator[str]:
    """Keys, texts and numbers of a decoded JSON value, in order."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            waiting += [part for pair in reversed(each.items()) for part in reversed(pair)]
        elif isinstance(each, list):
            waiting += reversed(each)
        elif each is not None:
            yield str(each)


def _as_table(blocks: Sequence[str]) -> str:
    rows = [f"| {number} | {block} |" for number, block in enumerate(blocks, 1)]
    return "\n".join(["| Item | What to know |", "| --- | --- |", *rows])


def _cells(line: str) -> list[str]:
    return line.strip().removeprefix("|").removesuffix("|").split("|")


KINDS: Final = (
    BulletList,
    NumberedList,
    CountDown,
    Sections,
    Headings,
    Table,
    JsonFormat,
    CodeBlock,
)
