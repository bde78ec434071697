"""The reference solution, written from the row's constraints; and answers that must not be rewarded."""

from random import Random

from polygym import JsonObject
from polygym.kit import Script
from polygym.protocol.items import input_items, text_of
from resources_servers.instruction_following.composing import write_answer
from resources_servers.instruction_following.drafting import UnwritableError
from resources_servers.instruction_following.judging import parse_constraints
from resources_servers.instruction_following.subjects import Subject


def solve(row: JsonObject) -> Script:
    """One answer that mentions what is asked and meets every constraint."""
    yield answer(row)


def wrong_answers(row: JsonObject) -> dict[str, Script]:
    """Lazy and adversarial answers."""
    facts = " ".join(row["must_mention"])
    noise = " ".join(f"zxq{word} wvb{word} {word}" for word in row["must_mention"] * 3)
    return {
        "only the facts": _say(facts),
        "the facts over and over": _say(". ".join([facts] * 12) + "."),
        "noise between the facts": _say(noise),
        "a refusal": _say("I am sorry, but I cannot help with that request today."),
        "the prompt, then a right answer": _repeat_and_solve(row),
        "about something else": _solve_another(row),
    }


def answer(row: JsonObject, *, tries: int = 20) -> str:
    """A text that meets the row's constraints. Raises UnwritableError when none is found."""
    constraints = parse_constraints(row["instruction_id_list"], row["kwargs"])
    subject = Subject.model_validate(row["subject"])
    for seed in range(tries):
        try:
            return write_answer(constraints, subject, row["asked"], Random(seed))
        except UnwritableError:
            continue
    raise UnwritableError(f"row {row.get('id')}: no answer was found")


def _repeat_and_solve(row: JsonObject) -> Script:
    asked = [text_of(item.get("content")) for item in input_items(row["responses_create_params"]["input"])]
    yield "\n\n".join([*asked, answer(row)])


def _solve_another(row: JsonObject) -> Script:
    """Meet the constraints, where that is possible, with a text about another place."""
    other = {"name": "Nowhere", "town": "Elsewhere", "year": 1777, "head": "Ann Other", "cat": "Nobody"}
    try:
        text = answer({**row, "subject": {**row["subject"], **other}}, tries=1)
    except UnwritableError:
        text = "This is Nowhere. It stands in Elsewhere, and Ann Other has run it since 1777. Its cat is Nobody."
    yield text


def _say(text: str) -> Script:
    yield text
