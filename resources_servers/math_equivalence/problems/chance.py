"""Probability and expectation, exactly."""

from itertools import product
from math import comb
from random import Random

import sympy  # type: ignore[import-untyped]

from resources_servers.math_equivalence.problems.problem import Problem, tex

_EXACTLY = "Give an exact fraction."


def dice(rng: Random, difficulty: float) -> Problem:
    """Sums of dice."""
    count = 2 if difficulty < 0.5 else 3
    total = rng.randint(count + 1, 6 * count - 1)
    if rng.random() < 0.5:
        ways, wish = sum(sum(faces) == total for faces in product(range(1, 7), repeat=count)), f"exactly {total}"
    else:
        ways, wish = sum(sum(faces) >= total for faces in product(range(1, 7), repeat=count)), f"{total} or more"
    question = f"{count} fair dice are thrown. What is the probability that they show {wish} in all? {_EXACTLY}"
    return Problem(question, tex(sympy.Rational(ways, 6**count)))


def urn(rng: Random, difficulty: float) -> Problem:
    """Drawing without putting back."""
    red, blue = rng.randint(2, 5 + round(6 * difficulty)), rng.randint(2, 5 + round(6 * difficulty))
    drawn = 2 + round(difficulty)
    wanted = rng.randint(max(0, drawn - blue), min(drawn, red))
    chance = sympy.Rational(comb(red, wanted) * comb(blue, drawn - wanted), comb(red + blue, drawn))
    given = f"An urn holds {red} red and {blue} blue balls. {drawn} balls are drawn without putting any back."
    return Problem(f"{given} What is the probability that {wanted} of them are red? {_EXACTLY}", tex(chance))


def repeated_trials(rng: Random, difficulty: float) -> Problem:
    """Binomial distributions."""
    chance = sympy.Rational(1, rng.randint(2, 5))
    trials = 3 + round(4 * difficulty)
    wanted = rng.randint(1, trials - 1)
    if rng.random() < difficulty:
        value, wish = 1 - (1 - chance) ** trials, "at least one succeeds"
    else:
        value = comb(trials, wanted) * chance**wanted * (1 - chance) ** (trials - wanted)
        wish = f"exactly {wanted} of them succeed"
    given = f"Each of {trials} independent attempts succeeds with probability ${tex(chance)}$."
    return Problem(f"{given} What is the probability that {wish}? {_EXACTLY}", tex(value))


def expectation(rng: Random, difficulty: float) -> Problem:
    """Expected values."""
    sides = rng.choice((4, 6, 8, 10, 12))
    if rng.random() >= difficulty:
        question = f"A fair die has the faces 1 to {sides}. What is the expected value of the square of a throw?"
        return Problem(question, tex(sympy.Rational(sum(face**2 for face in range(1, sides + 1)), sides)))
    question = f"Two fair dice have the faces 1 to {sides} each. What is the expected value of the larger throw?"
    larger = sum(max(faces) for faces in product(range(1, sides + 1), repeat=2))
    return Problem(question, tex(sympy.Rational(larger, sides**2)))


def bayes(rng: Random, difficulty: float) -> Problem:
    """Conditional probability."""
    ill, hit, miss = rng.randint(1, 10), rng.randint(80, 99), rng.randint(1, 15)
    true, false = ill * hit, (100 - ill) * miss
    given = (
        f"{ill}% of the machines in a hall are faulty. A test finds {hit}% of the faulty ones, and by mistake it calls"
        f" {miss}% of the sound ones faulty."
    )
    question = f"{given} A machine was called faulty. What is the probability that it is? {_EXACTLY}"
    return Problem(question, tex(sympy.Rational(true, true + false)))


PROBLEMS = (dice, urn, repeated_trials, expectation, bayes)
