"""Servers, the client between them and outgoing requests, under the names that servers import."""

from omegaconf import DictConfig

from nemo_gym.config_types import (
    ROLLOUT_PATH_PREFIX,
    TOKEN_CAPTURE_PATH_SEGMENT,
    BaseRunServerInstanceConfig,
    BaseServerConfig,
)
from nemo_gym.configuration import get_first_server_config_dict, get_global_config_dict
from nemo_gym.keys import (
    DEFAULT_HEAD_SERVER_PORT,
    DRY_RUN_KEY_NAME,
    HEAD_SERVER_KEY_NAME,
    NEMO_GYM_CONFIG_PATH_ENV_VAR_NAME,
    OBSERVABILITY_ENABLED_KEY_NAME,
    RAY_HEAD_NODE_ADDRESS_KEY_NAME,
    UVICORN_TIMEOUT_WORKER_HEALTHCHECK,
)
from nemo_gym.outgoing import (
    MAX_NUM_TRIES,
    NEMO_GYM_FASTAPI_NUM_WORKERS,
    GlobalAIOHTTPAsyncClientConfig,
    get_global_aiohttp_client,
    get_response_json,
    global_aiohttp_client_exit,
    is_global_aiohttp_client_request_debug_enabled,
    is_global_aiohttp_client_setup,
    raise_for_status,
    request,
    set_global_aiohttp_client,
)
from nemo_gym.parsing import GlobalConfigDictParser, GlobalConfigDictParserConfig
from nemo_gym.profiling import Profiler
from nemo_gym.rollout_correlation import current_rollout_id, maybe_rollout_id_from_run_body
from nemo_gym.server_client import (
    ServerClient,
    ServerStatus,
    apply_rollout_prefix,
    get_server_url,
    rollout_path_prefix,
    setup_server_client,
)
from nemo_gym.servers import (
    IS_NEMO_GYM_FASTAPI_ENTRYPOINT_KEY_NAME,
    IS_NEMO_GYM_FASTAPI_WORKER_KEY_NAME,
    SESSION_ID_KEY,
    BaseServer,
    SimpleServer,
)
from nemo_gym.workers import (
    get_nemo_gym_fastapi_num_workers,
    is_nemo_gym_fastapi_entrypoint,
    is_nemo_gym_fastapi_worker,
    set_is_nemo_gym_fastapi_entrypoint,
    set_is_nemo_gym_fastapi_worker,
    set_nemo_gym_fastapi_num_workers,
)
