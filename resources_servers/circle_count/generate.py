"""Makes rows: an image of circles among other shapes, and a question about some of the circles. Needs Pillow."""

from random import Random
from typing import Final

from polygym import JsonObject
from resources_servers.circle_count.drawing import data_url
from resources_servers.circle_count.scene import COLORS, Scene, Shape, make_scene

QUESTIONS: Final = {
    "all": ("How many circles are there?", "Count the circles, whatever their colour and size."),
    "color": ("How many {color} circles are there?", "Count the circles that are {color}."),
    "size": (
        "Circles are either small or large. How many of the {size} ones are there?",
        "There are small circles and large circles. Count the {size} circles.",
    ),
    "color_size": (
        "Circles are either small or large. How many {size} {color} circles are there?",
        "Count the {color} circles, but only the {size} ones, not those of the other size.",
    ),
    "overlap": (
        "How many circles overlap another circle?",
        "Count the circles that overlap some other circle, both partners of each pair.",
    ),
    "alone": (
        "How many circles do not overlap any other circle?",
        "Count the circles that stand alone, without another circle over or under them.",
    ),
}
HINTS: Final = ("Ellipses are not circles.", "Other shapes do not count.", "Nothing but true circles counts.")
WISHES: Final = (
    "Put the number into \\boxed{}.",
    "End with a line 'Answer: ' and the number.",
    "Give the number alone.",
    "Reply with a number.",
)

RARER: Final = 0.15
"""How much likelier a count is kept than the one below it, so that no small count is right most often."""


def make_row(index: int, rng: Random, difficulty: float) -> JsonObject:
    """Few circles of two colours when it is easy; with difficulty more of both, other shapes, overlaps and sizes."""
    while True:
        circles = rng.randint(2, 8) + round(rng.uniform(0.6, 1.0) * 26 * difficulty)
        pairs = round(circles * 0.3 * max(0.0, difficulty - 0.2) * rng.random())
        colors = rng.sample(sorted(COLORS), 2 + round(5 * difficulty))
        scene = make_scene(rng, circles, round(16 * difficulty * rng.uniform(0.6, 1.0)), pairs, colors)
        kinds = ["all", "color", "color"]
        kinds += ["size", "color_size"] if difficulty > 0.2 else []
        kinds += ["overlap", "alone"] if scene.overlapping else []
        kind = rng.choice(kinds)
        color, size = rng.choice(colors), rng.choice(("small", "large"))
        counted = select(scene, kind, color, size)
        if counted and rng.random() < min(1.0, (1 + len(counted)) * RARER):
            break
    question = rng.choice(QUESTIONS[kind]).format(color=color, size=size)
    text = " ".join([question, rng.choice(HINTS), rng.choice(WISHES)])
    content = [
        {"type": "input_text", "text": text},
        {"type": "input_image", "image_url": data_url(scene), "detail": "auto"},
    ]
    return {
        "responses_create_params": {"input": [{"role": "user", "content": content}]},
        "expected_count": len(counted),
        "question_kind": kind,
        "total_circles": len(scene.circles),
        "total_shapes": len(scene.shapes),
    }


def select(scene: Scene, kind: str, color: str, size: str) -> list[Shape]:
    """The circles that a question of that kind is about."""
    overlapping = scene.overlapping
    return [
        circle
        for circle in scene.circles
        if {
            "all": True,
            "color": circle.color == color,
            "size": circle.is_large == (size == "large"),
            "color_size": circle.color == color and circle.is_large == (size == "large"),
            "overlap": circle in overlapping,
            "alone": circle not in overlapping,
        }[kind]
    ]
