"""Model calls, written down per rollout if `observability_enabled` is on, and read again for the rollout's record."""

import logging
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from nemo_gym.capture_middleware import CaptureMiddleware
from nemo_gym.capture_store import CaptureStore, ModelCallCaptureConfig, make_capture_store
from nemo_gym.model_call_records import aggregate_model_call_records, read_available_model_call_records
from nemo_gym.rollout_correlation import maybe_rollout_id_from_run_body
from nemo_gym.rollout_observability import AgentObservationBundle, ObservationGap, join_model_call_observations
from nemo_gym.token_id_capture.middleware import install_token_capture

HARNESS_MATCHERS: Final = {
    "claude_code": (
        "responses_api_agents.claude_code_agent.observability",
        "associate_claude_code_compaction_calls",
    )
}
"""By source of observations: the agent server's function that matches calls which its harness makes on its own."""

log = logging.getLogger("nemo_gym.capture")


def install_model_call_capture(
    app: Any,
    config: ModelCallCaptureConfig,
    *,
    model_server_name: str | None = None,
    global_config_dict: Any = None,
) -> None:
    """Let a model server take rollouts off its paths, and write its calls, and their tokens, if that is configured."""
    app.add_middleware(CaptureMiddleware, store=make_capture_store(config), model_server_name=model_server_name)
    install_token_capture(app, global_config_dict)


def model_call_capture_dirs_from_config(global_config_dict: Any) -> list[Path]:
    """The folder of a run, if its calls are captured."""
    config = ModelCallCaptureConfig.model_validate(global_config_dict)
    if not config.observability_enabled:
        return []
    assert config.model_call_capture_dir is not None
    return [config.model_call_capture_dir]


def clear_model_call_captures_for_rollouts(records: Iterable[Any], capture_dirs: Sequence[Path]) -> None:
    """Remove what earlier attempts under the same ids have left, before rows are run."""
    ids = [rollout_id for record in records if (rollout_id := maybe_rollout_id_from_run_body(record))]
    for folder in capture_dirs:
        store = CaptureStore(folder)
        for rollout_id in ids:
            store.path_for(rollout_id).unlink(missing_ok=True)
            store.incomplete_path_for(rollout_id).unlink(missing_ok=True)


def merge_model_call_capture_into_record(
    record: dict[str, Any], capture_dirs: Sequence[Path], *, include_payloads: bool = False
) -> dict[str, Any]:
    """Add a rollout's calls to its row, under `ng_model_call_capture`, and complete what its agent observed.

    Calls that are missing or damaged are named in `gaps`. Requests and answers stay in the store unless they are asked
    for.
    """
    rollout_id = maybe_rollout_id_from_run_body(record) if capture_dirs else None
    if rollout_id is None:
        return record
    calls, gaps = _calls_of(rollout_id, capture_dirs)
    observed = record.get("ng_agent_observations")
    if observed is not None:
        try:
            bundle = _matched_by_harness(AgentObservationBundle.model_validate(observed), calls)
            record["ng_agent_observations"] = join_model_call_observations(bundle, calls).model_dump(mode="json")
        except Exception as error:
            log.warning("the observations of rollout %s could not be joined: %s", rollout_id, error)
            gaps.append(ObservationGap(code="agent_observation_join_failed"))
    left_out = None if include_payloads else {"request", "response", "request_raw", "response_raw"}
    capture: dict[str, Any] = {
        "rollout_id": rollout_id,
        "metrics": aggregate_model_call_records(calls),
        "calls": [call.model_dump(exclude=left_out) for call in calls],
    }
    if gaps:
        capture["gaps"] = [gap.model_dump(mode="json", exclude_none=True) for gap in gaps]
    record["ng_model_call_capture"] = capture
    return record


def _matched_by_harness(bundle: AgentObservationBundle, calls: Sequence[Any]) -> AgentObservationBundle:
    """The bundle after the harness that it is from, if one has code for that, has found calls that it gave no name."""
    if bundle.source not in HARNESS_MATCHERS:
        return bundle
    module, name = HARNESS_MATCHERS[bundle.source]
    try:
        matched: AgentObservationBundle = getattr(import_module(module), name)(bundle, list(calls))
    except Exception as error:
        log.warning("%s.%s could not match model calls: %s", module, name, error)
        bundle.gaps.append(ObservationGap(code="compaction_model_call_join_failed"))
        return bundle
    return matched


def _calls_of(rollout_id: str, capture_dirs: Sequence[Path]) -> tuple[list[Any], list[ObservationGap]]:
    stores = (CaptureStore(folder) for folder in capture_dirs)
    store = next((one for one in stores if one.path_for(rollout_id).exists() or one.is_incomplete(rollout_id)), None)
    if store is None:
        return [], [ObservationGap(code="model_call_capture_no_records")]
    try:
        calls, damaged = read_available_model_call_records(store, rollout_id)
    except OSError as error:
        log.warning("the calls of rollout %s cannot be read: %s", rollout_id, error)
        return [], [ObservationGap(code="model_call_capture_unreadable")]
    gaps = []
    if damaged:
        gaps.append(ObservationGap(code="model_call_capture_records_unreadable", detail=f"count={damaged}"))
    if store.is_incomplete(rollout_id):
        gaps.append(ObservationGap(code="model_call_capture_incomplete"))
    elif not (calls or damaged):
        gaps.append(ObservationGap(code="model_call_capture_no_records"))
    return calls, gaps
