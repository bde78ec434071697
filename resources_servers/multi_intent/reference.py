"""Does and answers what each message wants; and the ways of getting that wrong."""

from typing import Any, Final

from polygym import JsonObject
from polygym.kit import Script, Turn, call

UNASKED: Final = ["change_contact", {"entry": "email", "value": "nobody@example.org"}]


def solve(row: JsonObject) -> Script:
    """Every call of the reference, message by message, then the answers."""
    for turn in row["reference"]:
        for tool, arguments in turn["calls"]:
            yield call(tool, **arguments)
        yield _answer(turn["answers"])


def wrong_answers(row: JsonObject) -> dict[str, Script]:
    """Visits where something is left undone, done too much, or only said."""
    turns, answers = (
        row["reference"],
        {key: value for turn in row["reference"] for key, value in turn["answers"].items()},
    )
    books, fees = row["world"]["books"], row["world"]["fees"]
    wrong: dict[str, Script] = {
        "only says that it is done": _visit(row, lambda turn: [], lambda turn: "It is all done."),
        "repeats what it hears": _visit(row, lambda turn: [], lambda turn: str(row["user"]["script"])),
        "reserves everything": _visit(
            row, lambda turn: turn["calls"] + [["reserve_book", {"book_id": book["id"]}] for book in books]
        ),
        "pays everything": _visit(
            row, lambda turn: [["pay_fee", {"fee_id": fee["id"]}] for fee in fees], lambda turn: "Done."
        ),
        "leaves the last message undone": _visit(
            row,
            lambda turn: [] if turn is turns[-1] else turn["calls"],
            lambda turn: "Done." if turn is turns[-1] else _answer(turn["answers"]),
        ),
        "does one thing only": _visit(
            row, lambda turn: turn["calls"][:1] if turn is turns[0] else [], lambda turn: "Done."
        ),
        "renews twice and changes what nobody has asked for": _visit(
            row,
            lambda turn: turn["calls"] + [made for made in turn["calls"] if made[0] == "renew_loan"] + [UNASKED],
        ),
        "calls the right tools with wrong arguments": _visit(
            row,
            lambda turn: [[tool, dict.fromkeys(arguments, "X1")] for tool, arguments in turn["calls"]],
            lambda turn: "Done.",
        ),
    }
    if answers:
        wrong |= {
            "gives no answers": _visit(row, answer=lambda turn: "Done."),
            "gives several answers": _visit(row, answer=lambda turn: _answer(turn["answers"], "{0} or 99999")),
            "gives other answers": _visit(row, answer=lambda turn: _answer(turn["answers"], "99999")),
            "corrects a right answer": _visit(
                row, answer=lambda turn: _answer(turn["answers"]) + "\n" + _answer(turn["answers"], "99999")
            ),
        }
    return wrong


def _visit(row: JsonObject, calls: Any = None, answer: Any = None) -> Script:
    for turn in row["reference"]:
        for tool, arguments in calls(turn) if calls else turn["calls"]:
            yield call(tool, **arguments)
        said: Turn = answer(turn) if answer else _answer(turn["answers"])
        yield said


def _answer(answers: JsonObject, form: str = "{0}") -> str:
    return "\n".join(["It is done.", *(f"{word}: {form.format(value)}" for word, value in answers.items())])
