"""What one attempt leaves behind: the row that is written for a reward, or for its absence."""

import math
from typing import Any, Final

from polygym.protocol.calls import RolloutContext
from polygym.protocol.failures import FailureClass, RolloutFailure, Stage, failure_from_json
from polygym.protocol.json import JsonObject
from polygym.protocol.rollouts import FAILURE_CLASS, MASK_SAMPLE, ROLLOUT_STATE, RolloutState
from polygym.protocol.tasks import AGENT_REF, ATTEMPT_INDEX, PARAMS, ROLLOUT_INDEX, TASK_INDEX

CAPTURE: Final = "ng_model_call_capture"
"""Summary of a rollout's model calls, where they are written down."""
CARRIED = (AGENT_REF, TASK_INDEX, ROLLOUT_INDEX)
"""Keys that say which rollout a record is of; they come from the plan, whatever an agent answers."""


def finished_record(row: JsonObject, result: Any) -> JsonObject:
    """The rollouts file's row: the task's fields, what the agent answered, which rollout it is and how it ended.

    Raises RolloutFailure when `result` reports a failure or has no finite reward.
    """
    if not isinstance(result, dict):
        raise RolloutFailure(
            FailureClass.AGENT_ERROR, Stage.AGENT, f"the agent gave {type(result).__name__}, not a verified row"
        )
    if FAILURE_CLASS in result:
        raise failure_from_json(result)
    reward = result.get("reward")
    if isinstance(reward, bool) or not isinstance(reward, (int, float)) or not math.isfinite(reward):
        raise RolloutFailure(
            FailureClass.VERIFIER_ERROR, Stage.VERIFY, f"the reward is {reward!r}, not a finite number"
        )
    record = {**row, **result}
    for key in CARRIED:
        record[key] = row[key]
    record[ROLLOUT_STATE] = RolloutState.MASKED if result.get(MASK_SAMPLE) else RolloutState.SCORED
    return record


def failed_record(row: JsonObject, failure: RolloutFailure, attempt: int, state: RolloutState | None) -> JsonObject:
    """The failures file's row for one attempt. `state` is how the rollout ended, None when it is tried again."""
    record = {key: row[key] for key in CARRIED}
    record[ATTEMPT_INDEX] = attempt
    record[ROLLOUT_STATE] = state
    record.update(failure.to_json())
    if failure.__cause__ is not None:
        record["_ng_failure_type"] = type(failure.__cause__).__name__
    record[PARAMS] = row[PARAMS]
    return record


def capture_summary(context: RolloutContext) -> JsonObject:
    """What the model calls of a rollout come to; the calls themselves stand in a file of their own."""
    seconds = context.durations_s.get(Stage.MODEL, ())
    return {
        "rollout_id": context.rollout_id,
        "metrics": {
            "model_calls": len(seconds),
            "latency_s": round(sum(seconds), 6),
            "latency_max_s": round(max(seconds, default=0.0), 6),
            "time_to_first_token_s": None,
            "rate_limits": context.rate_limits,
        },
    }
