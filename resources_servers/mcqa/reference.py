"""How a model that knows the answer replies, and how models reply that do not."""

from typing import Any, Final

from polygym import JsonObject
from polygym.kit import Script

REPLIES: Final = {
    "boxed": "Let me see. It must be \\boxed{{{letter}}}.",
    "answer_line": "I compare the options one by one.\n\nAnswer: {letter}",
    "parenthesized": "Only one of them fits.\n({letter})",
    "json": '{{"answer": "{letter}"}}',
    "option_text": "I compare the options one by one.\n{text}",
    "letter": "{letter}",
}


def solve(row: JsonObject) -> Script:
    """The right letter in the form that the row asks for."""
    letter = row["expected_answer"]
    yield REPLIES[row["answer_format"]].format(letter=letter, text=_texts(row)[letter])


def wrong_answers(row: JsonObject) -> dict[str, Script]:
    """Policies that do not choose the right option, or not only that."""
    texts, right = _texts(row), row["expected_answer"]
    wrong = next(letter for letter in texts if letter != right)
    reply = REPLIES[row["answer_format"]]
    homoglyphs = str.maketrans("ABCEHI", "\u0410\u0412\u0421\u0415\u041d\u0406")
    return {
        "another option": _say(reply.format(letter=wrong, text=texts[wrong])),
        "all options": _say("\n".join(f"Answer: {letter}" for letter in texts)),
        "all options in boxes": _say(" ".join(f"\\boxed{{{letter}}}" for letter in texts)),
        "two options": _say(f"Answer: {right} or {wrong}"),
        "two options in a box": _say(f"\\boxed{{{right}, {wrong}}}"),
        "a letter with another option's text": _say(f"\\boxed{{{right}: {texts[wrong]}}}"),
        "second thoughts": _say(
            f"{reply.format(letter=right, text=texts[right])}\nWait, actually the answer is {wrong}."
        ),
        "the prompt": _say(str(row["responses_create_params"]["input"][-1]["content"])),
        "a letter as a word": _say(f"{right} good answer would take more time than I have."),
        "letters that only look right": _say(
            f"Answer: {right}\u0336" if right in "DFGJ" else right.translate(homoglyphs)
        ),
    }


def _texts(row: JsonObject) -> dict[str, str]:
    entries: list[dict[str, Any]] = row["options"]
    return {letter: text for entry in entries for letter, text in entry.items()}


def _say(text: str) -> Script:
    yield text
