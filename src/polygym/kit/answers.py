r"""Reading a final answer out of a model's text: what stands in `\boxed{…}`, behind "Answer:", on the last line.

Knows nothing of what an answer means. Everything takes time proportional to the text, whatever the text is.
"""

import itertools
import re
from decimal import Decimal
from typing import Final, Literal, NamedTuple

TAIL_CHARS: Final = 20_000
"""Characters from the end of a text that are looked at: the last answer counts, and texts may have megabytes."""

Kind = Literal["box", "marker", "line"]


class Statement(NamedTuple):
    """A place where a text states an answer."""

    content: str
    """The answer as it is written there; different ones in one breath are joined by commas."""
    kind: Kind
    start: int
    """Where it begins in the text, its box or marker included."""
    end: int


def readable(text: str, *, fold_width: bool = True) -> str:
    """The end of `text` as a reader sees it: without invisible characters, all white space plain.

    Dashes and apostrophes become ASCII; `fold_width` does the same for full-width letters, digits and signs.
    """
    plain = text[-TAIL_CHARS:].translate(_PLAIN)
    return plain.translate(_NARROW) if fold_width else plain


def boxes(text: str) -> list[Statement]:
    r"""What stands in `\boxed{…}` and `\fbox{…}`, in order. Boxes within boxes and unclosed ones are not listed."""
    found: list[Statement] = []
    opened: list[tuple[int, int] | None] = []
    for token in _BRACES.finditer(text):
        if token["box"]:
            opened.append((token.start(), token.end()))
        elif token[0] == "{":
            opened.append(None)
        elif token[0] == "}" and opened:
            box = opened.pop()
            if box is not None:
                start, inside = box
                while found and found[-1].start > start:
                    found.pop()
                found.append(Statement(text[inside : token.start()].strip(), "box", start, token.end()))
    return found


def marked(text: str) -> list[Statement]:
    """What follows "Answer:", "the answer is" and the like, in order: the rest of the line, else the next line."""
    markers = list(_MARKER.finditer(text))
    found: list[Statement] = []
    for marker, following in zip(markers, [*markers[1:], None], strict=False):
        rest = _LINE.search(text, marker.end(), following.start() if following else len(text))
        if rest is not None:
            found.append(Statement(rest[0].strip(_TRIMMED), "marker", marker.start(), rest.end()))
    return found


def statements(text: str) -> list[Statement]:
    """The answers that a text states, in order: boxes and marked answers; where it has none, its last line.

    Answers that follow each other without a word of correction between them are one statement, all contents in it.
    """
    boxed = boxes(text)
    places = sorted(boxed + [each for each in marked(text) if not _holds_any(each, boxed)], key=lambda each: each.start)
    if not places:
        lines = list(_LINE.finditer(text))
        return [Statement(line[0].strip(_TRIMMED), "line", line.start(), line.end()) for line in lines[-1:]]
    return [_joined(group) for group in in_one_breath(text, places)]


def in_one_breath(text: str, places: list[Statement]) -> list[list[Statement]]:
    """Statements of a text, those together that follow each other without a word of correction between them."""
    groups = [places[:1]] if places else []
    for before, place in itertools.pairwise(places):
        if is_second_thought(text[before.end if before.kind == "box" else before.start : place.start]):
            groups.append([place])
        else:
            groups[-1].append(place)
    return groups


def final_statement(text: str) -> Statement | None:
    """The last of a text's statements; None for a text without any character."""
    found = statements(text)
    return found[-1] if found else None


def is_second_thought(between: str) -> bool:
    """Whether the text between two answers says that the second replaces the first, instead of standing next to it."""
    return _CORRECTION.search(between) is not None or len(_WORD.findall(between, 0, 400)) >= 10


def is_taken_back(text: str, statement: Statement) -> bool:
    """Whether the text around its last statement denies it, or goes on to doubt it or to give another number."""
    behind = text[statement.end :]
    return (
        _DENIED_BEFORE.search(text[max(0, statement.start - 40) : statement.start]) is not None
        or _DENIED_BEHIND.match(behind) is not None
        or _DOUBT.search(behind) is not None
        or (_RETRACTION.search(behind) is not None and _NUMBER.search(behind) is not None)
    )


