"""Single expressions: read by math-verify, compared by math-verify, and the comparison checked by numbers.

Everything here may take long or much memory on what a model wrote, so it is meant for a bounded child, see bounded.py.
"""

import logging
import math
from functools import lru_cache
from typing import Any, Final

import sympy  # type: ignore[import-untyped]
from latex2sympy2_extended import NormalizationConfig  # type: ignore[import-untyped]
from math_verify import LatexExtractionConfig, parse, verify  # type: ignore[import-untyped]
from sympy.core.function import AppliedUndef  # type: ignore[import-untyped]

from resources_servers.math_equivalence.notation import NotationError, to_latex

RELATIVE_ERROR: Final = 1e-6
"""How far a rounded decimal may be off where the exact value has no finite decimals, as a share of the value."""

MOST_DIGITS: Final = 10_000
"""Digits of numbers in an expression once it is evaluated; larger ones are not."""

_DIGITS: Final = 110
"""Decimal digits of numeric checks."""
_SAME: Final = sympy.Rational(1, 10**90)
"""Relative difference below which two numbers of `_DIGITS` digits are one."""
_POINTS: Final = ("0.61803", "-1.32471", "2.71828", "-0.41421", "3.35988", "1.20205", "-2.58541", "0.91596")
"""Where expressions with variables are tried out."""
_ENOUGH_POINTS: Final = 4

logging.getLogger("math_verify").setLevel(logging.ERROR)  # it warns that there is no time limit; the child has one

_CONFIG: Final = [
    LatexExtractionConfig(
        boxed_match_priority=-1,
        normalization_config=NormalizationConfig(
            basic_latex=True, units=False, malformed_operators=True, nits=True, boxed="none"
        ),
    )
]


class Expression:
    """An expression and how it was written."""

    def __init__(self, text: str) -> None:
        """`text` is a cleaned expression. Raises NotationError when it cannot be read."""
        latex, self.has_decimals = to_latex(text)
        self.sympy = _parsed(latex)
        if _digits_of(self.sympy) > MOST_DIGITS:
            raise NotationError(f"it has numbers of more than {MOST_DIGITS} digits")
        """As math-verify reads it, unevaluated."""

    @property
    def is_constant(self) -> bool:
        """Whether it has no variables."""
        return not self.sympy.free_symbols

    @property
    def rational(self) -> sympy.Rational | None:
        """Its value, if that is a rational number in sight."""
        value = self.sympy.doit() if self.is_constant else None
        return value if isinstance(value, sympy.Rational) else None

    def times(self, factor: sympy.Rational) -> "Expression":
        """The same expression, multiplied."""
        copy = object.__new__(Expression)
        copy.sympy, copy.has_decimals = self.sympy * factor, self.has_decimals
        return copy


def are_equal(gold: Expression, given: Expression, relative_error: float = RELATIVE_ERROR) -> bool:
    """Whether `given` is equal to `gold`: exactly, or, where it was rounded to decimals, closely.

    Decimals have to be exact where the exact value has finitely many of them.
    """
    if given.has_decimals and gold.is_constant and given.is_constant and not _has_finite_decimals(gold):
        return _is_close(gold.sympy, given.sympy, relative_error)
    return _are_the_same(gold.sympy, given.sympy)


def _are_the_same(gold: Any, given: Any) -> bool:
    """math-verify's verdict, corrected by numbers where they leave no doubt."""
    gold, given = (each.doit() if not each.free_symbols else each for each in (gold, given))
    if gold.is_Rational and given.is_Rational:
        return bool(verify(gold, given, strict=True, timeout_seconds=None))
    tried = _tried_out(gold, given)
    if tried is False:
        return False
    if gold.free_symbols != given.free_symbols:
        gold, given = sympy.simplify(gold), sympy.simplify(given)
        if gold.free_symbols != given.free_symbols:
            return False
    return tried is True or bool(verify(gold, given, strict=True, timeout_seconds=None))


