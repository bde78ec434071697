"""The benchmarks in the roots, by the name `--benchmark` takes: configurations with a dataset of that type."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Optional

from omegaconf import DictConfig, OmegaConf
from pydantic import BaseModel

from nemo_gym.config_errors import ConfigError
from nemo_gym.configuration import get_first_server_config_dict
from nemo_gym.dataset_types import BenchmarkDatasetConfig
from nemo_gym.discovery import discover_components, parse_for_listing, raw_config
from nemo_gym.keys import POLICY_MODEL_KEY_NAME
from nemo_gym.parsing import GlobalConfigDictParser, GlobalConfigDictParserConfig
from nemo_gym.search_roots import BASE
from polygym.protocol.errors import UserError

log: Final = logging.getLogger("nemo_gym.benchmarks")
BENCHMARKS_SUBDIR: Final = "benchmarks"
BENCHMARKS_DIR: Final = BASE / BENCHMARKS_SUBDIR


class BenchmarkConfig(BaseModel):
    """A benchmark: its dataset and the agent that runs it."""

    name: str
    """The dataset's."""
    path: Path
    agent_name: str
    num_repeats: int
    dataset: BenchmarkDatasetConfig

    @classmethod
    def from_config_path(cls, config_path: Path, *, strict: bool = True) -> "Optional[BenchmarkConfig]":
        """The benchmark of a config file; see `from_initial_config_dict`."""
        config: Any = OmegaConf.load(config_path)
        return cls.from_initial_config_dict(config_path, config, strict=strict)

    @classmethod
    def from_initial_config_dict(
        cls, path: Path, initial_config_dict: DictConfig, *, strict: bool = True
    ) -> "Optional[BenchmarkConfig]":
        """The benchmark of a configuration; None when there is none in it. Raises ConfigError when there are several.

        Unless it is strict, values that are not set are no matter.
        """
        whole: Any = initial_config_dict
        if POLICY_MODEL_KEY_NAME not in whole:
            whole = OmegaConf.merge(whole, GlobalConfigDictParserConfig.NO_MODEL_GLOBAL_CONFIG_DICT)
        config = GlobalConfigDictParser().parse_no_environment(whole) if strict else parse_for_listing(whole)
        found = [
            (str(name), dataset)
            for name, value in config.items()
            if isinstance(value, DictConfig) and "responses_api_agents" in value
            for dataset in get_first_server_config_dict(config, str(name)).get("datasets") or ()
            if dataset["type"] == "benchmark"
        ]
        if len(found) > 1:
            raise ConfigError(f"{path}: one benchmark dataset is expected, there are {len(found)}")
        for agent_name, fields in found:
            dataset = BenchmarkDatasetConfig.model_validate(fields)
            return cls(
                name=dataset.name, path=path, agent_name=agent_name, num_repeats=dataset.num_repeats, dataset=dataset
            )
        return None


def benchmark_name(path: Path) -> str:
    """The name of a config file, by its path below the benchmarks' folder: `NAME` for `NAME/config.yaml`."""
    named = path.with_suffix("")
    return named.parts[0] if len(named.parts) == 2 and named.name == "config" else named.as_posix()


def benchmark_configs(folder: Path) -> Iterator[tuple[str, Path]]:
    """Names and config files of the benchmarks of one folder. A manifest is none."""
    for path in sorted(folder.rglob("*.yaml")):
        if path.name != "manifest.yaml" and _declares_benchmark(raw_config(path)):
            yield benchmark_name(path.relative_to(folder)), path


def _declares_benchmark(node: Any) -> bool:
    if isinstance(node, dict):
        return node.get("type") == "benchmark" or any(map(_declares_benchmark, node.values()))
    return isinstance(node, list) and any(map(_declares_benchmark, node))


def benchmarks_in(folder: Path) -> dict[str, BenchmarkConfig]:
    """The benchmarks of one folder. Of one that cannot be read, a warning says why."""
    entries = {}
    for name, path in benchmark_configs(folder):
        try:
            found = BenchmarkConfig.from_config_path(path, strict=False)
        except (UserError, ConfigError, ValueError, OSError) as error:
            log.warning("benchmark config %s is left out: %s", path, error)
            continue
        if found is not None:
            entries[name] = found
    return entries


def discover_benchmarks() -> dict[str, BenchmarkConfig]:
    """The benchmarks of all roots."""
    return discover_components(BENCHMARKS_SUBDIR, benchmarks_in)
