"""Multiple-choice questions, answered in one step; nothing but the letter of the final answer counts."""

from typing import Any

from pydantic import field_validator, model_validator

from polygym import JsonObject, ResourcesServer, ResourcesServerConfig, RolloutView, Session, TaskFields, Verification
from resources_servers.mcqa.grading import AnswerFormat, GradingMode, by_pattern, read_by_mode
from resources_servers.mcqa.options import NOBODY, Options


class McqaTask(TaskFields):
    """A question's options and the letter of the right one."""

    options: dict[str, str]
    """Text by letter. Rows may also give a list of `{letter: text}`."""
    expected_answer: str
    """The letter of the right option."""
    grading_mode: GradingMode = "strict_single_letter_boxed"
    answer_format: AnswerFormat | None = None
    """The form that the question asks for; what the mode `strict` insists on."""
    template_metadata: JsonObject | None = None
    """`output_regex`, a pattern or a list of them, is tried before the grading mode; other entries mean nothing."""

    @field_validator("options", mode="before")
    @classmethod
    def _merge(cls, given: Any) -> Any:
        entries = given if isinstance(given, list) else [given]
        merged: dict[Any, Any] = {}
        for entry in entries:
            if not isinstance(entry, dict):
                raise ValueError("must map letters to texts, as one object or a list of objects")
            merged |= {str(letter).strip().upper(): text or "" for letter, text in entry.items()}
        if not merged or not all(len(letter) == 1 and "A" <= letter <= "Z" for letter in merged):
            raise ValueError(f"the letters must be single ones from A to Z, not {sorted(merged)}")
        return merged

    @field_validator("expected_answer")
    @classmethod
    def _capital(cls, given: str) -> str:
        return given.strip().upper()

    @model_validator(mode="after")
    def _is_an_option(self) -> "McqaTask":
        if self.expected_answer not in self.options:
            raise ValueError(f"expected_answer '{self.expected_answer}' is none of the options {sorted(self.options)}")
        return self

    @property
    def patterns(self) -> list[str]:
        """The row's own patterns for answers."""
        given = (self.template_metadata or {}).get("output_regex")
        patterns = given if isinstance(given, list) else [given]
        return [pattern for pattern in patterns if isinstance(pattern, str) and pattern]


class McqaConfig(ResourcesServerConfig):
    """How answers are read."""

    grading_mode: GradingMode | None = None
    """Goes before the rows' own modes; None leaves it to them."""


class McqaServer(ResourcesServer[McqaTask]):
    """Grades the last message."""

    config: McqaConfig

    def verify(self, rollout: RolloutView, session: Session[McqaTask]) -> Verification:
        """1.0 when the final answer names the right option and no other, else 0.0."""
        task = session.task
        options = Options(task.options)
        named = by_pattern(rollout.final_text, task.patterns, options) if task.patterns else NOBODY
        mode = self.config.grading_mode or task.grading_mode
        named = named or read_by_mode(rollout.final_text, mode, task.answer_format, options)
        answer = next(iter(named)) if len(named) == 1 else None
        is_right = answer == task.expected_answer
        if is_right:
            explanation = "The answer is right."
        elif answer:
            explanation = f"The answer is {answer}, right is {task.expected_answer}."
        elif named:
            explanation = f"The answer names several options: {', '.join(sorted(named))}."
        else:
            explanation = f"No answer was found in the form that the mode '{mode}' reads."
        return Verification(
            reward=float(is_right),
            fields={
                "extracted_answer": answer,
                "expected_answer": task.expected_answer,
                "answered": answer is not None,
                "contradictory": len(named) > 1,
            },
            explanation=explanation,
        )
