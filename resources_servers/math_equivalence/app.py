"""Mathematics in one step: the final answer has to be equivalent to the expected one, however it is written."""

from functools import cache, partial
from typing import Any, Final, Literal

from pydantic import Field, field_validator

from polygym import (
    JsonObject,
    ResourcesServer,
    ResourcesServerConfig,
    RolloutView,
    Session,
    TaskFields,
    Verification,
    blocking,
    input_items,
)
from polygym.servers.tools import sendable
from resources_servers.math_equivalence.answers import final_expressions
from resources_servers.math_equivalence.bounded import run_bounded
from resources_servers.math_equivalence.rules import Rules

WARM_UP: Final = (
    ("\\frac{1}{2}", "0.5"),
    ("(x-1)^{2}", "x^{2}-2x+1"),
    ("a^{2}-2ab+b^{2}", "(b-a)(b-a)"),
    ("\\{1, -2\\}", "x = 1, x = -2"),
    ("(-\\infty, 3]", "x \\le 3"),
    ("\\frac{\\sqrt{3}\\pi}{2}", "\\sin(\\frac{\\pi}{3})\\pi + \\ln(e^{2}) - 2"),
    ("x e^{-2x}\\cos(3x)", "\\frac{x\\cos 3x}{e^{2x}}"),
    ("\\frac{2x+3}{x^{2}+1}", "(2x+3)/(x^2+1)"),
    ("5 + 2\\sqrt{6}", "3 \\cdot 2 + 2\\sqrt{6} - 1"),
    ("y = -\\frac{1}{2}x + 4", "2y + x = 8"),
)
"""Answers that are compared once, so that a process has loaded and prepared what later comparisons need."""


class MathTask(TaskFields):
    """A question's answer."""

    expected_answer: str = Field(min_length=1)
    """LaTeX or plain text; a number is taken as it is."""
    question: str | None = None
    """The question alone; without it the prompt is taken. An answer must not merely repeat it."""
    answer_type: Literal["interval", "expanded", "factored"] | None = None
    """`interval`: `(1, 2)` is an open interval, not a point. `expanded`, `factored`: what the polynomial has to be."""
    unit: str | None = None
    """The answer's unit; it may be left out, but not be another."""
    relative_error: float | None = Field(default=None, ge=0, lt=1)
    """How far a rounded decimal may be off; None for what the server's configuration says."""

    @field_validator("expected_answer", mode="before")
    @classmethod
    def _as_text(cls, given: Any) -> Any:
        return str(given) if isinstance(given, (int, float)) and not isinstance(given, bool) else given


class MathConfig(ResourcesServerConfig):
    """Limits and tolerance."""

    max_cpu_s: float = Field(default=3.0, gt=0)
    """Seconds of processor time that an answer's evaluation may take; an answer that takes more is wrong."""
    max_answer_chars: int = Field(default=1000, gt=0)
    """Length of an expression; longer ones are not evaluated."""
    relative_error: float = Field(default=1e-6, ge=0, lt=1)
    """How far a decimal may be off, as a share of an exact value that has no finite decimals."""


class MathServer(ResourcesServer[MathTask]):
    """Compares with math-verify, in other processes and within limits."""

    config: MathConfig

    @blocking(process=True)
    def verify(self, rollout: RolloutView, session: Session[MathTask]) -> Verification:
        """1.0 when the final answer is equivalent to the expected one, else 0.0.

        Raises ValueError when it is the expected answer that cannot be read.
        """
        given = final_expressions(sendable(rollout.final_text))
        answers = [answer for answer in given if len(answer) <= self.config.max_answer_chars]
        if not given:
            explanation = "There is no answer."
        elif not answers:
            explanation = f"The answer has more than {self.config.max_answer_chars} characters."
        else:
            explanation = self._compare(session.task, answers, _prompt(rollout.params))
        return Verification(
            reward=float(not explanation),
            fields={"extracted_answer": answers[0] if answers else None, "answered": bool(answers)},
            explanation=explanation or "The answer is equivalent to the expected one.",
        )

    def _compare(self, task: MathTask, answers: list[str], prompt: str) -> str:
        """Why none of the answers counts; empty when one does."""
        compare = _comparison()
        expected = task.expected_answer
        if task.unit and task.unit not in expected:
            expected += task.unit if task.unit.strip("\\ ") == "%" else f" \\text{{{task.unit}}}"
        error = self.config.relative_error if task.relative_error is None else task.relative_error
        rules = Rules(prompt if task.question is None else task.question, task.answer_type, error)
        outcome = run_bounded(partial(compare, expected, answers, rules), cpu_s=self.config.max_cpu_s)
        if outcome.problem is None:
            return str(outcome.value)
        if outcome.stage != "answer":
            raise ValueError(f"the expected answer {task.expected_answer!r} cannot be read: it {outcome.problem}")
        return f"The answer cannot be evaluated: it {outcome.problem}."


@cache
def _comparison() -> Any:
    """`compare` of equivalence.py, ready for use. Loading it takes seconds, and only processes that compare need it."""
    from resources_servers.math_equivalence.equivalence import compare

    for expected, answer in WARM_UP:
        compare(expected, [answer], Rules(), lambda stage: None)
    return compare


def _prompt(params: JsonObject) -> str:
    """The texts that the model is given, one after the other."""
    texts: list[str] = []
    for item in input_items(params.get("input") or []):
        content = item.get("content")
        parts = [content] if isinstance(content, str) else [part.get("text") for part in content or ()]
        texts += [part for part in parts if isinstance(part, str)]
    return "\n".join(texts)
