"""The tokens of model calls, captured where they are made, for agents whose own answers do not carry them.

A model server writes every call that comes by `/ng-rollout/<id>/training-token-capture/…` to a sink; whoever collects
makes one answer of a rollout's calls. Nothing here needs a server: it can be used in an inference worker.
"""

from nemo_gym.token_id_capture.builder import (
    Chain,
    assert_prefix_contiguity,
    per_request,
    prefix_merging,
    project_chain_to_output_items,
    project_main_chain_response,
    run_builder,
)
from nemo_gym.token_id_capture.config import TokenIdCaptureConfig
from nemo_gym.token_id_capture.consumer import (
    clear_token_captures_for_rollouts,
    token_id_capture_dirs_from_config,
    trajectories_for_rollout,
    trajectories_from_source,
)
from nemo_gym.token_id_capture.protocols import (
    TokenCaptureSnapshot,
    TokenSink,
    TokenSource,
    install_token_sink,
    install_token_source,
    installed_token_sink,
    installed_token_source,
)
from nemo_gym.token_id_capture.records import (
    TOKEN_ENTRY_RECORD_SCHEMA_VERSION,
    TOKEN_FIELDS,
    TokenEntry,
    extract_token_fields,
)
from nemo_gym.token_id_capture.sink import (
    CaptureContext,
    capture_tokens,
    commit_entry,
    current_capture_context,
    register_call_intent,
    reset_token_sink,
    set_token_sink,
)
from nemo_gym.token_id_capture.store import TokenCaptureStore, make_token_store, validate_rollout_id

__all__ = [
    "TOKEN_ENTRY_RECORD_SCHEMA_VERSION",
    "TOKEN_FIELDS",
    "CaptureContext",
    "Chain",
    "TokenCaptureSnapshot",
    "TokenCaptureStore",
    "TokenEntry",
    "TokenIdCaptureConfig",
    "TokenSink",
    "TokenSource",
    "assert_prefix_contiguity",
    "capture_tokens",
    "clear_token_captures_for_rollouts",
    "commit_entry",
    "current_capture_context",
    "extract_token_fields",
    "install_token_sink",
    "install_token_source",
    "installed_token_sink",
    "installed_token_source",
    "make_token_store",
    "per_request",
    "prefix_merging",
    "project_chain_to_output_items",
    "project_main_chain_response",
    "register_call_intent",
    "reset_token_sink",
    "run_builder",
    "set_token_sink",
    "token_id_capture_dirs_from_config",
    "trajectories_for_rollout",
    "trajectories_from_source",
    "validate_rollout_id",
]
