"""A rollout's captured calls as one answer to train on. What cannot be trained on is masked, with the reason."""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, Optional

from nemo_gym.token_id_capture.builder import assert_prefix_contiguity, project_main_chain_response, run_builder
from nemo_gym.token_id_capture.config import token_id_capture_config
from nemo_gym.token_id_capture.protocols import TokenCaptureSnapshot, TokenSource
from nemo_gym.token_id_capture.records import TokenEntry
from nemo_gym.token_id_capture.store import TokenCaptureStore

log: Final = logging.getLogger("nemo_gym.token_id_capture")
BuiltTrajectory = dict[str, Any]


def token_id_capture_dirs_from_config(global_config_dict: Any) -> list[Path]:
    """The folder of a run whose tokens are captured in files."""
    config = token_id_capture_config(global_config_dict)
    folder = config.resolved_dir()
    return [folder] if config.enabled and config.token_id_capture.sink is None and folder is not None else []


def clear_token_captures_for_rollouts(records: Iterable[Any], token_capture_dirs: Sequence[Path]) -> None:
    """Remove what earlier runs have left under the ids of rows that are about to be run."""
    from nemo_gym.rollout_correlation import maybe_rollout_id_from_run_body

    ids = [rollout_id for record in records if (rollout_id := maybe_rollout_id_from_run_body(record))]
    for folder in token_capture_dirs:
        store = TokenCaptureStore(folder)
        for rollout_id in ids:
            store.delete(rollout_id)


def trajectories_for_rollout(
    rollout_id: str, token_capture_dirs: Sequence[Path], *, builder: str = "prefix_merging", model: str = ""
) -> Optional[BuiltTrajectory]:
    """The answer of a rollout whose calls are in files; None when there is no folder."""
    for folder in token_capture_dirs[:1]:
        try:
            snapshot = TokenCaptureStore(folder).freeze_now(rollout_id)
        except Exception as error:
            return _unreadable(rollout_id, builder, error)
        return _built(snapshot, _assembled(rollout_id, snapshot.entries, builder, model))
    return None


async def trajectories_from_source(
    rollout_id: str, source: TokenSource, *, builder: str = "prefix_merging", model: str = ""
) -> BuiltTrajectory:
    """The answer of a rollout whose calls a source gives."""
    try:
        snapshot = await source.freeze(rollout_id)
    except Exception as error:
        return _unreadable(rollout_id, builder, error)
    built = await asyncio.to_thread(_assembled, rollout_id, snapshot.entries, builder, model)
    return _built(snapshot, built)


def _unreadable(rollout_id: str, builder: str, error: Exception) -> BuiltTrajectory:
    log.warning("the captured calls of rollout %s cannot be read: %s", rollout_id, error)
    return _masked(rollout_id, builder, f"{type(error).__name__}: {error}", 0)


def _masked(rollout_id: str, builder: str, error: str, calls: int) -> BuiltTrajectory:
    return {
        "rollout_id": rollout_id,
        "builder": builder,
        "rebuilt_response": None,
        "mask_sample": True,
        "error": error,
        "metrics": {"n_calls": calls},
    }


def _built(snapshot: TokenCaptureSnapshot, built: BuiltTrajectory) -> BuiltTrajectory:
    if snapshot.incomplete:
        built["mask_sample"] = True
        built["metrics"]["capture_incomplete"] = True
    return {**built, "_capture_snapshot": {"snapshot_id": snapshot.snapshot_id, "version": snapshot.version}}


def _assembled(rollout_id: str, entries: Sequence[TokenEntry], builder: str, model: str) -> BuiltTrajectory:
    if not entries:
        return _masked(rollout_id, builder, "capture contains no token records", 0)
    if builder == "per_request":
        problem = "per_request returns multiple trajectories and is not supported by single-response delivery"
        return _masked(rollout_id, builder, problem, len(entries))
    try:
        out = run_builder(list(entries), builder)
        response = project_main_chain_response(rollout_id, out, model=model)
        assert_prefix_contiguity(response)
    except (AssertionError, ValueError, KeyError, IndexError, TypeError) as error:
        log.warning("no answer can be made of the %d calls of rollout %s: %s", len(entries), rollout_id, error)
        return _masked(rollout_id, builder, f"{type(error).__name__}: {error}", len(entries))
    notes = out.notes
    return {
        "rollout_id": rollout_id,
        "builder": builder,
        "rebuilt_response": response,
        "mask_sample": bool(notes.unresolved_retries) or (notes.roots, notes.chains) != (1, 1),
        "unresolved_retries": list(notes.unresolved_retries),
        "metrics": {
            "n_calls": len(entries),
            "chains": notes.chains,
            "roots": notes.roots,
            "quarantined_calls": len(out.quarantined),
            "quarantined_fraction": round(len(out.quarantined) / len(entries), 4),
            "delivered_fraction": notes.delivered_fraction,
            "generated_tokens_captured": notes.generated_tokens_captured,
            "generated_tokens_delivered": notes.generated_tokens_delivered,
            "empty_generation_calls": len(notes.empty_generation_calls),
        },
    }
