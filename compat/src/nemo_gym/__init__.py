"""The import name `nemo_gym`, provided by polygym: what environments, agents and model servers written for it need.

Base classes, types and functions translate to polygym's; there is no engine here. Public names load on first use.
"""

import os
from importlib import import_module
from pathlib import Path
from typing import Any

from nemo_gym.package_info import __package_name__, __shortversion__, __version__
from nemo_gym.search_roots import BASE as PARENT_DIR
from nemo_gym.search_roots import EXTRA_ROOTS_VARIABLE as NEMO_GYM_EXTRA_ROOTS_ENV_VAR_NAME
from nemo_gym.search_roots import PACKAGE as ROOT_DIR
from nemo_gym.search_roots import component_search_roots, make_importable
from nemo_gym.search_roots import make_importable as _augment_sys_path
from nemo_gym.search_roots import resolve_file as _resolve_under_cwd_or_install

WORKING_DIR = PARENT_DIR if (PARENT_DIR / "pyproject.toml").exists() else Path.cwd()
"""Where caches and results go: the checkout that this package lies in, else the working directory."""
CACHE_DIR = WORKING_DIR / "cache"
RESULTS_DIR = WORKING_DIR / "results"

make_importable()
os.environ["TOKENIZERS_PARALLELISM"] = "false"
for _variable in ("HF_DATASETS_CACHE", "HF_HOME"):
    os.environ.setdefault(_variable, str(CACHE_DIR / "huggingface"))

_HOMES = {
    "base_resources_server": (
        "BaseResourcesServerConfig",
        "SimpleResourcesServer",
        "BaseRunRequest",
        "BaseVerifyRequest",
        "BaseVerifyResponse",
        "BaseMultiRewardVerifyResponse",
        "BaseSeedSessionRequest",
        "BaseSeedSessionResponse",
        "ReverifyMode",
    ),
    "base_responses_api_agent": ("BaseResponsesAPIAgentConfig", "SimpleResponsesAPIAgent"),
    "base_responses_api_model": ("BaseResponsesAPIModelConfig", "SimpleResponsesAPIModel"),
    "server_utils": ("ServerClient", "raise_for_status", "get_response_json", "SESSION_ID_KEY"),
    "config_types": (
        "BaseServerConfig",
        "BaseRunServerInstanceConfig",
        "Domain",
        "AggregateMetrics",
        "AggregateMetricsRequest",
        "ModelServerRef",
    ),
    "openai_utils": (
        "NeMoGymAsyncOpenAI",
        "NeMoGymResponse",
        "NeMoGymResponseCreateParamsNonStreaming",
        "NeMoGymChatCompletion",
        "NeMoGymChatCompletionCreateParamsNonStreaming",
    ),
}
_LAZY_EXPORTS = {name: module for module, names in _HOMES.items() for name in names}
_EAGER = ("ROOT_DIR", "PARENT_DIR", "WORKING_DIR", "CACHE_DIR", "RESULTS_DIR", "__version__", "__package_name__")

__all__ = sorted({*_EAGER, *_LAZY_EXPORTS})  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _LAZY_EXPORTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"{__name__}.{_LAZY_EXPORTS[name]}"), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY_EXPORTS})
