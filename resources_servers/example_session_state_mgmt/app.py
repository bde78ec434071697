"""A counter per rollout: state that tools change and the verifier reads."""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Final

from pydantic import Field

from polygym import ResourcesServer, RolloutView, Session, TaskFields, Verification, tool
from polygym.kit.answers import final_number, number_in, readable

Step = Annotated[
    int,
    Field(ge=-1_000_000_000, le=1_000_000_000, strict=True),
    "What to add; a negative number subtracts.",
]


class CounterTask(TaskFields):
    """Where the counter starts, and where it has to stand at the end."""

    initial_count: int
    expected_count: int
    asks_for_report: bool = False
    """Whether the final answer has to say the counter's value."""


@dataclass
class Counter:
    """The state of one rollout."""

    count: int = 0


class CounterServer(ResourcesServer[CounterTask, Counter]):
    """Each rollout has a counter of its own, made at seed and gone afterwards."""

    def seed_session(self, session: Session[CounterTask, Counter]) -> None:
        """Start where the row says."""
        session.state.count = session.task.initial_count

    @tool
    def increment_counter(self, count: Step, session: Session[CounterTask, Counter]) -> dict[str, bool]:
        """Add a number to the counter."""
        session.state.count += count
        return {"success": True}

    @tool
    def get_counter_value(self, session: Session[CounterTask, Counter]) -> dict[str, int]:
        """Read the counter."""
        return {"count": session.state.count}

    def verify(self, rollout: RolloutView, session: Session[CounterTask, Counter]) -> Verification:
        """1.0 when the counter stands where it should, and the final answer says so if it has to; else 0.0."""
        task, count = session.task, session.state.count
        is_set = count == task.expected_count
        is_reported = _reported(rollout.final_text) == task.expected_count
        if not is_set:
            explanation = f"The counter stands at {count}, it should stand at {task.expected_count}."
        elif task.asks_for_report and not is_reported:
            explanation = f"The counter stands at {count}, as it should, but the final answer does not say so."
        else:
            explanation = f"The counter stands at {count}, as it should."
        return Verification(
            reward=float(is_set and (is_reported or not task.asks_for_report)),
            fields={"final_count": count, "count_is_right": is_set, "report_is_right": is_reported},
            explanation=explanation,
        )


def _reported(text: str) -> Decimal | None:
    """The value that a text says the counter has at the end; None when it says none, or several."""
    number = final_number(text)
    lines = [line for line in readable(text).splitlines() if any(map(str.isdigit, line))]
    if number is not None or not lines or _HEDGE.search(lines[-1]):
        return number
    says = list(_NOW.finditer(lines[-1]))
    return number_in(lines[-1][says[-1].end() :].translate(_MARKS)) if says else None


_NOW: Final = re.compile(
    r"\b(?:counter|it|value|count)\b(?: (?:now|currently|finally))?"
    r" (?:shows|reads|says|stands at|is at|is|equals)(?: (?:now|currently|at)){0,2}(?= )",
    re.IGNORECASE,
)
_HEDGE: Final = re.compile(r"\b(?:or|maybe|perhaps|possibly|might|may|could|either|answer)\b", re.IGNORECASE)
_MARKS: Final = str.maketrans("", "", "*_`")
