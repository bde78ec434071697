"""Finished rollouts get their captured tokens back; those that cannot are masked. Nothing here raises."""

import warnings
from typing import Any, Final, Optional

from nemo_gym.rollout_correlation import maybe_rollout_id_from_run_body
from nemo_gym.token_id_capture.consumer import BuiltTrajectory, trajectories_from_source
from nemo_gym.token_id_capture.protocols import TokenSource

TOKEN_CAPTURE_KEY: Final = "_ng_token_capture"
MASK_SAMPLE_KEY: Final = "mask_sample"
REDUNDANT_KEY: Final = "_redundant_capture"
SNAPSHOT_KEY: Final = "_capture_snapshot"


def rollout_carries_token_ids(result: dict[str, Any]) -> bool:
    """Whether a rollout has generated tokens already."""
    response = result.get("response")
    output = response.get("output") if isinstance(response, dict) else None
    return any(isinstance(item, dict) and item.get("generation_token_ids") for item in output or ())


async def finalize_rollout_token_capture(
    result: dict[str, Any], source: Optional[TokenSource]
) -> Optional[BuiltTrajectory]:
    """Put the captured tokens of a rollout into `response.output` of its record; everything else in it stays.

    A rollout that has tokens is left alone, since those are what was sampled. One that gets none is masked, with the
    reason. None when there is no source. What was captured is kept until `retire_rollout_token_capture`.
    """
    if source is None:
        return None
    try:
        rollout_id = maybe_rollout_id_from_run_body(result)
    except (TypeError, ValueError) as error:
        return _unusable(result, f"malformed rollout id: {error}")
    if rollout_carries_token_ids(result):
        return await _redundant(rollout_id, source) if rollout_id is not None else None
    if rollout_id is None:
        return _unusable(result, "no capture key", who="a rollout that carries no id")
    response = result.get("response")
    model = str(response.get("model") or "") if isinstance(response, dict) else ""
    try:
        built = await trajectories_from_source(rollout_id, source, model=model)
    except Exception as error:
        return _unusable(result, f"{type(error).__name__}: {error}")
    if (rebuilt := built["rebuilt_response"]) is not None:
        if isinstance(response, dict):
            response["output"] = rebuilt["output"]
        else:
            result["response"] = rebuilt
    metrics = {**built["metrics"], **({"error": built["error"]} if built.get("error") else {})}
    result[TOKEN_CAPTURE_KEY] = metrics
    if built[MASK_SAMPLE_KEY]:
        result[MASK_SAMPLE_KEY] = True
        warnings.warn(f"rollout {rollout_id} is marked for masking, its capture being unsafe: {metrics}", stacklevel=2)
    return built


async def _redundant(rollout_id: str, source: TokenSource) -> Optional[BuiltTrajectory]:
    try:
        snapshot = await source.freeze(rollout_id)
    except Exception as error:
        warnings.warn(f"the redundant capture of rollout {rollout_id} cannot be read: {error}", stacklevel=3)
        return None
    identity = {"snapshot_id": snapshot.snapshot_id, "version": snapshot.version}
    return {"rebuilt_response": None, MASK_SAMPLE_KEY: False, REDUNDANT_KEY: True, SNAPSHOT_KEY: identity}


def _unusable(result: dict[str, Any], error: str, *, who: str = "a rollout") -> BuiltTrajectory:
    metrics = {"n_calls": 0, "error": error}
    result[MASK_SAMPLE_KEY] = True
    result[TOKEN_CAPTURE_KEY] = metrics
    warnings.warn(f"{who} stays without token ids, and is masked: {error}", stacklevel=3)
    return {"rebuilt_response": None, MASK_SAMPLE_KEY: True, "error": error, "metrics": metrics}


def capture_build_can_retire(built: Optional[BuiltTrajectory]) -> bool:
    """Whether what was captured has been put to use, or was not needed."""
    if built is None or built.get(MASK_SAMPLE_KEY):
        return False
    return built.get("rebuilt_response") is not None or bool(built.get(REDUNDANT_KEY))


async def retire_rollout_token_capture(
    rollout_id: str, source: Optional[TokenSource], built: Optional[BuiltTrajectory]
) -> bool:
    """Let the source forget a rollout whose record is safe by now; whether it did. Masked ones are kept."""
    if source is None or built is None or not capture_build_can_retire(built):
        return False
    snapshot = built.get(SNAPSHOT_KEY)
    if not isinstance(snapshot, dict):
        warnings.warn(f"rollout {rollout_id} has no frozen capture to retire", stacklevel=2)
        return False
    try:
        return await source.drop(rollout_id, snapshot_id=str(snapshot["snapshot_id"]), version=int(snapshot["version"]))
    except Exception as error:
        warnings.warn(f"the capture of rollout {rollout_id} could not be retired: {error}", stacklevel=2)
        return False
