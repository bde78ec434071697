"""Names of keys in rows, in the configuration and in the environment."""

from typing import Final

TASK_INDEX_KEY_NAME: Final = "_ng_task_index"
ROLLOUT_INDEX_KEY_NAME: Final = "_ng_rollout_index"
ATTEMPT_INDEX_KEY_NAME: Final = "_ng_attempt_index"
ROLLOUT_ID_KEY_NAME: Final = "_ng_rollout_id"
RESPONSES_CREATE_PARAMS_KEY_NAME: Final = "responses_create_params"
RESPONSE_KEY_NAME: Final = "response"
AGENT_REF_KEY_NAME: Final = "agent_ref"
SKILLS_REF_KEY_NAME: Final = "skills_ref"

NEMO_GYM_CONFIG_DICT_ENV_VAR_NAME: Final = "NEMO_GYM_CONFIG_DICT"
NEMO_GYM_CONFIG_PATH_ENV_VAR_NAME: Final = "NEMO_GYM_CONFIG_PATH"

POLICY_BASE_URL_KEY_NAME: Final = "policy_base_url"
POLICY_API_KEY_KEY_NAME: Final = "policy_api_key"
POLICY_MODEL_NAME_KEY_NAME: Final = "policy_model_name"
POLICY_MODEL_KEY_NAME: Final = "policy_model"

CONFIG_PATHS_KEY_NAME: Final = "config_paths"
ENTRYPOINT_KEY_NAME: Final = "entrypoint"
DEFAULT_HOST_KEY_NAME: Final = "default_host"
HEAD_SERVER_KEY_NAME: Final = "head_server"
DISALLOWED_PORTS_KEY_NAME: Final = "disallowed_ports"
HEAD_SERVER_DEPS_KEY_NAME: Final = "head_server_deps"
PYTHON_VERSION_KEY_NAME: Final = "python_version"
PIP_INSTALL_VERBOSE_KEY_NAME: Final = "pip_install_verbose"
USE_ABSOLUTE_IP: Final = "use_absolute_ip"
UV_PIP_SET_PYTHON_KEY_NAME: Final = "uv_pip_set_python"
SKIP_VENV_IF_PRESENT_KEY_NAME: Final = "skip_venv_if_present"
HF_TOKEN_KEY_NAME: Final = "hf_token"
RAY_HEAD_NODE_ADDRESS_KEY_NAME: Final = "ray_head_node_address"
PORT_RANGE_LOW_KEY_NAME: Final = "port_range_low"
PORT_RANGE_HIGH_KEY_NAME: Final = "port_range_high"
DRY_RUN_KEY_NAME: Final = "dry_run"
UVICORN_TIMEOUT_WORKER_HEALTHCHECK: Final = "uvicorn_timeout_worker_healthcheck"
MODEL_ENDPOINT_READINESS_TIMEOUT_KEY_NAME: Final = "model_endpoint_readiness_timeout_seconds"
ALLOW_OPENAI_VERSION_SKEW_KEY_NAME: Final = "allow_openai_version_skew"
UV_CACHE_DIR_KEY_NAME: Final = "uv_cache_dir"
UV_VENV_DIR_KEY_NAME: Final = "uv_venv_dir"
RESULTS_DIR_KEY_NAME: Final = "results_dir"
CACHE_DIR_KEY_NAME: Final = "cache_dir"
INHERIT_FROM_KEY_NAME: Final = "_inherit_from"
COPY_KEY_NAME: Final = "_copy"
DELETE_KEY_KEY_NAME: Final = "_delete_key"
NEMO_GYM_LOG_DIR_KEY_NAME: Final = "nemo_gym_log_dir"
VERBOSE_KEY_NAME: Final = "verbose"
JSON_OUTPUT_KEY_NAME: Final = "json"
QUERY_KEY_NAME: Final = "query"
OBSERVABILITY_ENABLED_KEY_NAME: Final = "observability_enabled"
MODEL_CALL_CAPTURE_DIR_KEY_NAME: Final = "model_call_capture_dir"
TOKEN_ID_CAPTURE_BLOCK: Final = "token_id_capture"
COMPONENT_NAME_KEY_NAME: Final = "component_name"
SKIP_VERIFICATION_KEY_NAME: Final = "skip_verification"
SKIP_VERIFICATION_REWARD_KEY_NAME: Final = "skip_verification_reward"

NEMO_GYM_RESERVED_TOP_LEVEL_KEYS: Final = [
    value
    for name, value in list(globals().items())
    if name.isupper()
    and isinstance(value, str)
    and not value.startswith(("_ng_", "NEMO_GYM", "policy_"))
    and name
    not in {
        "RESPONSES_CREATE_PARAMS_KEY_NAME",
        "RESPONSE_KEY_NAME",
        "AGENT_REF_KEY_NAME",
        "SKILLS_REF_KEY_NAME",
        "DELETE_KEY_KEY_NAME",
        "UVICORN_TIMEOUT_WORKER_HEALTHCHECK",
    }
]
"""Top-level keys of a configuration that are no server."""

DEFAULT_HEAD_SERVER_PORT: Final = 11000
