"""The configuration of a run, under the names that servers and trainers import. polygym merges and checks it."""

from typing import Optional

from omegaconf import DictConfig, OmegaConf

from nemo_gym import CACHE_DIR, RESULTS_DIR, WORKING_DIR
from nemo_gym.config_types import (
    AlmostServerError,
    ConfigError,
    ConfigInterpolationError,
    ConfigMissingValuesError,
    ConfigPathNotFoundError,
    InheritPathNotFoundError,
    MalformedConfigPathsError,
    NoServerInstancesError,
    ServerRefNotFoundError,
    is_almost_server,
    is_server_ref,
    maybe_get_server_instance_config,
)
from nemo_gym.configuration import get_first_server_config_dict, get_global_config_dict, maybe_get_global_config_dict
from nemo_gym.keys import *
from nemo_gym.keys import DEFAULT_HEAD_SERVER_PORT, HF_TOKEN_KEY_NAME
from nemo_gym.openai_version import openai_version_fits as _openai_version_matches_nemo_gym_constraint
from nemo_gym.parsing import (
    GlobalConfigDictParser,
    GlobalConfigDictParserConfig,
    find_open_port,
    set_global_config_dict,
)


def get_hf_token() -> Optional[str]:
    """The token for the Hugging Face Hub, if one is configured."""
    token: str | None = get_global_config_dict().get(HF_TOKEN_KEY_NAME)
    return token
