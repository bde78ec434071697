"""A rollout's record: the keys it carries besides the task's own fields, and the four ways it can end."""

from enum import StrEnum
from typing import Final

from polygym.protocol.json import JsonObject
from polygym.protocol.tasks import ATTEMPT_INDEX, ROLLOUT_INDEX, TASK_INDEX

ROLLOUT_STATE: Final = "rollout_state"
ROLLOUT_ID: Final = "_ng_rollout_id"
FAILURE_CLASS: Final = "_ng_failure_class"
MASK_SAMPLE: Final = "mask_sample"
USAGE: Final = "_ng_usage"
"""Tokens that the model calls of an attempt took, by model server; where a run counts them."""
COST_USD: Final = "_ng_cost_usd"
"""What they cost, where prices are configured."""


class RolloutState(StrEnum):
    """How an attempted rollout ended. Every record says so under `rollout_state`."""

    SCORED = "scored"
    """It has a reward."""
    MASKED = "masked"
    """It has a reward but is not to be trained on; `failure_reason` says why."""
    FAILED = "failed"
    """It has no reward: class, stage and attempt are in the record."""
    UNRESOLVED = "unresolved"
    """It has no reward and no attempt is left."""


def rollout_id(task_index: int, rollout_index: int, attempt: int = 0) -> str:
    """`<task>-<repeat>`, with `-a<attempt>` for a retry."""
    return f"{task_index}-{rollout_index}" + (f"-a{attempt}" if attempt else "")


def without_attempt(identifier: str) -> str:
    """What the ids of all attempts at one rollout share."""
    shared, _, attempt = identifier.rpartition("-a")
    return shared if attempt.isdigit() and shared else identifier


def rollout_id_of(row: JsonObject) -> str | None:
    """The id that a row carries or that its indices give; None when it has neither."""
    if ROLLOUT_ID in row:
        return str(row[ROLLOUT_ID])
    if TASK_INDEX in row and ROLLOUT_INDEX in row:
        return rollout_id(row[TASK_INDEX], row[ROLLOUT_INDEX], row.get(ATTEMPT_INDEX, 0))
    return None