def number_in(text: str) -> Decimal | None:
    """The one number that a text names, in digits or as a word up to ninety-nine.

    None when it names none or several, denies or bounds it ("not 7", "at least 7"), or holds digits that belong to
    something else ("3-7", "x2", "7/8"). Behind the last "=" only what follows it is read.
    """
    text = _REMARK.sub(lambda remark: remark[0] if _HEDGE.search(remark[0]) else " ", text)
    text = _MINUS.sub("-", text[text.rfind("=") + 1 :])
    if _UNKNOWN.search(text):
        return None
    numbers: set[Decimal] = set()
    for found in _NUMBER.finditer(text):
        if found["stray"] or found["rest"] or _DENIED.search(text, max(0, found.start() - 24), found.start()):
            return None
        numbers.add(_value_of(found))
        if len(numbers) > 1:
            return None
    return numbers.pop() if numbers else None


def final_number(text: str) -> Decimal | None:
    """The number that a text gives as its final answer; None when that is not one clear number."""
    text = readable(text)
    found = statements(text)
    if not found:
        return None
    if found[-1].kind == "line":
        lines = (line[0].strip(_TRIMMED) for line in reversed(list(_LINE.finditer(text))))
        line = next((line for line in lines if _NUMBER.search(line)), "")
        return None if _DOUBT.search(text[text.rfind(line) + len(line) :]) else number_in(line)
    if is_taken_back(text, found[-1]):
        return None
    for statement in reversed(found):
        if _NUMBER.search(statement.content):
            return number_in(statement.content)
    return None


def _joined(group: list[Statement]) -> Statement:
    contents = dict.fromkeys(each.content for each in group)
    return Statement(", ".join(contents), group[-1].kind, group[0].start, group[-1].end)


def _holds_any(statement: Statement, boxed: list[Statement]) -> bool:
    return any(statement.start <= box.start < statement.end for box in boxed)


def _value_of(found: "re.Match[str]") -> Decimal:
    if found["word"]:
        return Decimal(sum(_WORDS[part] for part in re.split(r"[\s-]", found["word"].lower())))
    return Decimal(found["number"].replace("{,}", "").replace(",", ""))


_INVISIBLE: Final = (
    *(range(0x200B, 0x2010), range(0x202A, 0x202F), range(0x2060, 0x2070), range(0xFE00, 0xFE10)),
    *(range(0xE0000, 0xE0200), range(0xFFF9, 0xFFFC), range(0x09), range(0x0E, 0x1C), range(0x7F, 0x85)),
    *(range(0x86, 0xA0), range(0x180B, 0x1810), range(0x17B4, 0x17B6), range(0x115F, 0x1161)),
    (0xAD, 0x034F, 0x061C, 0x3164, 0xFEFF, 0xFFA0),
)
"""Joiners, direction marks, variation selectors, tags, control characters, fillers. Source: Unicode character data."""
_SPACES: Final = (range(0x2000, 0x200B), range(0x1C, 0x20), (0x09, 0x0B, 0x0C, 0xA0, 0x1680, 0x202F, 0x205F, 0x3000))
_PLAIN: Final[dict[int, str | None]] = {
    **{code: None for codes in _INVISIBLE for code in codes},
    **{code: " " for codes in _SPACES for code in codes},
    **dict.fromkeys(map(ord, "\r\x85\u2028\u2029"), "\n"),
    **dict.fromkeys(range(0x2010, 0x2014), "-"),
    0x2014: " - ",
    0x2015: " - ",
    0x2212: "-",
    0x2018: "'",
    0x2019: "'",
    0x201C: '"',
    0x201D: '"',
}
_NARROW: Final = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}

