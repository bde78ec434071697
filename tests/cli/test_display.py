"""The progress display where there is no terminal; the one in a terminal is in test_interrupts.py."""

import asyncio

import pytest

from polygym.cli.display import Display
from polygym.protocol.failures import FailureClass, RolloutFailure, Stage
from polygym.rollouts.progress import AgentProgress, Progress


def shown_during(progress: Progress, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What a display says of `progress` in several ticks."""

    async def show() -> None:
        with Display(progress, interval_s=0.001):
            await asyncio.sleep(0.05)

    asyncio.run(show())
    return capsys.readouterr().err.splitlines()


def test_an_environment_that_got_on_has_a_line_and_one_that_did_not_has_none(
    capsys: pytest.CaptureFixture[str],
) -> None:
    slow = RolloutFailure(FailureClass.TIMEOUT, Stage.VERIFY, "too slow")
    moving = AgentProgress(total=10, done=4, failed=1, retried=2, reward_sum=1.5, scored=3, last_failure=slow)

    (line,) = shown_during(Progress({"math": moving, "code": AgentProgress(total=5)}), capsys)

    assert line.startswith("math: 4/10 done, ")
    assert line.endswith("mean reward 0.500, failed 1, 2 retried, last: timeout")


def test_a_mean_reward_before_the_first_reward_is_left_open(capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = shown_during(Progress({"math": AgentProgress(total=10, failed=1)}), capsys)

    assert "mean reward -" in line
