"""Derivatives, integrals, limits, tangents, extrema, series."""

from random import Random
from typing import Any

import sympy  # type: ignore[import-untyped]

from resources_servers.math_equivalence.problems.problem import Problem, X, listed, tex


def _polynomial(rng: Random, degree: int) -> Any:
    terms = [rng.randint(-6, 6) * X**power for power in range(degree)]
    return sum(terms) + rng.choice((-3, -2, -1, 1, 2, 3)) * X**degree


def _function(rng: Random, difficulty: float) -> Any:
    """A function that gets more involved with difficulty."""
    factor = rng.randint(2, 5)
    simple = [_polynomial(rng, 3), sympy.sin(factor * X), sympy.exp(factor * X), X**factor, sympy.cos(factor * X)]
    if rng.random() >= difficulty:
        return rng.choice(simple)
    inner = X**2 + rng.randint(1, 6)
    involved = [X**factor * sympy.exp(X), X * sympy.sin(factor * X), sympy.log(inner), sympy.sqrt(inner)]
    involved += [sympy.exp(-X) * sympy.cos(factor * X), (factor * X + 1) / inner, sympy.atan(factor * X)]
    return rng.choice(involved)


def derivative(rng: Random, difficulty: float) -> Problem:
    """First derivatives, and second ones."""
    function = _function(rng, difficulty)
    order = 2 if rng.random() < difficulty / 2 else 1
    name = "f''(x)" if order == 2 else "f'(x)"
    return Problem(f"Let $f(x) = {tex(function)}$. Find ${name}$.", tex(sympy.simplify(sympy.diff(function, X, order))))


def derivative_at_a_point(rng: Random, difficulty: float) -> Problem:
    """The slope somewhere."""
    function, place = _function(rng, difficulty), rng.choice((0, 1, 2, -1))
    slope = sympy.simplify(sympy.diff(function, X).subs(X, place))
    return Problem(f"What is the slope of $y = {tex(function)}$ at $x = {place}$? Give the exact value.", tex(slope))


def definite_integral(rng: Random, difficulty: float) -> Problem:
    """Areas under curves."""
    if rng.random() >= difficulty:
        low, high = sorted(rng.sample(range(-3, 5), 2))
        function = _polynomial(rng, rng.randint(1, 3))
    else:
        low, high = 0, rng.choice((1, sympy.pi / 2, sympy.pi, 2))
        factor = rng.randint(1, 4)
        function = rng.choice(
            [X * sympy.exp(X), sympy.sin(factor * X), X * sympy.cos(X), 1 / (1 + X**2), X**factor, X * sympy.sin(X)]
        )
    value = sympy.simplify(sympy.integrate(function, (X, low, high)))
    return Problem(
        f"Evaluate $\\int_{{{tex(low)}}}^{{{tex(high)}}} {_in_parentheses(function)} \\, dx$ exactly.", tex(value)
    )


def limit(rng: Random, difficulty: float) -> Problem:
    """Quotients that need a thought."""
    a, b = rng.randint(2, 9), rng.randint(2, 9)
    if rng.random() >= difficulty:
        root = rng.randint(1, 6)
        top, place = sympy.expand((X - root) * (X + a)), root
        quotient, shown = top / (X - root), f"\\frac{{{tex(top)}}}{{{tex(X - root)}}}"
    else:
        quotient, place = rng.choice(
            [
                (sympy.sin(a * X) / (b * X), 0),
                ((sympy.exp(a * X) - 1) / sympy.sin(b * X), 0),
                ((1 - sympy.cos(a * X)) / X**2, 0),
                ((a * X**2 + X) / (b * X**2 - 1), sympy.oo),
                ((sympy.sqrt(X + a**2) - a) / X, 0),
            ]
        )
        shown = tex(quotient)
    value = sympy.limit(quotient, X, place)
    return Problem(f"Evaluate $\\lim_{{x \\to {tex(place)}}} {shown}$.", tex(value))


def tangent(rng: Random, difficulty: float) -> Problem:
    """Equations of lines."""
    function, place = _polynomial(rng, 2 + round(difficulty)), rng.randint(-3, 3)
    slope = sympy.diff(function, X).subs(X, place)
    line = sympy.expand(slope * (X - place) + function.subs(X, place))
    question = f"Find the equation of the tangent to $y = {tex(function)}$ at $x = {place}$."
    return Problem(f"{question} Give it in the form $y = mx + b$.", f"y = {tex(line)}")


def stationary_points(rng: Random, difficulty: float) -> Problem:
    """Where the derivative of a cubic is zero."""
    one, other = rng.sample(range(-6, 7), 2)
    scale = rng.choice((1, 2)) * 6
    cubic = sympy.expand(sympy.integrate(scale * (X - one) * (X - other), X)) + rng.randint(-9, 9)
    question = f"Find all $x$ at which $f(x) = {tex(cubic)}$ has a horizontal tangent. Give the set of them."
    return Problem(question, listed([sympy.Integer(one), sympy.Integer(other)]))


def coefficient(rng: Random, difficulty: float) -> Problem:
    """Coefficients of power series."""
    factor, power = rng.randint(2, 4), rng.randint(2, 3 + round(2 * difficulty))
    function = rng.choice(
        [sympy.exp(factor * X), sympy.sin(factor * X), 1 / (1 - factor * X), sympy.log(1 + factor * X)]
    )
    value = sympy.diff(function, X, power).subs(X, 0) / sympy.factorial(power)
    question = f"What is the coefficient of $x^{{{power}}}$ in the Maclaurin series of ${tex(function)}$?"
    return Problem(question, tex(value))


def _in_parentheses(function: Any) -> str:
    return f"\\left({tex(function)}\\right)" if isinstance(function, sympy.Add) else tex(function)


PROBLEMS = (*(derivative, derivative_at_a_point, definite_integral, limit, tangent, stationary_points, coefficient),)
