r"""How the letter of an answer is read, by grading mode: only where it was asked for, or wherever it is clear.

Every reading is the set of letters that the final answer names, see options.py.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Literal, TypeAlias

from polygym.kit.answers import Statement, boxes, in_one_breath, marked, readable, statements
from resources_servers.mcqa.options import NOBODY, Letters, Options, plain, unwrapped

GradingMode: TypeAlias = Literal[
    "strict_single_letter_boxed",
    "lenient_boxed",
    "lenient_answer_colon",
    "lenient_answer_colon_md",
    "strict",
    "lenient",
]
AnswerFormat: TypeAlias = Literal["boxed", "answer_line", "parenthesized", "json", "option_text", "letter"]

PATTERN_CHARS: Final = 4_000
"""Characters from the end of an answer that a row's own pattern is tried on."""
_JSON_TRIES: Final = 50


def read_by_mode(text: str, mode: GradingMode, answer_format: AnswerFormat | None, options: Options) -> Letters:
    """What the answer names, read as the grading mode says."""
    if mode == "strict":
        return _STRICT[answer_format or "boxed"](readable(text, fold_width=False), options)
    if mode == "strict_single_letter_boxed":
        return in_last_box(readable(text, fold_width=False), options)
    text = readable(text)
    if mode == "lenient_boxed":
        return in_last_box(text, options) or _named_in_last(boxes(text), text, options)
    if mode == "lenient":
        asked = _STRICT["option_text"](text, options) if answer_format == "option_text" else NOBODY
        return asked or anywhere(text, options)
    return _named_in_last(marked(text), text, options)


def by_pattern(text: str, patterns: Iterable[str], options: Options) -> Letters:
    """The letter, or the option's text, that the last match of the first pattern that finds one captures.

    Patterns that are no regular expression find nothing.
    """
    text = readable(text)[-PATTERN_CHARS:]
    for pattern in patterns:
        try:
            found = list(re.finditer(pattern, text, re.IGNORECASE))
        except re.error:
            continue
        if found:
            captured = next((group for group in found[-1].groups() if group), found[-1][0]).strip()
            named = frozenset({captured.upper()}) & options.letters or options.with_text(captured)
            if named:
                return named
    return NOBODY


def in_last_box(text: str, options: Options) -> Letters:
    r"""The letter in the last `\boxed{…}`: `C`, `(C)`, `\text{C}`, `C: its text`. Capital letters only.

    Boxes in one breath with it count too, and so does what a second thought or a marked answer behind it names.
    """
    found = boxes(text)
    if not found:
        return NOBODY
    named = NOBODY.union(*(_in_box(box.content, options) for box in in_one_breath(text, found)[-1]))
    return named | _behind(text, found[-1].end, options) if named else NOBODY


def anywhere(text: str, options: Options) -> Letters:
    """The last answer that is clear: in JSON, a box, behind "Answer:", or on the last line."""
    answered = _in_json_objects(text, options)
    if answered:
        return answered
    found = statements(text)
    if found and found[-1].kind != "line":
        for statement in reversed(found):
            named = options.named_in(statement.content, is_statement=True)
            if named:
                return named | _behind(text, statement.end, options)
        return NOBODY
    return _on_last_lines(text, options) or _on_first_line(text, options)


def _on_first_line(text: str, options: Options) -> Letters:
    """The letter that stands alone on the first line, with an explanation below it; other such lines count too."""
    lines = [line for line in map(unwrapped, text.splitlines()) if line]
    alone = [frozenset({plain(line).upper()}) & options.letters for line in lines]
    if not alone or not alone[0]:
        return NOBODY
    return NOBODY.union(*alone) | _behind(text, text.find(lines[0]) + len(lines[0]), options)


def _named_in_last(found: list[Statement], text: str, options: Options) -> Letters:
    if not found:
        return NOBODY
    last = in_one_breath(text, found)[-1]
    return NOBODY.union(*(options.named_in(each.content, is_statement=True) for each in last))


def _in_box(content: str, options: Options) -> Letters:
    found = _BOXED.fullmatch(unwrapped(content))
    if found is None or found["letter"] not in options.letters:
        return NOBODY
    return frozenset({found["letter"]}) | options.named_in(found["text"] or "", is_statement=True)