_BRACES: Final = re.compile(r"(?P<box>\\(?:boxed|fbox)\s{0,3}\{)|\\[\\{}]|[{}]")
_MARKER: Final = re.compile(
    r"\banswers?\b(?: to (?:the|this|your) \w{1,20})?[*_`\"')\]}]{0,4} {0,3}"
    r"(?:(?:is|are|was|would be|should be|must be)\b(?: {0,3}:)?|[:=]|-{1,2} )[*_` ]{0,6}",
    re.IGNORECASE,
)
_LINE: Final = re.compile(r"\S[^\n]*")
_TRIMMED: Final = " \t*_`"
_WORD: Final = re.compile(r"[^\W\d_]{2,}")
_CORRECTION: Final = re.compile(
    r"\b(?:wait|actually|no|oops|sorry|hmm|hold on|instead|rather|wrong|incorrect|mistaken?|correct(?:ed|ion)|scratch"
    r"|re-?check|double[- ]check|second thought|let me|but|however|final(?:ly)?|revised)\b",
    re.IGNORECASE,
)
_ONES: Final = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEENS: Final = (
    *("ten", "eleven", "twelve", "thirteen", "fourteen"),
    *("fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS: Final = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_WORDS: Final = {
    **{word: value for value, word in enumerate(["zero", *_ONES, *_TEENS])},
    **{word: 20 + 10 * place for place, word in enumerate(_TENS)},
}
_NUMBER: Final = re.compile(
    r"(?P<number>(?<![\w.-])[-+]?(?:[0-9]{1,3}(?:(?:,|\{,\})[0-9]{3})+|[0-9]{1,40})(?:\.[0-9]{1,40})?)"
    r"(?P<rest>\d|(?:st|nd|rd|th)\b|[/^]|[-:.,]\d)?"
    rf"|\b(?P<word>(?:{'|'.join(_TENS)})(?:[\s-](?:{'|'.join(_ONES)}))?|{'|'.join(['zero', *_TEENS, *_ONES])})\b"
    r"|(?P<stray>\d)",
    re.IGNORECASE,
)
_MINUS: Final = re.compile(r"\b(?:minus|negative) (?=[0-9])", re.IGNORECASE)
_DENIED: Final = re.compile(
    r"(?:\b(?:not|never|neither|nor|than|least|most|between|except)|n't)\W{1,3}(?:\w{1,8}\W)?$", re.IGNORECASE
)
_DENIED_BEFORE: Final = re.compile(
    r"(?:\b(?:not|never|neither|nor|cannot be|except)|n't)\b(?: (?:be|equal|to|the|simply|just)){0,3}[\W_]{0,6}$",
    re.IGNORECASE,
)
_DENIED_BEHIND: Final = re.compile(
    r"[\s$*_`\"')\]}]{0,6}(?:(?:is|was|would be|seems|looks)(?: \w{1,12})? (?:not|wrong|incorrect|false|a mistake)\b"
    r"|(?:isn't|wasn't|cannot be|can't be)\b)",
    re.IGNORECASE,
)
_DOUBT: Final = re.compile(
    r"(?:^|\n)[\s*_]{0,6}(?:or|and maybe|and perhaps)\b(?= )"
    r"|\b(?:it|this|that|answer)(?: (?:is|may|might|could|can))? (?:also|maybe|perhaps|possibly|well)?(?: well)? ?be "
    r"(?!(?:written|expressed|checked|verified|seen|shown|confirmed)\b)"
    r"|\b(?:not|un)[ -]?(?:sure|certain) (?:at all|about|whether|if)\b|\bi (?:am|'m) not (?:sure|certain)\b"
    r"|\b(?:that|this|it) (?:is|was) (?:wrong|incorrect|not right|a mistake)\b",
    re.IGNORECASE,
)
_RETRACTION: Final = re.compile(
    r"\b(?:wait|oops|scratch that|second thought|correction|change my|i was wrong|my mistake)\b", re.IGNORECASE
)
_REMARK: Final = re.compile(
    r"(?<=\w) \((?=[^()\n]{0,100}(?:\b(?:was|were|before|earlier|previously|originally|plus|sum)\b|\w \+ \w))"
    r"[^()\n]{1,100}\)",
    re.IGNORECASE,
)
_HEDGE: Final = re.compile(
    r"\b(?:or|not|maybe|perhaps|possibly|may|might|could|also|else|alternatively|either|if)\b", re.IGNORECASE
)
_UNKNOWN: Final = re.compile(r"\b(?:unknown|unclear|unsure|undetermined|not sure|no idea)\b", re.IGNORECASE)
