"""From files, initial values and the command line to one configuration; merging and checking are polygym's."""

import os
import random
import socket
import sys
from pathlib import Path
from typing import Any, ClassVar, Optional

from omegaconf import MISSING, DictConfig, OmegaConf
from pydantic import BaseModel, ConfigDict

from nemo_gym import configuration
from nemo_gym.config_errors import (
    ConfigError,
    ConfigMissingValuesError,
    ConfigPathNotFoundError,
    MalformedConfigPathsError,
    NoServerInstancesError,
)
from nemo_gym.config_types import ServerInstanceConfig, maybe_get_server_instance_config
from nemo_gym.keys import (
    CONFIG_PATHS_KEY_NAME,
    DISALLOWED_PORTS_KEY_NAME,
    NEMO_GYM_RESERVED_TOP_LEVEL_KEYS,
    POLICY_API_KEY_KEY_NAME,
    POLICY_BASE_URL_KEY_NAME,
    POLICY_MODEL_KEY_NAME,
    POLICY_MODEL_NAME_KEY_NAME,
    PORT_RANGE_HIGH_KEY_NAME,
    PORT_RANGE_LOW_KEY_NAME,
)
from nemo_gym.openai_version import warn_of_other_openai
from nemo_gym.search_roots import component_search_roots, extra_roots, resolve_file
from polygym.config.includes import path_list, read_documents
from polygym.config.load import load_config
from polygym.config.model import RunConfig
from polygym.config.origins import Origins
from polygym.config.overrides import apply_override, parse_overrides
from polygym.config.tree import KeyPath, walk
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
    warn_of_other_openai()
    initial: Any = OmegaConf.to_container(sources.initial_global_config_dict or DictConfig({}))
    env_yaml = Path(os.devnull) if sources.skip_load_from_dotenv else sources.dotenv_path
    overrides = () if sources.skip_load_from_cli else tuple(sys.argv[1:])
    try:
        path_list(initial.get(CONFIG_PATHS_KEY_NAME), "initial configuration")
    except UserError as error:
        raise MalformedConfigPathsError(str(error)) from error
    try:
        return load_config(
            initial=initial,
            overrides=overrides,
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

    def parse_global_config_dict_from_cli(self) -> DictConfig:
        """What the overrides of the command line say by themselves. A call for help is left to the command."""
        tree: Any = {}
        for override in parse_overrides([word for word in sys.argv[1:] if word not in {"-h", "--help"}]):
            tree = apply_override(tree, override, Origins(), effective=lambda whole: whole)
        return OmegaConf.create(dict(tree))

    def load_extra_config_paths(self, config_paths: list[str]) -> tuple[list[str], list[DictConfig]]:
        """All files that these name, with what they include, and what is in them; later ones win.

        Raises ConfigPathNotFoundError for one that is nowhere, ConfigError for one that cannot be read.
        """
        roots = component_search_roots()
        for path in config_paths:
            if not resolve_file(path).exists():
                looked = [Path(path)] if Path(path).is_absolute() else [root / path for root in roots]
                places = "".join(f"\n  - {place}" for place in looked)
                raise ConfigPathNotFoundError(f"config_paths names {path!r}, and there is no such file:{places}")
        try:
            documents = read_documents(config_paths, roots, "config_paths")
        except UserError as error:
            raise ConfigError(str(error)) from error
        return [str(document.path) for document in documents], [OmegaConf.create(dict(d.tree)) for d in documents]

    def collect_missing_value_paths(self, config: DictConfig) -> list[str]:
        """Where values are `???` still, as `a.b` and `c[0]`."""
        tree: Any = OmegaConf.to_container(config, resolve=False, throw_on_missing=False)
        return [_spelled(path) for path, value in walk(tree) if value == MISSING]

    def raise_on_missing_values(self, global_config_dict: DictConfig) -> None:
        """Raise ConfigMissingValuesError naming all values that are `???` still."""
        if paths := self.collect_missing_value_paths(global_config_dict):
            raise ConfigMissingValuesError(
                f"Values are still {MISSING}: {', '.join(paths)}. Set one with ++{paths[0]}=VALUE, in env.yaml or in a "
                "config file."
            )

    def filter_for_server_instance_configs(self, global_config_dict: DictConfig) -> list[ServerInstanceConfig]:
        """The servers among the top-level values."""
        reserved = set(NEMO_GYM_RESERVED_TOP_LEVEL_KEYS)
        values = ((str(name), value) for name, value in global_config_dict.items() if name not in reserved)
        found = (maybe_get_server_instance_config(name, value)[0] for name, value in values)
        return [server for server in found if server is not None]

    def raise_on_no_server_instances(self, global_config_dict: DictConfig) -> None:
        """Raise NoServerInstancesError when there is no server to start."""
        if not self.filter_for_server_instance_configs(global_config_dict):
            raise NoServerInstancesError(
                "No server is configured. Name config files: gym env start --config resources_servers/NAME/configs/"
                "NAME.yaml --config responses_api_models/NAME/configs/NAME.yaml"
            )


def _spelled(path: KeyPath) -> str:
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path).removeprefix(".")


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
