"""The expressions that a text offers as its final answer. Takes no mathematics to read them."""

import re
from typing import Final

from polygym.kit.answers import Statement, is_taken_back, readable, statements

MOST: Final = 3
"""Statements, from the last one on, that are tried until one can be read as an expression."""


def final_expressions(text: str) -> list[str]:
    """What the text states as its answer, the last statement first: boxes, marked answers, else the last line.

    Nothing where it denies or takes back what it stated last.
    """
    text = readable(text)
    stated = statements(text)[-MOST:]
    if stated and (is_taken_back(text, stated[-1]) or _DENIAL.match(stated[-1].content)):
        return []
    found = [_expression_of(statement) for statement in reversed(stated)]
    return [expression for expression in found if expression]


def _expression_of(statement: Statement) -> str:
    if statement.kind == "box":
        return statement.content
    content = statement.content
    segments = list(_SEGMENT.finditer(content))
    outside = _SEGMENT.sub(" ", content)
    if segments and not any(map(str.isdigit, outside)):
        insides = [next(group for group in segment.groups() if group is not None).strip() for segment in segments]
        behind = _UNIT_BEHIND.match(content, segments[-1].end())
        return ", ".join(insides) + (f" \\text{{{behind[1]}}}" if behind else "")
    claim = _NEXT_SENTENCE.split(content)[-1 if statement.kind == "line" else 0]
    return _LEADING_WORDS.sub("", _REASONS.split(claim)[0]).strip()


_SEGMENT: Final = re.compile(r"\$\$(.+?)\$\$|\$([^$]+)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]")
_UNIT_BEHIND: Final = re.compile(r" ?(mm|cm|m|km|g|kg|s|min|h|l|ml|ft|inches|degrees|meters|metres|hours|seconds)\b")
_DENIAL: Final = re.compile(
    r"(?:(?:it|this|that|the answer) (?:is|was) )?(?:not|never|neither|isn't|wasn't)\b", re.IGNORECASE
)
_NEXT_SENTENCE: Final = re.compile(r"(?<=[\w)}$])[.!?]\s+(?=[A-Z])")
_REASONS: Final = re.compile(r",? (?:because|since|which|where|as|so)\b")
_LEADING_WORDS: Final = re.compile(
    r"^(?:\s*(?!(?:sqrt|sin|cos|tan|cot|sec|csc|ln|log|exp|arcsin|arccos|arctan|abs|pi|no|none|empty)\b)"
    r"(?:I|[A-Za-z][a-z']+)\b[,:]?(?=\s))+\s*(?=\S)|^a(?=\s\d)",
)
