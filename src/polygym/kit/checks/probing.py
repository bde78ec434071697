"""Handing single outputs to `verify`, without an agent: in a session of their own, with an end to endless computing."""

import asyncio
import time
from typing import Final, NamedTuple

from polygym.channels.embedded import EmbeddedResources
from polygym.kit.checks.subject import Sample, Subject
from polygym.kit.cpu_limit import CpuLimitExceededError, cpu_limit
from polygym.protocol.calls import RolloutContext
from polygym.protocol.failures import RolloutFailure
from polygym.protocol.json import JsonObject
from polygym.protocol.responses import new_response
from polygym.protocol.tasks import PARAMS

PATIENCE: Final = 5.0
"""Times the CPU time that `verify` may take, after which it is interrupted."""
WAIT_S: Final = 60.0
"""Seconds that it may take in a thread or a process of its own."""


class Verified(NamedTuple):
    """What became of an output."""

    reward: float | None
    problem: str | None
    """Why there is no reward, or why it is none that may be."""
    cpu_s: float
    """Seconds of CPU time that `verify` took in this process."""
    is_too_slow: bool = False
    """Whether it was given up."""


def verified(subject: Subject, sample: Sample, items: list[JsonObject]) -> Verified:
    """What the environment makes of a rollout of `sample` in which the model has said `items`."""
    try:
        with cpu_limit(subject.settings.verify_limit_s * PATIENCE):
            return subject.run(_verified(subject, sample, items))
    except CpuLimitExceededError as error:
        subject.reopen()
        return Verified(None, f"verify {error} and was interrupted", subject.settings.verify_limit_s * PATIENCE, True)
    except TimeoutError:
        return Verified(None, f"verify took more than {WAIT_S:g} s", WAIT_S, True)


async def _verified(subject: Subject, sample: Sample, items: list[JsonObject]) -> Verified:
    response = new_response(sample.row[PARAMS], items, model="script")
    resources = EmbeddedResources(subject.playground.server)
    try:
        async with asyncio.timeout(WAIT_S), resources.open(sample.row, RolloutContext("0-0")) as session:
            started = time.process_time()
            row = await session.verify(response)
            cpu_s = time.process_time() - started
    except RolloutFailure as failure:
        return Verified(None, failure.message, 0.0)
    reward = float(row["reward"])
    if not subject.low <= reward <= subject.high:
        return Verified(reward, f"reward {reward:g} is out of range {subject.low:g} to {subject.high:g}", cpu_s)
    return Verified(reward, None, cpu_s)
