"""Facts that change in a long text: the state at the end is what counts."""

import re
from collections.abc import Iterable
from typing import Final, Literal

from pydantic import Field, model_validator

from polygym import ResourcesServer, RolloutView, Session, TaskFields, Verification
from polygym.kit.answers import is_taken_back, number_in, readable, statements


class NeedleTask(TaskFields):
    """What the answer is, and what it may be mixed up with."""

    answer_type: Literal["number", "name"]
    expected_answer: str
    candidates: list[str] = Field(default_factory=list)
    """Names of which an answer may name one; the right one is among them."""
    names: list[str] = Field(default_factory=list)
    """Names of things, which may stand in an answer and whose digits are no numbers."""

    @model_validator(mode="after")
    def _has_an_answer(self) -> "NeedleTask":
        if self.answer_type == "number" and number_in(self.expected_answer) is None:
            raise ValueError(f"expected_answer '{self.expected_answer}' is no number")
        if self.answer_type == "name" and self.expected_answer not in self.candidates:
            raise ValueError(f"expected_answer '{self.expected_answer}' is none of the candidates")
        return self


class NeedleServer(ResourcesServer[NeedleTask]):
    """Compares the number or the name that the final answer gives."""

    def verify(self, rollout: RolloutView, session: Session[NeedleTask]) -> Verification:
        """1.0 when the final answer gives the right number or name and no other, else 0.0."""
        task = session.task
        read = _named if task.answer_type == "name" else _counted
        given = next((found for each in _last_first(rollout.final_text) if (found := read(each, task))), [])
        is_right = given == [task.expected_answer]
        if is_right:
            explanation = "The answer is right."
        elif not given:
            explanation = f"The final answer gives no {task.answer_type}."
        elif len(given) > 1:
            explanation = f"The final answer gives several: {', '.join(given[:5])}."
        else:
            explanation = f"The answer is {given[0]}, right is {task.expected_answer}."
        return Verification(
            reward=float(is_right),
            fields={"extracted_answer": given[0] if len(given) == 1 else None},
            explanation=explanation,
        )


def _last_first(text: str) -> list[str]:
    """What the text states as its answer, the last statement first; nothing where it takes that back."""
    text = readable(text)
    found = statements(text)
    if found and found[-1].kind != "line" and is_taken_back(text, found[-1]):
        return []
    return [statement.content for statement in reversed(found)]


def _counted(content: str, task: NeedleTask) -> list[str]:
    """The number that an answer gives, as the row writes it."""
    others = [name for name in task.names if not name.isdigit()]
    rest = _any_of(others).sub(" ", content) if others else content
    given = number_in(rest)
    if given is None:
        return ["several numbers", "or none that is clear"] if any(map(str.isdigit, rest)) else []
    return [task.expected_answer] if given == number_in(task.expected_answer) else [str(given)]


def _named(content: str, task: NeedleTask) -> list[str]:
    """The candidates that an answer names, by full name, by name in reverse, or by a surname that only one has."""
    spelled: dict[str, str] = {}
    for name in task.candidates:
        first, _, last = name.rpartition(" ")
        forms = [name, f"{last}, {first}"] if first else [name]
        if first and sum(_last_word(each) == last for each in task.candidates) == 1:
            forms.append(last)
        spelled.update((" ".join(form.casefold().split()), name) for form in forms)
    content = " ".join(content.split())
    mentions = [
        spelled.get(mention[0].casefold(), mention[0])
        for mention in _any_of(spelled).finditer(content)
        if not _DENIED.search(content, max(0, mention.start() - 16), mention.start())
    ]
    return list(dict.fromkeys(mentions))


def _last_word(name: str) -> str:
    return name.rpartition(" ")[2]


def _any_of(texts: Iterable[str]) -> "re.Pattern[str]":
    """Matches the longest of `texts` that fits, as words of their own, whatever their case."""
    longest_first = sorted(texts, key=len, reverse=True)
    return re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, longest_first))})(?![\w-])", re.IGNORECASE)


_DENIED: Final = re.compile(r"(?:\b(?:not|never|neither|nor)|n't)\W{1,3}$", re.IGNORECASE)
