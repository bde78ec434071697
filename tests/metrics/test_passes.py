"""pass@k and its kin against enumeration of every way to draw k samples."""

from collections.abc import Callable
from itertools import combinations
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polygym.metrics.passes import majority_at_k, mean_at_k, pass_at_k, pass_hat_k


@st.composite
def draws(draw: st.DrawFn) -> tuple[list[bool], int]:
    samples = draw(st.lists(st.booleans(), min_size=1, max_size=9))
    return samples, draw(st.integers(1, len(samples)))


@given(draws())
def test_pass_at_k_is_the_share_of_draws_with_a_correct_sample(drawn: tuple[list[bool], int]) -> None:
    samples, k = drawn
    expected = fmean(any(chosen) for chosen in combinations(samples, k))
    assert pass_at_k(sum(samples), len(samples), k) == pytest.approx(expected)


@given(draws())
def test_pass_hat_k_is_the_share_of_draws_with_only_correct_samples(drawn: tuple[list[bool], int]) -> None:
    samples, k = drawn
    expected = fmean(all(chosen) for chosen in combinations(samples, k))
    assert pass_hat_k(sum(samples), len(samples), k) == pytest.approx(expected)


def test_thousands_of_samples_are_no_trouble() -> None:
    assert pass_at_k(1, 5000, 2500) == pytest.approx(0.5)
    assert pass_hat_k(4999, 5000, 2500) == pytest.approx(0.5)


@pytest.mark.parametrize("estimator", [pass_at_k, pass_hat_k])
@pytest.mark.parametrize(("correct", "total", "k"), [(1, 3, 4), (1, 3, 0), (4, 3, 1), (-1, 3, 1), (0, 0, 1)])
def test_impossible_counts_are_refused(estimator: Callable[..., float], correct: int, total: int, k: int) -> None:
    with pytest.raises(ValueError, match=r"impossible|needs 1 <= k"):
        estimator(correct, total, k)


def test_mean_at_k_takes_the_first_k() -> None:
    assert mean_at_k([1.0, 0.0, 0.0], 2) == 0.5
    with pytest.raises(ValueError, match="k = 4"):
        mean_at_k([1.0, 0.0, 0.0], 4)


@pytest.mark.parametrize(
    ("answers", "rewards", "k", "expected"),
    [
        (["4", "4", "5"], [1.0, 1.0, 0.0], 3, 1.0),
        (["5", "4", "4"], [0.0, 1.0, 1.0], 1, 0.0),
        (["5", "4"], [0.0, 1.0], 2, 0.5),
        ([None, None, "4"], [0.0, 0.0, 1.0], 3, 1.0),
        ([None, None], [0.0, 0.0], 2, 0.0),
        (["4", "4"], [1.0, 0.0], 2, 0.5),
    ],
)
def test_majority_at_k_is_the_reward_of_the_commonest_answer(
    answers: list[str | None], rewards: list[float], k: int, expected: float
) -> None:
    assert majority_at_k(answers, rewards, k) == expected


def test_majority_at_k_wants_a_reward_for_each_answer() -> None:
    with pytest.raises(ValueError, match="2 answers and 1 rewards"):
        majority_at_k(["a", "b"], [1.0], 1)