def _behind(text: str, end: int, options: Options) -> Letters:
    """What the text behind a final answer names as the answer after all."""
    behind = text[end:]
    named = NOBODY.union(*(options.named_in(each.content, is_statement=True) for each in marked(behind)))
    if _RETRACTION.search(behind):
        for line in behind.splitlines():
            named |= options.named_in(line, is_statement=False)
    return named


def _on_last_lines(text: str, options: Options) -> Letters:
    """What the last line names; labelled lines right above it count too, because a list of options is no choice."""
    lines = [unwrapped(line) for line in text.splitlines() if line.strip()]
    if not lines:
        return NOBODY
    is_label = _LISTED.match(lines[-1]) is not None or len(plain(lines[-1])) <= 1
    named = options.named_in(lines[-1], is_statement=is_label)
    for line in reversed(lines[:-1]):
        label = _LISTED.match(line)
        if label is None:
            break
        named |= {label["letter"].upper()} & options.letters
    return named


def _in_json_objects(text: str, options: Options) -> Letters:
    """What the last JSON object with an answer in it answers."""
    named = NOBODY
    end = 0
    for opening in list(re.finditer(r"\{", text))[-_JSON_TRIES:]:
        if opening.start() < end:
            continue
        try:
            pairs, end = _DECODER.raw_decode(text, opening.start())
        except (ValueError, RecursionError):
            continue
        answers = [value for key, value in pairs if re.sub(r"[\W_]", "", key).lower() in _ANSWER_KEYS]
        named = NOBODY.union(*(_in_json(value, options) for value in answers)) if answers else named
    return named | _behind(text, end, options) if named else NOBODY


def _in_json(value: Any, options: Options) -> Letters:
    if isinstance(value, str):
        return options.named_in(readable(value), is_statement=True)
    if isinstance(value, list):
        return NOBODY.union(*(_in_json(each, options) for each in value if isinstance(each, str)))
    return options.with_text(str(value)) if isinstance(value, (int, float)) else NOBODY


def _strict_json(text: str, options: Options) -> Letters:
    fenced = _FENCED.fullmatch(text.strip())
    try:
        said = _DECODER.decode(fenced[1] if fenced else text.strip())
    except (ValueError, RecursionError):
        return NOBODY
    return frozenset(letter for letter in options.letters if said == (("answer", letter),))


def _strict_line(pattern: str) -> Callable[[str, Options], Letters]:
    """Reads the letter of a last line that looks like `pattern`, in which `@` stands for the letter."""
    shape = re.compile(pattern.replace("@", "([A-Z])"))

    def read(line: str, options: Options) -> Letters:
        found = shape.fullmatch(line.strip())
        return frozenset({found[1]}) & options.letters if found else NOBODY

    return lambda text, options: _of_last_lines(text, options, read)


def _of_last_lines(text: str, options: Options, read: Callable[[str, Options], Letters]) -> Letters:
    """What the last line says; what lines of the same kind right above it say counts too."""
    named = NOBODY
    for line in reversed([line for line in text.splitlines() if line.strip()]):
        said = read(line, options)
        if not said:
            break
        named |= said
    return named


_STRICT: Final[Mapping[AnswerFormat, Callable[[str, Options], Letters]]] = {
    "boxed": in_last_box,
    "answer_line": _strict_line(r"\**Answer:\** ?\**@\**\.?"),
    "parenthesized": _strict_line(r"\**\(@\)\**\.?"),
    "json": _strict_json,
    "option_text": lambda text, options: _of_last_lines(text, options, lambda line, _: options.with_text(line)),
    "letter": lambda text, options: frozenset({text.strip()}) & options.letters,
}
_DECODER: Final = json.JSONDecoder(object_pairs_hook=tuple)
"""Objects become tuples of their pairs: a key may come twice."""
_ANSWER_KEYS: Final = frozenset(
    {"answer", "finalanswer", "choice", "option", "letter", "selected", "selectedoption", "result"}
)
_BOXED: Final = re.compile(r"[^\w]*(?P<letter>[A-Z])(?:[^\w]*|\s{0,3}[:).\]-](?P<text>.*))", re.DOTALL)
_RETRACTION: Final = re.compile(
    r"\b(?:wait|actually|oops|scratch that|second thought|correction|change my|i was wrong|my mistake)\b", re.IGNORECASE
)
_FENCED: Final = re.compile(r"```(?:json)?\s*(.*?)\s*```", re.DOTALL)
_LISTED: Final = re.compile(r"[-(\[ ]{0,3}(?P<letter>[A-Za-z])[)\].:](?=\s|$)")
