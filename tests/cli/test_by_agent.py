"""Numbers for all agents and for single ones, as options and overrides write them."""

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from polygym.cli.by_agent import Counts, Limits, Numbers


class Options(BaseModel):
    counts: Counts = None
    numbers: Numbers = None
    limits: Limits = None


@pytest.mark.parametrize(
    ("given", "plain", "agents"),
    [
        ("8", 8, {}),
        (8, 8, {}),
        ("math=4, code=2", None, {"math": 4, "code": 2}),
        ("8,math=4", 8, {"math": 4}),
        ("math=4,8", 8, {"math": 4}),
        ({"math": 4}, None, {"math": 4}),
        (None, None, {}),
    ],
)
def test_a_number_stands_for_all_and_a_name_for_one(given: Any, plain: int | None, agents: dict[str, int]) -> None:
    counts = Options(counts=given).counts

    assert (counts.plain, counts.agents) == (plain, agents)


def test_an_agents_own_number_wins_over_the_plain_one() -> None:
    numbers = Options(numbers="1.5,math=0.25").numbers

    assert numbers.of(["math", "code"]) == {"math": 0.25, "code": 1.5}


def test_agents_without_a_number_are_left_as_they_are() -> None:
    assert Options(counts="math=4").counts.of(["math", "code"]) == {"math": 4}


@pytest.mark.parametrize(
    ("given", "plain", "agents"),
    [("auto", None, {}), ("auto,math=4", None, {"math": 4}), ("64", 64, {}), ("math=4", 256, {"math": 4})],
)
def test_a_concurrency_may_be_found_out_by_the_run(given: str, plain: int | None, agents: dict[str, int]) -> None:
    limits = Options(limits=given).limits

    assert (limits.plain, limits.agents) == (plain, agents)


@pytest.mark.parametrize(
    "given", ["many", "", "a=", "=3", "a=1,a=2", "1,2", "0", "-1", "a=0", "auto", "1.5", [1], "a=b=c"]
)
def test_what_is_no_count_is_refused(given: Any) -> None:
    with pytest.raises(ValidationError):
        Options(counts=given)


@pytest.mark.parametrize("given", ["nan", "inf", "0", "a=-1", "auto"])
def test_what_is_no_positive_number_is_refused(given: str) -> None:
    with pytest.raises(ValidationError):
        Options(numbers=given)


def test_an_agents_concurrency_is_a_number() -> None:
    with pytest.raises(ValidationError):
        Options(limits="a=auto")
