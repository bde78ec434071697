"""Number theory and counting."""

from math import comb, factorial, gcd, lcm
from random import Random

import sympy  # type: ignore[import-untyped]

from resources_servers.math_equivalence.problems.problem import Problem, tex


def fractions(rng: Random, difficulty: float) -> Problem:
    """Calculating with fractions."""
    limit = 6 + round(20 * difficulty)
    values = [sympy.Rational(rng.randint(1, limit), rng.randint(2, limit)) for _ in range(2 + round(difficulty))]
    signs = [rng.choice((1, -1)) for _ in values[1:]]
    shown, total = tex(values[0]), values[0]
    for sign, value in zip(signs, values[1:], strict=True):
        shown += f" {'+' if sign > 0 else '-'} {tex(value)}"
        total += sign * value
    return Problem(f"Calculate ${shown}$ as a fraction in lowest terms.", tex(total))


def remainders(rng: Random, difficulty: float) -> Problem:
    """Powers modulo something."""
    base, modulus = rng.randint(2, 12), rng.choice((7, 9, 11, 13, 17, 19, 23))
    exponent = rng.randint(5, 20 + round(1000 * difficulty))
    question = f"What is the remainder when ${base}^{{{exponent}}}$ is divided by {modulus}?"
    return Problem(question, tex(pow(base, exponent, modulus)))


def divisors(rng: Random, difficulty: float) -> Problem:
    """Counts and sums of divisors, common divisors and multiples."""
    number = rng.randint(12, 100 + round(2000 * difficulty))
    other = rng.randint(12, 100 + round(2000 * difficulty))
    return rng.choice(
        (
            Problem(f"How many positive divisors does {number} have?", tex(sympy.divisor_count(number))),
            Problem(f"What is the sum of all positive divisors of {number}?", tex(sympy.divisor_sigma(number))),
            Problem(f"What is the greatest common divisor of {number} and {other}?", tex(gcd(number, other))),
            Problem(f"What is the least common multiple of {number} and {other}?", tex(lcm(number, other))),
            Problem(f"How many integers from 1 to {number} are coprime to {number}?", tex(sympy.totient(number))),
        )
    )


def congruence(rng: Random, difficulty: float) -> Problem:
    """Inverses, and systems of congruences."""
    modulus = rng.choice((7, 11, 13, 17, 19, 23, 29, 31, 37))
    if rng.random() >= difficulty:
        number = rng.randint(2, modulus - 1)
        question = f"Which integer from 1 to {modulus - 1} is the inverse of {number} modulo {modulus}?"
        return Problem(question, tex(pow(number, -1, modulus)))
    first, second = rng.sample((5, 7, 8, 9, 11, 13), 2)
    number = rng.randint(1, first * second - 1)
    question = f"Find the smallest positive integer that leaves the remainder {number % first} when divided by {first}"
    smallest = number % lcm(first, second) or lcm(first, second)
    return Problem(f"{question} and the remainder {number % second} when divided by {second}.", tex(smallest))


def trailing_zeros(rng: Random, difficulty: float) -> Problem:
    """Zeros at the end of factorials."""
    number = rng.randint(10, 40 + round(300 * difficulty))
    zeros = len(str(factorial(number))) - len(str(factorial(number)).rstrip("0"))
    return Problem(f"How many zeros does ${number}!$ end with?", tex(zeros))


def arrangements(rng: Random, difficulty: float) -> Problem:
    """Counting choices and orders."""
    many = rng.randint(5, 8 + round(10 * difficulty))
    few = rng.randint(2, min(many - 1, 5))
    things = rng.choice(("books", "flags", "coins", "cards", "players"))
    return rng.choice(
        (
            Problem(f"In how many ways can {few} of {many} different {things} be chosen?", tex(comb(many, few))),
            Problem(
                f"In how many ways can {few} of {many} different {things} be put in a row?",
                tex(factorial(many) // factorial(many - few)),
            ),
            Problem(
                f"How many ways are there to hand out {many} equal {things} to {few} people, if anyone may get none?",
                tex(comb(many + few - 1, few - 1)),
            ),
        )
    )


def in_another_base(rng: Random, difficulty: float) -> Problem:
    """Sums of digits in other bases."""
    number, base = rng.randint(50, 300 + round(20_000 * difficulty)), rng.choice((2, 3, 5, 7, 8))
    total, rest = 0, number
    while rest:
        total, rest = total + rest % base, rest // base
    return Problem(f"The number {number} is written in base {base}. What is the sum of its digits?", tex(total))


PROBLEMS = (fractions, remainders, divisors, congruence, trailing_zeros, arrangements, in_another_base)
