"""Gives the library's own answer; and some answers that are none."""

from polygym import JsonObject
from polygym.kit import Script


def solve(row: JsonObject) -> Script:
    """The entry's answer."""
    yield f"I have thought about it.\n<answer>{row['answer']}</answer>"


def wrong_answers(row: JsonObject) -> dict[str, Script]:
    """Answers that a lax scorer might take."""
    said = {
        "repeats the question": row["question"],
        "repeats the question as its answer": f"<answer>{row['question']}</answer>",
        "names many answers": "<answer>True False Yes No 0 1 2 3 A B C</answer>",
        "is not a number": "<answer>nan</answer>",
        "begins like many answers": "<answer>0.</answer>"
        if row["answer"] not in ("0", "0.0")
        else "<answer>-</answer>",
        "says nothing": "<answer></answer>",
    }
    return {name: _say(text) for name, text in said.items()}


def _say(text: str) -> Script:
    yield text
