"""Matrices and vectors."""

from random import Random
from typing import Any

import sympy  # type: ignore[import-untyped]

from resources_servers.math_equivalence.problems.problem import Problem, listed, tex


def _matrix(rng: Random, size: int, limit: int) -> Any:
    return sympy.Matrix(size, size, lambda *_: rng.randint(-limit, limit))


def _size(rng: Random, difficulty: float) -> int:
    return 3 if rng.random() < difficulty else 2


def determinant(rng: Random, difficulty: float) -> Problem:
    """Determinants."""
    matrix = _matrix(rng, _size(rng, difficulty), 5 + round(4 * difficulty))
    return Problem(f"What is the determinant of ${tex(matrix)}$?", tex(matrix.det()))


def matrix_product(rng: Random, difficulty: float) -> Problem:
    """Products of matrices."""
    size = _size(rng, difficulty)
    one, other = _matrix(rng, size, 5), _matrix(rng, size, 5)
    return Problem(f"Let $A = {tex(one)}$ and $B = {tex(other)}$. Find the matrix $AB$.", tex(one * other))


def inverse(rng: Random, difficulty: float) -> Problem:
    """Inverses."""
    while True:
        matrix = _matrix(rng, _size(rng, difficulty / 2), 4)
        if matrix.det():
            return Problem(f"Find the inverse of the matrix ${tex(matrix)}$.", tex(matrix.inv()))


def eigenvalues(rng: Random, difficulty: float) -> Problem:
    """Real eigenvalues of two-by-two matrices."""
    while True:
        matrix = _matrix(rng, 2, 4 + round(4 * difficulty))
        found = list(matrix.eigenvals())
        if all(value.is_real for value in found) and (difficulty > 0.5 or all(value.is_integer for value in found)):
            return Problem(f"Find the set of all eigenvalues of ${tex(matrix)}$.", listed(found))


def vector_products(rng: Random, difficulty: float) -> Problem:
    """Dot products, cross products, lengths."""
    one, other = (sympy.Matrix([rng.randint(-6, 6) for _ in range(3)]) for _ in range(2))
    shown = [f"({', '.join(tex(entry) for entry in vector)})" for vector in (one, other)]
    if rng.random() >= difficulty:
        return Problem(f"What is the dot product of ${shown[0]}$ and ${shown[1]}$?", tex(one.dot(other)))
    if rng.random() < 0.5:
        return Problem(f"How long is the vector ${shown[0]}$? Give the exact value.", tex(one.norm()))
    cross = one.cross(other)
    answer = f"({', '.join(tex(entry) for entry in cross)})"
    return Problem(f"What is the cross product of ${shown[0]}$ and ${shown[1]}$, in this order?", answer)


PROBLEMS = (determinant, matrix_product, inverse, eigenvalues, vector_products)
