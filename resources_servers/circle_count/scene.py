"""What an image shows: circles and other shapes, placed so that every one can be told from the others."""

from itertools import combinations
from math import hypot
from random import Random
from typing import Final, Literal, NamedTuple

Kind = Literal["circle", "square", "triangle", "diamond", "bar", "star", "ellipse"]
OTHERS: Final[tuple[Kind, ...]] = ("square", "triangle", "diamond", "bar", "star", "ellipse")
COLORS: Final = {
    "red": (205, 30, 40),
    "blue": (40, 85, 200),
    "green": (45, 155, 65),
    "yellow": (245, 210, 40),
    "purple": (130, 55, 165),
    "orange": (240, 130, 20),
    "black": (35, 35, 35),
    "pink": (245, 150, 195),
}
SMALL: Final = (8, 10)
LARGE: Final = (20, 24)
"""Radii in pixels, smallest and largest of each size; nothing lies between the two."""
APART: Final = 1.25
"""Distance of two shapes that do not touch, at least, as a share of their radii."""
TOUCHING: Final = (0.6, 0.8)
"""The same for two circles that overlap: both stay visible, and it cannot be missed."""


class Shape(NamedTuple):
    """One shape; x, y and radius in pixels."""

    kind: Kind
    color: str
    x: int
    y: int
    radius: int

    @property
    def is_large(self) -> bool:
        """Whether it is of the larger of the two sizes."""
        return self.radius >= LARGE[0]


class Scene(NamedTuple):
    """An image's content, in the order in which it is drawn."""

    size: int
    """Width and height in pixels."""
    shapes: list[Shape]

    @property
    def circles(self) -> list[Shape]:
        """The circles."""
        return [shape for shape in self.shapes if shape.kind == "circle"]

    @property
    def overlapping(self) -> list[Shape]:
        """The circles that overlap another circle."""
        touching = {
            shape
            for one, other in combinations(self.circles, 2)
            if _distance(one, other) < 1.0
            for shape in (one, other)
        }
        return [shape for shape in self.circles if shape in touching]


def make_scene(rng: Random, circles: int, others: int, pairs: int, colors: list[str]) -> Scene:
    """A scene with about that many circles, of which `pairs` have an overlapping partner, and other shapes."""
    size = 208 + 16 * round((circles + others) ** 0.5 * 4)
    shapes: list[Shape] = []
    for _ in range(circles - pairs):
        _place(_anywhere("circle", colors, size, rng), shapes, size, rng, partner=None)
    for partner in rng.sample(shapes, min(pairs, len(shapes))):
        _place(_anywhere("circle", colors, size, rng), shapes, size, rng, partner=partner)
    for _ in range(others):
        _place(_anywhere(rng.choice(OTHERS), colors, size, rng), shapes, size, rng, partner=None)
    return Scene(size, shapes)


def _place(shape: Shape, shapes: list[Shape], size: int, rng: Random, partner: Shape | None) -> None:
    """Add the shape where it fits, over its partner if it has one; leave it out where nothing fits."""
    for _ in range(200):
        x, y = rng.randint(0, size), rng.randint(0, size)
        if partner is not None:
            reach = round(TOUCHING[1] * (shape.radius + partner.radius))
            x, y = partner.x + rng.randint(-reach, reach), partner.y + rng.randint(-reach, reach)
        placed = shape._replace(x=x, y=y)
        margin = shape.radius + 3
        if not (margin <= x <= size - margin and margin <= y <= size - margin):
            continue
        if partner is not None and not TOUCHING[0] <= _distance(placed, partner) <= TOUCHING[1]:
            continue
        if all(_distance(placed, other) >= APART for other in shapes if other is not partner):
            shapes.append(placed)
            return


def _anywhere(kind: Kind, colors: list[str], size: int, rng: Random) -> Shape:
    radius = rng.randint(*(SMALL if rng.random() < 0.5 else LARGE))
    return Shape(kind, rng.choice(colors), 0, 0, radius)


def _distance(one: Shape, other: Shape) -> float:
    """Of their centres, as a share of their radii."""
    return hypot(one.x - other.x, one.y - other.y) / (one.radius + other.radius)
