"""Which servers and datasets an environment's configuration puts together. Nothing is started."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Optional

from omegaconf import OmegaConf

from nemo_gym.config_errors import ConfigError
from nemo_gym.environment.errors import EnvironmentValidationError
from nemo_gym.environment.manifest import ManifestDataset
from nemo_gym.parsing import GlobalConfigDictParser, GlobalConfigDictParserConfig
from nemo_gym.search_roots import EXTRA_ROOTS_VARIABLE, extra_roots
from polygym.config.interpolation import resolve
from polygym.config.load import ConfigSources, merge_config
from polygym.config.unresolved import missing_error, unresolved_error
from polygym.protocol.errors import UserError

DRIVER: Final = "rollout_collection_driver"
"""The setting that names a function which drives rollouts itself."""
CHOSEN_LATER: Final = "runtime-selected"
CATALOGS: Final = ("environments", "benchmarks")


@dataclass(frozen=True)
class ResolvedComponent:
    """A server."""

    role: str
    name: str
    """Of the instance."""
    implementation: str
    boundary: str
    """Its server type."""
    entrypoint: Optional[str] = None


@dataclass(frozen=True)
class ResolvedComposition:
    """What a manifest says, as the configuration has it; and the servers."""

    resources_server: Optional[str]
    agent_server: Optional[str]
    model_server: Optional[str]
    datasets: tuple[ManifestDataset, ...]
    rollout_driver: Optional[str]
    grading_mode: Optional[str]
    components: tuple[ResolvedComponent, ...]

    def mirrored(self) -> dict[str, Any]:
        """The fields of a manifest that repeat the configuration."""
        return {
            "resources_server": self.resources_server,
            "agent_server": self.agent_server,
            "model_server": self.model_server,
            "datasets": list(self.datasets) or None,
            "rollout_driver": self.rollout_driver,
            "grading_mode": self.grading_mode,
        }


def catalog_of(path: Path) -> Optional[Path]:
    """The folder `environments` or `benchmarks` that a file lies in."""
    return next((folder for folder in path.resolve().parents if folder.name in CATALOGS), None)


@contextmanager
def component_root_first(config_path: Path) -> Iterator[None]:
    """Look for components and files in the root of a catalog's file first."""
    catalog = catalog_of(config_path)
    if catalog is None:
        yield
        return
    before = os.environ.get(EXTRA_ROOTS_VARIABLE)
    os.environ[EXTRA_ROOTS_VARIABLE] = os.pathsep.join(filter(None, [str(catalog.parent), before]))
    try:
        yield
    finally:
        if before is None:
            del os.environ[EXTRA_ROOTS_VARIABLE]
        else:
            os.environ[EXTRA_ROOTS_VARIABLE] = before


def resolve_composition(config_path: Path) -> ResolvedComposition:
    """What a config file puts together. Raises ConfigError for what cannot be read, or has no single agent with data.

    The policy's model is chosen when the environment is run.
    """
    config = _whole_config(config_path)
    servers = GlobalConfigDictParser().filter_for_server_instance_configs(OmegaConf.create(config))
    by_name = {server.name: server for server in servers}
    agent = _agent_with_datasets([server for server in servers if server.SERVER_TYPE == "responses_api_agents"])
    fields = agent.get_inner_run_server_config_dict()
    resources = by_name.get(_referred(fields, "resources_server") or "")
    model_name = _referred(fields, "model_server")
    grading = resources.get_inner_run_server_config_dict().get("grading_mode") if resources is not None else None
    components = [_component("resources_server", resources)] if resources is not None else []
    components.append(_component("agent_server", agent))
    if model_name is not None:
        components.append(_model(model_name, by_name.get(model_name)))
    return ResolvedComposition(
        resources_server=implementation_of(resources) if resources is not None else None,
        agent_server=implementation_of(agent),
        model_server=model_name,
        datasets=tuple(_dataset(dataset) for dataset in agent.datasets or ()),
        rollout_driver=config.get(DRIVER),
        grading_mode=None if grading is None else str(grading),
        components=tuple(components),
    )


def _whole_config(config_path: Path) -> dict[str, Any]:
    initial: Any = OmegaConf.to_container(GlobalConfigDictParserConfig.NO_MODEL_GLOBAL_CONFIG_DICT)
    with component_root_first(config_path):
        roots = [folder for folder in extra_roots() if folder.is_dir()]
    sources = ConfigSources(
        config_paths=[str(config_path.resolve())], initial=initial, env_yaml=Path(os.devnull), search_dirs=roots
    )
    try:
        merged = merge_config(sources)
        if (missing := missing_error(merged.tree, merged.origins)) is not None:
            raise missing
        resolved, failures = resolve(merged.tree, os.environ)
        if failures:
            raise unresolved_error(failures, merged.tree, merged.origins)
    except UserError as error:
        raise ConfigError(str(error)) from error
    return resolved


def implementation_of(server: Any) -> str:
    """The name of a server's implementation."""
    return str(next(iter(getattr(server, server.SERVER_TYPE))))


def _agent_with_datasets(agents: list[Any]) -> Any:
    found = [agent for agent in agents if agent.datasets]
    if len(found) != 1:
        names = ", ".join(f"{agent.name} ({implementation_of(agent)})" for agent in found) or "none"
        raise EnvironmentValidationError(
            f"The configuration must have exactly one dataset-bearing agent instance, and has: {names}."
        )
    return found[0]


def _referred(fields: Any, key: str) -> Optional[str]:
    reference = fields.get(key)
    name = reference.get("name") if isinstance(reference, Mapping) or hasattr(reference, "get") else None
    return None if name is None else str(name)


def _component(role: str, server: Any) -> ResolvedComponent:
    entrypoint = str(server.get_inner_run_server_config().entrypoint)
    return ResolvedComponent(role, server.name, implementation_of(server), server.SERVER_TYPE, entrypoint)


def _model(name: str, server: Any) -> ResolvedComponent:
    implementation = implementation_of(server) if server is not None else name
    return ResolvedComponent(
        role="model_server",
        name=name,
        implementation=CHOSEN_LATER if implementation == "dummy_model" else implementation,
        boundary="responses_api_models",
        entrypoint=str(server.get_inner_run_server_config().entrypoint) if server is not None else None,
    )


def _dataset(dataset: Any) -> ManifestDataset:
    values = dataset.model_dump(mode="json", exclude_none=True)
    return ManifestDataset.model_validate(
        {name: values[name] for name in ManifestDataset.model_fields if name in values}
    )
