"""The answer in what a model has said; and what cannot be an answer, whatever the library's scorer makes of it."""

import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, TypeAlias

AnswerFormat: TypeAlias = Literal["lenient", "tagged"]
LONGEST: Final = 20_000
"""Characters of an answer; longer ones score nothing."""
_NUMBER: Final = re.compile(r"[-+]?(?:\d{1,30}(?:\.\d{0,30})?|\.\d{1,30})(?:e-?\d{1,2})?(?:/\d{1,30})?", re.IGNORECASE)


def extract(text: str, answer_format: AnswerFormat) -> str | None:
    """What stands in the last `<answer>` tag; else, when lenient, in the last LaTeX box, else all of the text."""
    tagged = _last_tagged(text)
    if tagged is not None or answer_format == "tagged":
        return tagged
    boxed = _last_boxed(text)
    return boxed if boxed is not None else text.strip()


def readings(answer: str) -> list[str]:
    """The answer as it is, and in plain characters where it has invisible ones or ones of other widths."""
    if answer.isascii():
        return [answer]
    visible = "".join(each for each in unicodedata.normalize("NFKC", answer) if unicodedata.category(each) != "Cf")
    return list(dict.fromkeys((answer, visible.strip())))


def may_be_right(dataset: str, answer: str, entry: Mapping[str, Any]) -> bool:
    """False for answers that a lax scorer of the library would reward although they cannot be right."""
    check = _CHECKS.get(dataset)
    return check is None or check(answer, entry)


def _last_tagged(text: str) -> str | None:
    lowered = text.lower() if len(text.lower()) == len(text) else text
    end = lowered.rfind("</answer>")
    start = lowered.rfind("<answer>", 0, end if end >= 0 else None)
    if start < 0:
        return None
    start += len("<answer>")
    return text[start : end if end >= start else None].strip()


def _last_boxed(text: str) -> str | None:
    start = text.rfind("\\boxed{")
    if start < 0:
        return None
    start += len("\\boxed{")
    depth = 1
    for place, each in enumerate(text[start : start + LONGEST + 1], start):
        depth += (each == "{") - (each == "}")
        if depth == 0:
            return text[start:place].strip()
    return None


def _is_named_truth(answer: str, entry: Mapping[str, Any]) -> bool:
    """The scorer takes any text for True."""
    return answer.strip(" .\n").lower() == str(entry["answer"]).lower()


def _is_near(answer: str, entry: Mapping[str, Any]) -> bool:
    """The scorer compares digits one by one, so that `0` is as good as `0.75`."""
    given, wanted = _value(answer), _value(str(entry["answer"]))
    return given is not None and wanted is not None and math.isclose(given, wanted, rel_tol=0, abs_tol=1e-4)


def _value(text: str) -> float | None:
    plain = text.strip().replace(",", "")
    if not _NUMBER.fullmatch(plain):
        return None
    numerator, _, denominator = plain.partition("/")
    return float(numerator) / float(denominator or 1) if float(denominator or 1) else None


def _is_a_number(answer: str, entry: Mapping[str, Any]) -> bool:
    """Not a number is at no distance from any."""
    return re.search(r"nan|inf", answer, re.IGNORECASE) is None


def _uses_the_given_numbers(answer: str, entry: Mapping[str, Any]) -> bool:
    """The scorer looks at how many numbers there are, not at which."""
    given = [int(each) for each in re.findall(r"\d{1,9}", answer)]
    return sorted(given) == sorted(entry["metadata"]["numbers"])


_CHECKS: Final[Mapping[str, Callable[[str, Mapping[str, Any]], bool]]] = {
    "coin_flip": _is_near,
    "complex_arithmetic": _is_a_number,
    "game_of_life_halting": _is_named_truth,
    "puzzle24": _uses_the_given_numbers,
}
"""As of reasoning-gym 0.1.25."""
