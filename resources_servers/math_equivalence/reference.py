"""A policy that knows the answer, and some that do not, or do not do the work."""

from polygym import JsonObject
from polygym.kit import Script


def solve(row: JsonObject) -> Script:
    """The expected answer, where it is asked for."""
    prompt = str(row["responses_create_params"]["input"])
    answer = row["expected_answer"]
    yield f"After some work:\n\nAnswer: ${answer}$" if "Answer: " in prompt else f"We get $\\boxed{{{answer}}}$."


def wrong_answers(row: JsonObject) -> dict[str, Script]:
    """Policies that miss, hedge, list everything, or leave the work undone."""
    answer, question = row["expected_answer"], row["question"]
    return {
        "off by one": _say(f"\\boxed{{{answer} + 1}}"),
        "hedges": _say(f"\\boxed{{{answer}}} or \\boxed{{987654321}}"),
        "hedges in words": _say(f"Answer: {answer} or maybe 987654321"),
        "too many": _say(f"\\boxed{{{answer}, 987654321}}"),
        "all numbers": _say("All numbers from 1 to 1000: " + ", ".join(str(number) for number in range(1001))),
        "all numbers in a box": _say("\\boxed{" + ", ".join(str(number) for number in range(1001)) + "}"),
        "the prompt": _say(str(row["responses_create_params"]["input"][-1]["content"])),
        "the question in a box": _say(f"\\boxed{{{question}}}"),
        "the question's formula": _say(f"\\boxed{{{question.partition('$')[2].partition('$')[0] or question}}}"),
        "a variable": _say("\\boxed{x}"),
        "an empty box": _say("\\boxed{}"),
        "a huge number": _say("\\boxed{9^{9^{9^{9}}}}"),
    }


def _say(text: str) -> Script:
    yield text
