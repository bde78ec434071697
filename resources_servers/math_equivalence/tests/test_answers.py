"""Which of what a policy wrote is its answer."""

import pytest

pytest.importorskip("math_verify", reason="the extra 'math' is not installed")

from resources_servers.math_equivalence.answers import final_expressions


@pytest.mark.parametrize(
    "answer",
    [
        "The answer is not \\boxed{249}.",
        "\\boxed{249} is wrong.",
        "The answer is not 249",
        "\\boxed{249}\n\nNo wait, I am not sure at all, it may be 248.",
    ],
)
def test_an_answer_that_is_denied_or_taken_back_is_none(answer: str) -> None:
    assert final_expressions(answer) == []
