"""Equations, inequalities, polynomials, sequences, powers and roots."""

from random import Random

import sympy  # type: ignore[import-untyped]

from resources_servers.math_equivalence.problems.problem import Problem, X, Y, listed, tex


def linear_equation(rng: Random, difficulty: float) -> Problem:
    """One unknown."""
    size = 5 + round(25 * difficulty)
    left, right = rng.sample([factor for factor in range(-size, size + 1) if factor], 2)
    add, take = rng.randint(-size, size), rng.randint(1, size)
    equation = f"{tex(left * X + add)} = {tex(right * X - take)}"
    answer = sympy.Rational(-take - add, left - right)
    return Problem(f"Solve ${equation}$ for $x$.", tex(answer))


def quadratic_roots(rng: Random, difficulty: float) -> Problem:
    """Whole roots when it is easy, irrational ones when it is difficult."""
    if rng.random() < difficulty:
        middle, radicand = rng.randint(-6, 6), rng.choice([2, 3, 5, 6, 7, 8, 10, 11, 12, 18, 20])
        roots = [middle - sympy.sqrt(radicand), middle + sympy.sqrt(radicand)]
    else:
        roots = [sympy.Integer(root) for root in rng.sample(range(-12, 13), 2)]
    polynomial = sympy.expand((X - roots[0]) * (X - roots[1]) * rng.choice((1, 1, 2, 3)))
    return Problem(f"Find the set of all real solutions of ${tex(polynomial)} = 0$.", listed(roots))


def system_of_two(rng: Random, difficulty: float) -> Problem:
    """Two unknowns; the answer is a pair."""
    size = 4 + round(12 * difficulty)
    while True:
        a, b, c, d = (rng.randint(-size, size) for _ in range(4))
        if a * d != b * c and a and d:
            break
    parts = (1, 1, 2, 3) if difficulty > 0.5 else (1,)
    x, y = (sympy.Rational(rng.randint(-size, size), rng.choice(parts)) for _ in range(2))
    first, second = f"{tex(a * X + b * Y)} = {tex(a * x + b * y)}", f"{tex(c * X + d * Y)} = {tex(c * x + d * y)}"
    return Problem(f"Solve ${first}$ and ${second}$. Give the solution as a pair $(x, y)$.", f"({tex(x)}, {tex(y)})")


def expansion(rng: Random, difficulty: float) -> Problem:
    """Multiplying out."""
    constants = [each for each in range(-7, 8) if each]
    factors = [rng.randint(1, 3) * X + rng.choice(constants) for _ in range(2 + round(difficulty))]
    if rng.random() < difficulty:
        factors.append(X**2 + rng.randint(1, 5))
    product = sympy.Mul(*factors, evaluate=False)
    shown = "".join(f"({tex(factor)})" for factor in factors)
    return Problem(f"Expand ${shown}$ and collect like terms.", tex(sympy.expand(product)), "expanded")


def factorisation(rng: Random, difficulty: float) -> Problem:
    """Factoring over the integers."""
    roots = rng.sample([each for each in range(-9, 10) if each], 2 + round(difficulty))
    factors = [X - root for root in roots]
    if rng.random() < difficulty:
        factors[0] = rng.choice((2, 3)) * X + rng.choice((-1, 1))
    product = sympy.Mul(*factors)
    return Problem(f"Factor ${tex(sympy.expand(product))}$ completely over the integers.", tex(product), "factored")


def inequality(rng: Random, difficulty: float) -> Problem:
    """Intervals."""
    low, high = sorted(rng.sample(range(-9, 10), 2))
    if rng.random() >= difficulty:
        factor, constant = rng.choice((-4, -3, -2, 2, 3, 4)), rng.randint(-9, 9)
        sign, closing, opening = rng.choice((("<", ")", "("), ("\\le", "]", "[")))
        answer = f"(-\\infty, {high}{closing}" if factor > 0 else f"{opening}{high}, \\infty)"
        question = f"Solve ${tex(factor * X + constant)} {sign} {factor * high + constant}$."
        return Problem(f"{question} Give the solution set as an interval.", answer)
    polynomial = tex(sympy.expand((X - low) * (X - high)))
    kinds = {
        "<": f"({low}, {high})",
        "\\le": f"[{low}, {high}]",
        ">": f"(-\\infty, {low}) \\cup ({high}, \\infty)",
        "\\ge": f"(-\\infty, {low}] \\cup [{high}, \\infty)",
    }
    sign = rng.choice(sorted(kinds))
    question = f"For which real $x$ does ${polynomial} {sign} 0$ hold? Use interval notation."
    return Problem(question, kinds[sign], "interval" if sign == "<" else None)


