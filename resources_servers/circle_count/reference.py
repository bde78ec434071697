"""A policy that has counted, and some that have not."""

from polygym import JsonObject
from polygym.kit import Script


def solve(row: JsonObject) -> Script:
    """The right number."""
    yield f"I go through the image row by row.\n\n\\boxed{{{row['expected_count']}}}"


def wrong_answers(row: JsonObject) -> dict[str, Script]:
    """Policies that miscount, or do not commit themselves."""
    count = row["expected_count"]
    wrong = {
        "one too many": f"\\boxed{{{count + 1}}}",
        "one too few": f"\\boxed{{{count - 1}}}",
        "every number": ", ".join(str(number) for number in range(60)),
        "every number in a box": " ".join(f"\\boxed{{{number}}}" for number in range(60)),
        "two numbers": f"There are {count} or {count + 1} of them.",
        "a range": f"{count}-{count + 2}",
        "a bound": f"There are at least {count} of them.",
        "does not look": "I cannot see any image, but there are surely many circles.",
        "the image": row["responses_create_params"]["input"][0]["content"][1]["image_url"],
    }
    for name in ("total_circles", "total_shapes"):
        if row.get(name, count) != count:
            wrong[name] = str(row[name])
    return {name: _say(text) for name, text in wrong.items()}


def _say(text: str) -> Script:
    yield text
