"""Hypothesis as a source of varied values: the same ones every time, without shrinking or a database."""

from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy

ValueT = TypeVar("ValueT")


def draw(values: SearchStrategy[ValueT], count: int) -> list[ValueT]:
    """At most `count` values. Raises HypothesisException when there are none."""
    drawn: list[ValueT] = []

    @settings(
        max_examples=count,
        phases=[Phase.generate],
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(values)
    def collect(value: Any) -> None:
        drawn.append(value)

    collect()
    return drawn
