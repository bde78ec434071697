"""A problem, and how its parts are written."""

from typing import Any, NamedTuple

import sympy  # type: ignore[import-untyped]

X = sympy.Symbol("x", real=True)
Y = sympy.Symbol("y", real=True)


class Problem(NamedTuple):
    """A question and its exact answer."""

    question: str
    answer: str
    """LaTeX."""
    answer_type: str | None = None
    """As the row's field."""


def tex(value: Any) -> str:
    """LaTeX of a number, an expression or a matrix, as textbooks write it."""
    return str(sympy.latex(sympy.sympify(value), ln_notation=True, mat_str="pmatrix", mat_delim="", order="lex"))


def listed(values: Any) -> str:
    """A set in LaTeX, its entries in order."""
    return "\\{" + ", ".join(tex(value) for value in sorted(values)) + "\\}"
