"""Whether an answer was worked out: no open integrals, no repetition of the question, the form that was asked for."""

import re
from typing import Final

import sympy  # type: ignore[import-untyped]

from resources_servers.math_equivalence.expressions import Expression
from resources_servers.math_equivalence.forms import Form, Value
from resources_servers.math_equivalence.notation import clean
from resources_servers.math_equivalence.rules import Rules, Unequal


def check_worked_out(gold_text: str, given_text: str, gold: Form, rules: Rules) -> None:
    """Raises Unequal for a cleaned answer that leaves the work to the reader."""
    for command in _OPEN_WORK.findall(_DERIVATIVE.sub("", given_text)):
        if command not in gold_text:
            raise Unequal(f"The answer is not worked out: it has {command.strip()} in it.")
    if not rules.question:
        return
    question = _squeezed(clean(rules.question))
    repeated = _squeezed(given_text.rpartition("=")[2])
    is_literal = _LITERAL.fullmatch(repeated) is not None
    is_expected = _squeezed(gold_text.rpartition("=")[2]) == repeated
    if len(repeated) > 2 and not is_literal and not is_expected and _stands_in(question, repeated):
        raise Unequal("The answer repeats the question.")
    if isinstance(gold, Value) and not is_literal and Expression(gold.text).rational is not None:
        numbers = re.findall(r"\d+", repeated)
        if len(numbers) > 1 and set(numbers) <= set(re.findall(r"\d+", question)):
            raise Unequal("The answer is not worked out: it repeats the numbers of the question.")


def check_shape(given: Expression, rules: Rules) -> None:
    """Raises Unequal for a polynomial that is not expanded or not factored where it has to be."""
    shape = given.sympy.doit()
    if rules.answer_type == "expanded" and sympy.expand(shape) != shape:
        raise Unequal("The answer is not expanded.")
    if rules.answer_type == "factored" and not _is_factored(shape):
        raise Unequal("The answer is not factored.")


def _is_factored(expression: sympy.Expr) -> bool:
    """Whether no sum in it can be factored further over the rationals."""
    if isinstance(expression, sympy.Mul):
        return all(_is_factored(factor) for factor in expression.args)
    if isinstance(expression, sympy.Pow):
        return _is_factored(expression.base)
    if not isinstance(expression, sympy.Add):
        return True
    content, factors = sympy.factor_list(expression)
    return abs(content) == 1 and len(factors) == 1 and factors[0][1] == 1


def _squeezed(text: str) -> str:
    """A text without what does not matter when it is compared with the question."""
    return re.sub(r"[\s$\\]", "", re.sub(r"\\(?:cdot|times)|\*", "*", text)).lower()


def _stands_in(text: str, part: str) -> bool:
    """Whether a squeezed formula stands in a squeezed text, and not as a piece of a longer formula."""
    return re.search(rf"(?<![\d.+*/^=({{-]){re.escape(part)}(?![\d+*/^)}}-]|\.\d)", text) is not None


_OPEN_WORK: Final = re.compile(
    r"\\(?:i{0,2}int|oint|sum|prod|lim|partial|det|gcd|lcm|max|min|bmod|pmod|mod|lfloor|lceil|nabla|arg)(?![a-zA-Z])"
    r"|\\frac\s*\{d[^{}]{0,3}\}"
)
_DERIVATIVE: Final = re.compile(
    r"^\\frac\{d[^{}]{0,5}(?:\{\d\})?[a-z]?\}\{d[^{}]{1,5}(?:\{\d\})?\}(?:[a-z](?:\([a-z]\))?)?\s*="
)
"""The name of what an answer is, not work left to do."""
_LITERAL: Final = re.compile(
    r"[-+]?\(?[-+]?(?:\d+(?:,\d{3})*(?:\.\d+)?|\.\d+)(?:e[-+]?\d+|\*10\^\{?-?\d+\}?)?\)?(?:/\d+)?%?"
    r"|[-+]?\d*frac(?:\{-?\d+\}\{-?\d+\}|\d\d)%?|[a-z]"
)
"""A number as such, squeezed."""
