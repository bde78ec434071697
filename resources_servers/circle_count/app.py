"""Counting circles in an image. The verifier reads a number; it never looks at the image."""

from typing import Any, Final

from pydantic import Field, model_validator

from polygym import ResourcesServer, RolloutView, Session, TaskFields, Verification
from polygym.kit.answers import final_number

_COUNTABLE: Final = 10**9


class CircleTask(TaskFields):
    """How many circles the question is about.

    Rows that list their `circles` (`[{"color": …}, …]`) and name a `target_color` need no `expected_count`.
    """

    expected_count: int = Field(ge=0)

    @model_validator(mode="before")
    @classmethod
    def _count(cls, row: Any) -> Any:
        if not isinstance(row, dict) or "expected_count" in row or "circles" not in row:
            return row
        circles = row["circles"]
        if not isinstance(circles, list) or not all(isinstance(circle, dict) for circle in circles):
            raise ValueError("circles must be a list of objects")
        return {**row, "expected_count": sum(circle.get("color") == row.get("target_color") for circle in circles)}


class CircleServer(ResourcesServer[CircleTask]):
    """Compares the number that the final answer gives."""

    def verify(self, rollout: RolloutView, session: Session[CircleTask]) -> Verification:
        """1.0 when the final answer gives the right number and no other, else 0.0."""
        expected = session.task.expected_count
        given = final_number(rollout.final_text)
        is_count = given is not None and given == given.to_integral_value() and abs(given) < _COUNTABLE
        is_right = given == expected
        if is_right:
            explanation = "The count is right."
        elif given is None:
            explanation = "The final answer does not give one clear number."
        else:
            explanation = f"The count is {expected}, the answer is {given}."
        return Verification(
            reward=float(is_right),
            fields={
                "predicted_count": int(given) if given is not None and is_count else None,
                "expected_count": expected,
                "correct": is_right,
            },
            explanation=explanation,
        )
