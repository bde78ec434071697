"""From files, initial values and the command line to one configuration; merging and checking are polygym's."""

import os
import random
import socket
import sys
from pathlib import Path
from typing import Any, ClassVar, Optional

from omegaconf import DictConfig, OmegaConf
from pydantic import BaseModel, ConfigDict

from nemo_gym import configuration
from nemo_gym.config_errors import ConfigError
from nemo_gym.keys import (
    DISALLOWED_PORTS_KEY_NAME,
    POLICY_API_KEY_KEY_NAME,
    POLICY_BASE_URL_KEY_NAME,
    POLICY_MODEL_KEY_NAME,
    POLICY_MODEL_NAME_KEY_NAME,
    PORT_RANGE_HIGH_KEY_NAME,
    PORT_RANGE_LOW_KEY_NAME,
)
from nemo_gym.search_roots import extra_roots
from polygym.config.load import load_config
from polygym.config.model import RunConfig
from polygym.protocol.errors import UserError


class GlobalConfigDictParserConfig(BaseModel):
    """What a configuration is made of."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    dotenv_path: Optional[Path] = None
    initial_global_config_dict: Optional[DictConfig] = None
    skip_load_from_cli: bool = False
    skip_load_from_dotenv: bool = False
    hide_secrets: bool = False
    offline: bool = False

    NO_MODEL_GLOBAL_CONFIG_DICT: ClassVar[DictConfig] = DictConfig(
        {
            POLICY_BASE_URL_KEY_NAME: "",
            POLICY_API_KEY_KEY_NAME: "",
            POLICY_MODEL_NAME_KEY_NAME: "",
            POLICY_MODEL_KEY_NAME: {"responses_api_models": {"dummy_model": {"entrypoint": "app.py"}}},
        }
    )


def load_run(sources: GlobalConfigDictParserConfig) -> RunConfig:
    """The configuration, as polygym knows it. Raises ConfigError saying what is wrong, where, and what to do."""
    initial: Any = OmegaConf.to_container(sources.initial_global_config_dict or DictConfig({}))
    env_yaml = Path(os.devnull) if sources.skip_load_from_dotenv else sources.dotenv_path
    try:
        return load_config(
            initial=initial,
            overrides=() if sources.skip_load_from_cli else sys.argv[1:],
            env_yaml=env_yaml if env_yaml is None or env_yaml.exists() else None,
            search_dirs=[folder for folder in extra_roots() if folder.is_dir()],
        )
    except UserError as error:
        raise ConfigError(str(error)) from error


class GlobalConfigDictParser(BaseModel):
    """Makes a configuration."""

    def parse(self, parse_config: Optional[GlobalConfigDictParserConfig] = None) -> DictConfig:
        """The configuration, with the settings that servers take to be there. Raises ConfigError."""
        run = load_run(parse_config or GlobalConfigDictParserConfig())
        return OmegaConf.create(configuration.with_defaults(dict(run.merged)))

    def parse_no_environment(self, initial_global_config_dict: Optional[DictConfig] = None) -> DictConfig:
        """The configuration of initial values alone."""
        return self.parse(
            GlobalConfigDictParserConfig(
                initial_global_config_dict=initial_global_config_dict,
                skip_load_from_cli=True,
                skip_load_from_dotenv=True,
            )
        )


def set_global_config_dict(
    global_config_dict_parser_config: Optional[GlobalConfigDictParserConfig] = None,
    global_config_dict_parser_cls: type[GlobalConfigDictParser] = GlobalConfigDictParser,
) -> None:
    """Read the configuration of this process anew."""
    configuration.use_config(global_config_dict_parser_cls().parse(global_config_dict_parser_config))


def find_open_port(disallowed_ports: Optional[list[int]] = None, max_retries: int = 50) -> int:
    """A port of the configured range that nobody listens on now. Raises RuntimeError when none is found."""
    settings = configuration.with_defaults(dict(configuration.maybe_get_global_config_dict() or {}))
    taken = {*(disallowed_ports or ()), *settings[DISALLOWED_PORTS_KEY_NAME]}
    ports = range(settings[PORT_RANGE_LOW_KEY_NAME], settings[PORT_RANGE_HIGH_KEY_NAME] + 1)
    for port in random.sample(ports, min(max_retries + len(taken), len(ports))):
        if port in taken:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("", port))
            except OSError:
                continue
            return port
    raise RuntimeError(
        f"Unable to find an open port in {ports.start} to {ports.stop - 1}; not allowed: {sorted(taken)}"
    )
