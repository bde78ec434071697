"""Ids of rollouts and of their attempts."""

import pytest

from polygym.protocol.rollouts import rollout_id, without_attempt


@pytest.mark.parametrize("attempt", [0, 1, 12])
def test_all_attempts_at_a_rollout_share_an_id(attempt: int) -> None:
    assert without_attempt(rollout_id(3, 1, attempt)) == "3-1"


@pytest.mark.parametrize("identifier", ["3-1", "a", "-a1", "run-alpha", "3-1-a", "3-1-ab2", "rollout_9f"])
def test_an_id_without_an_attempt_stays_as_it_is(identifier: str) -> None:
    assert without_attempt(identifier) == identifier