def series(rng: Random, difficulty: float) -> Problem:
    """Arithmetic and geometric sums."""
    first = rng.randint(1, 9)
    if rng.random() < 0.5:
        step, count = rng.randint(2, 7), rng.randint(8, 12 + round(60 * difficulty))
        total = count * (2 * first + (count - 1) * step) // 2
        given = f"An arithmetic sequence starts with {first} and has the common difference {step}."
        return Problem(f"{given} What is the sum of its first {count} terms?", tex(total))
    ratio = sympy.Rational(rng.choice((1, 2, 3)), rng.choice((4, 5, 7)))
    if rng.random() < 0.5:
        question = f"What is the sum of the infinite geometric series with first term {first} and ratio ${tex(ratio)}$?"
        return Problem(question, tex(first / (1 - ratio)))
    count = 3 + round(3 * difficulty)
    given = f"A geometric sequence starts with {first} and has the ratio ${tex(ratio)}$."
    return Problem(
        f"{given} What is the sum of its first {count} terms?", tex(first * (1 - ratio**count) / (1 - ratio))
    )


def radicals(rng: Random, difficulty: float) -> Problem:
    """Simplifying roots, rationalising denominators."""
    inside = rng.choice((2, 3, 5, 6, 7, 10, 11, 13))
    if rng.random() < difficulty:
        top, add = rng.randint(1, 9), rng.randint(1, 4)
        answer = sympy.radsimp(top / (add + sympy.sqrt(inside)))
        return Problem(f"Rationalise the denominator of $\\frac{{{top}}}{{{add} + \\sqrt{{{inside}}}}}$.", tex(answer))
    factors = rng.sample(range(2, 10), 2)
    shown = " + ".join(f"\\sqrt{{{factor**2 * inside}}}" for factor in factors)
    return Problem(f"Simplify ${shown}$ to a single term.", tex(sum(factors) * sympy.sqrt(inside)))


def exponential_equation(rng: Random, difficulty: float) -> Problem:
    """Exponents and logarithms."""
    base = rng.choice((2, 3, 5))
    if rng.random() >= difficulty:
        power, shift = rng.randint(2, 6), rng.randint(1, 6)
        return Problem(f"Solve ${base}^{{x + {shift}}} = {base**power}$ for $x$.", tex(power - shift))
    factor, value = rng.randint(2, 7), rng.choice((7, 11, 13, 17, 19))
    question = f"Solve $e^{{{factor} x}} = {value}$ for $x$. Give the exact value."
    return Problem(question, tex(sympy.log(value) / factor))


def percentage(rng: Random, difficulty: float) -> Problem:
    """Percentages, with a percent sign in the answer."""
    whole = rng.choice((20, 25, 40, 50, 80, 125, 200, 250, 400))
    part = rng.randint(1, whole)
    if rng.random() >= difficulty:
        return Problem(f"What percentage of {whole} is {part}?", f"{tex(sympy.Rational(100 * part, whole))}\\%")
    up, down = rng.choice((10, 20, 25, 40, 50)), rng.choice((10, 20, 30, 50))
    change = sympy.Rational((100 + up) * (100 - down), 100) - 100
    given = f"A price goes up by {up}% and then down by {down}%."
    return Problem(f"{given} By what percentage has it changed in all? A fall is negative.", f"{tex(change)}\\%")


PROBLEMS = (
    *(linear_equation, quadratic_roots, system_of_two, expansion, factorisation, inequality, series, radicals),
    *(exponential_equation, percentage),
)
