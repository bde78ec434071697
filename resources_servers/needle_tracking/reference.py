"""A policy that has kept track, and some that have not."""

from polygym import JsonObject
from polygym.kit import Script


def solve(row: JsonObject) -> Script:
    """The answer, after a look at the record."""
    yield f"I have followed the record to its end.\n\nAnswer: {row['expected_answer']}"


def wrong_answers(row: JsonObject) -> dict[str, Script]:
    """Policies that guess, list, or repeat."""
    right = row["expected_answer"]
    prompt = row["responses_create_params"]["input"][-1]["content"]
    wrong = {"the prompt": prompt, "the question": prompt.rpartition("\n\n")[2], "does not know": "Answer: unknown"}
    if row["answer_type"] == "number":
        wrong |= {
            "off by one": f"Answer: {int(right) + 1}",
            "all numbers": "Answer: " + ", ".join(str(number) for number in range(1, 1000)),
            "two numbers": f"Answer: {int(right) - 1} or {right}",
            "a range": f"\\boxed{{{right}-{int(right) + 5}}}",
        }
    else:
        other = next((name for name in row["candidates"] if name != right), "Nobody")
        wrong |= {
            "another name": f"Answer: {other}",
            "all names": "Answer: " + ", ".join(row["candidates"]),
            "two names": f"It is {right} or {other}.",
            "not that name": f"Answer: not {right}",
        }
        if len(row["candidates"]) < 2:
            del wrong["all names"]
    return {name: _say(text) for name, text in wrong.items()}


def _say(text: str) -> Script:
    yield text