def _tried_out(gold: Any, given: Any) -> bool | None:
    """Whether the numbers that both give are the same; None where too few numbers can be had."""
    if isinstance(gold, sympy.Symbol) or isinstance(given, sympy.Symbol) or not _are_numeric(gold, given):
        return None
    symbols = sorted(gold.free_symbols | given.free_symbols, key=lambda symbol: str(symbol.name))
    agreed = 0
    for start in range(len(_POINTS) if symbols else 1):
        values = {
            symbol: sympy.Float(_POINTS[(start + place) % len(_POINTS)], _DIGITS) * (1 + place // len(_POINTS))
            for place, symbol in enumerate(symbols)
        }
        one, other = (_number(each, values) for each in (gold, given))
        if one is None or other is None:
            continue
        if not _is_near(one, other):
            return False
        agreed += 1
        if agreed == (_ENOUGH_POINTS if symbols else 1):
            return True
    return None


def _digits_of(expression: Any) -> float:
    """About how many digits the largest number has that evaluating an expression comes across."""
    if isinstance(expression, sympy.Rational):
        return math.log10(max(abs(int(expression.p)), int(expression.q), 1))
    sizes = [_digits_of(part) for part in expression.args] or [0.5]
    size: float = max(sizes)
    if isinstance(expression, sympy.Pow):
        size = max(size, sizes[0] * _number_of_digits(sizes[1]))
    elif isinstance(expression, sympy.factorial):
        size *= _number_of_digits(size)
    elif isinstance(expression, sympy.exp):
        size = _number_of_digits(size)
    elif isinstance(expression, sympy.Mul):
        size = sum(sizes)
    return size


def _number_of_digits(digits: float) -> float:
    """The largest number of so many digits."""
    return math.pow(10.0, min(digits, 300.0))


def _are_numeric(*expressions: Any) -> bool:
    return all(isinstance(each, sympy.Expr) and not each.has(AppliedUndef) for each in expressions)


def _number(expression: Any, values: dict[Any, Any]) -> Any:
    """The expression's value where the variables have those values; None where it has none."""
    try:
        number = expression.evalf(_DIGITS, subs=values, maxn=1000)
    except (ArithmeticError, TypeError, ValueError, AttributeError, NotImplementedError):
        return None
    is_finite = number.is_number and number.is_finite and not number.has(sympy.nan, sympy.zoo, sympy.oo)
    return number if is_finite and all(part.is_Float or part.is_Rational for part in number.as_real_imag()) else None


def _is_near(one: Any, other: Any) -> bool:
    difference = sympy.Abs(one - other).evalf(_DIGITS)
    return bool(difference <= _SAME * sympy.Max(sympy.Abs(one), sympy.Abs(other)).evalf(_DIGITS))


def _is_close(gold: Any, given: Any, relative_error: float) -> bool:
    one, other = _number(gold.doit(), {}), _number(given.doit(), {})
    if one is None or other is None:
        return False
    return bool(sympy.Abs(one - other) <= sympy.Rational(str(relative_error)) * sympy.Abs(one))


def _has_finite_decimals(gold: Expression) -> bool:
    rational = gold.rational
    if rational is None:
        return False
    denominator = int(rational.q)
    for factor in (2, 5):
        while denominator % factor == 0:
            denominator //= factor
    return denominator == 1


@lru_cache(maxsize=64)
def _parsed(latex: str) -> Any:
    """What math-verify makes of it, all variables real and in small letters. Raises NotationError."""
    found = parse(f"${latex}$", _CONFIG, fallback_mode="no_fallback", parsing_timeout=None)
    if not found or not isinstance(found[0], sympy.Basic):
        raise NotationError("it is no expression that can be read")
    expression = found[0]
    plain = {symbol: sympy.Symbol(symbol.name.lower(), real=True) for symbol in expression.free_symbols}
    return expression.xreplace(plain).replace(_is_odd_root_of_negative, lambda power: -((-power.base) ** power.exp))


def _is_odd_root_of_negative(part: Any) -> bool:
    """Such as the cube root of -8, by which people mean -2."""
    if not isinstance(part, sympy.Pow) or not isinstance(part.exp, sympy.Rational):
        return False
    return bool(part.exp.p == 1 and part.exp.q % 2 and part.exp.q > 1 and part.base.is_number and part.base.is_negative)
