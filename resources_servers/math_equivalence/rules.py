"""What a question says about its answer, and how an answer fails to meet it. Knows no mathematics."""

from typing import NamedTuple


class Rules(NamedTuple):
    """What the question says about its answer."""

    question: str = ""
    """Its text: answers must not merely repeat it."""
    answer_type: str | None = None
    """`interval` where `(1, 2)` is one, `expanded` or `factored` where a polynomial has to be that; else None."""
    relative_error: float = 1e-6
    """How far a rounded decimal may be off, as a share of the exact value."""


class Unequal(Exception):
    """The answer is not equivalent; the text says why."""
