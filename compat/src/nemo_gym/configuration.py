"""The configuration of this process: given by who started it, or read from the command line once."""

import logging
import os
import platform
from typing import Any, Optional

from omegaconf import DictConfig, OmegaConf

from nemo_gym.keys import DEFAULT_HEAD_SERVER_PORT, NEMO_GYM_CONFIG_DICT_ENV_VAR_NAME, VERBOSE_KEY_NAME


class _Current:
    config: DictConfig | None = None


def maybe_get_global_config_dict() -> Optional[DictConfig]:
    """The configuration, if this process has one already. Reads no command line."""
    if _Current.config is None and (given := os.environ.get(NEMO_GYM_CONFIG_DICT_ENV_VAR_NAME)):
        use_config(DictConfig(OmegaConf.create(given)))
    return _Current.config


def use_config(config: DictConfig | None) -> None:
    """Make it the configuration of this process; None forgets the one it has."""
    _Current.config = config
    if config is not None and config.get(VERBOSE_KEY_NAME):
        logging.basicConfig(level=logging.DEBUG)
        logging.getLogger().setLevel(logging.DEBUG)


def get_global_config_dict(
    global_config_dict_parser_config: Any = None, global_config_dict_parser_cls: Any = None
) -> DictConfig:
    """The configuration of this process, read from the command line when nobody has given it one."""
    config = maybe_get_global_config_dict()
    if config is None:
        from nemo_gym.global_config import GlobalConfigDictParser

        config = (global_config_dict_parser_cls or GlobalConfigDictParser)().parse(global_config_dict_parser_config)
        use_config(config)
    return config


def with_defaults(config: dict[str, Any]) -> dict[str, Any]:
    """A resolved configuration with the settings that servers' code takes to be there."""
    from nemo_gym import CACHE_DIR, RESULTS_DIR, WORKING_DIR

    defaults: dict[str, Any] = {
        "default_host": "127.0.0.1",
        "head_server": {"host": "127.0.0.1", "port": DEFAULT_HEAD_SERVER_PORT},
        "disallowed_ports": [],
        "port_range_low": 10001,
        "port_range_high": 20000,
        "use_absolute_ip": False,
        "dry_run": False,
        "skip_venv_if_present": False,
        "head_server_deps": [],
        "python_version": platform.python_version(),
        "results_dir": str(RESULTS_DIR),
        "cache_dir": str(CACHE_DIR),
        "uv_cache_dir": str(CACHE_DIR / "uv"),
        "uv_venv_dir": str(WORKING_DIR),
        "model_endpoint_readiness_timeout_seconds": 600,
    }
    given = {name: value for name, value in config.items() if value is not None or name not in defaults}
    head = {**defaults["head_server"], **(given.get("head_server") or {})}
    return {**defaults, **given, "head_server": head}


def get_first_server_config_dict(global_config_dict: Any, top_level_path: str) -> Any:
    """The fields of an instance: what lies below its server type and implementation."""
    (by_implementation,) = list(global_config_dict[top_level_path].values())[:1]
    return next(iter(by_implementation.values()))
