"""From a name, a folder or a config file to an environment that the kit can play: without a model, in this process."""

import importlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any, Final

from polygym.config.components import FOLDERS, Selector, component_folders
from polygym.config.load import ConfigSources, check_config, merge_config
from polygym.config.model import RunConfig, ServerInstance
from polygym.config.references import POLICY_MODEL
from polygym.config.roots import search_roots
from polygym.fleet.loader import register_roots
from polygym.fleet.requirements import unmet_requirements
from polygym.kit.scripted_model import StandIn
from polygym.kit.scripts import Script
from polygym.protocol.errors import ConfigError, suggest
from polygym.protocol.failures import describe
from polygym.protocol.json import JsonObject
from polygym.rollouts.environments import servers_behind

MODELS: Final = "responses_api_models"
_PLACEHOLDER: Final = {MODELS: {"stand_in": {"placement": "remote", "url": "http://stand.in"}}}
"""In place of the model servers of a configuration: valid, and left out again once references are checked."""

RowMaker = Callable[[int, Random, float], JsonObject]
"""`make_row(index, rng, difficulty)` of an environment's generate.py."""


class MissingRequirementsError(ConfigError):
    """An environment needs packages that this interpreter does not have."""


@dataclass(frozen=True, slots=True)
class Environment:
    """A resources server, the agent wired to it, and what its folder says about its rows and their solution."""

    name: str
    """As it was asked for."""
    config: RunConfig
    """Without model servers, unless it was loaded with a model type."""
    agent: str
    """Instance name of the agent."""
    server: ServerInstance
    """The resources server."""
    policy: str
    """Instance name of the model server that the agent asks."""
    models: frozenset[str]
    """Instance names of further model servers, for which stand-ins answer."""
    folder: Path
    """Of the resources server: where `generate.py`, `reference.py` and `data/` are."""

    @property
    def make_row(self) -> RowMaker:
        """`make_row` of generate.py. Raises ConfigError when there is none."""
        found: RowMaker = self._member("generate", "make_row", "make_row(index, rng, difficulty) -> row")
        return found

    @property
    def solve(self) -> Callable[[JsonObject], Script]:
        """`solve` of reference.py. Raises ConfigError when there is none."""
        found: Callable[[JsonObject], Script] = self._member("reference", "solve", "solve(row) -> Script")
        return found

    def wrong_answers(self, row: JsonObject) -> Mapping[str, Script]:
        """The wrong policies that reference.py names for `row`; none where it names none."""
        module = self.module("reference")
        policies: Callable[[JsonObject], Mapping[str, Script]] | None = getattr(module, "wrong_answers", None)
        return policies(row) if policies is not None else {}

    @property
    def stand_ins(self) -> Mapping[str, StandIn]:
        """`STAND_INS` of reference.py: the answers of model servers other than the policy."""
        return _stand_ins(self.module("reference"))

    def module(self, name: str) -> ModuleType | None:
        """A module of the environment's folder, None where it has no such file. Raises ConfigError."""
        return _module(self.config.roots, self.server.implementation, self.folder, name)

    def _member(self, module: str, name: str, signature: str) -> Any:
        found = getattr(self.module(module), name, None)
        if found is None:
            raise ConfigError(f"{self.folder / module}.py: must define {signature}; there is none.")
        return found


def load_environment(
    name: str | Path,
    *,
    search_dirs: Sequence[str | Path] = (),
    agent: str | None = None,
    model_type: str | None = None,
    models: Iterable[str] = (),
) -> Environment:
    """The environment that `name` stands for: a component's name, its folder, or a config file.

    Model servers of the configuration are left out, so that nothing outside is called; `model_type` names one that
    plays the policy instead, `models` instances that need not be configured, because stand-ins are at hand. Raises
    ConfigError saying what is wrong, MissingRequirementsError for packages that are not installed.
    """
    config_paths, selectors, roots = _located(name, search_dirs)
    if model_type is not None:
        selectors.append(Selector("model-type", model_type))
    sources = ConfigSources(config_paths=config_paths, selectors=selectors, search_dirs=roots)
    merged = merge_config(sources)
    register_roots(merged.roots)
    stood_for = [key for key, value in merged.tree.items() if isinstance(value, dict) and MODELS in value]
    stood_for += [*_named_stand_ins(merged.tree, merged.roots), *models]
    placeholders = {key: _PLACEHOLDER for key in stood_for if model_type is None or key != POLICY_MODEL}
    config = check_config(replace(merged, tree={**merged.tree, **placeholders}), sources, needs_model=False)
    return _environment(str(name), config, frozenset(placeholders), agent)


def checkable(search_dirs: Sequence[str | Path] = ()) -> list[str]:
    """The names of the resources servers that have a reference.py."""
    roots = search_roots(search_dirs, os.environ, Path.cwd())
    folders = component_folders("resources-server", roots)
    return [name for name, folder in folders.items() if (folder / "reference.py").is_file()]


def _environment(name: str, config: RunConfig, placeholders: frozenset[str], wanted: str | None) -> Environment:
    agents = {
        each.name: each for each in config.of_type("responses_api_agents") if "resources_server" in each.references
    }
    if not agents or (wanted is not None and wanted not in agents):
        asked = "agent with a resources_server" if wanted is None else f"agent '{wanted}'"
        raise ConfigError(f"{name}: its configuration has no {asked}. {suggest(wanted or '', agents)}")
    agent = agents[wanted] if wanted else next(iter(agents.values()))
    server = config.instances[agent.references["resources_server"].name]
    if server.folder is None:
        raise ConfigError(
            f"{name}: '{server.name}' lives elsewhere ({server.url}); the kit plays servers of this machine."
        )
    behind = servers_behind(config, [agent.name])
    for instance in behind.values():
        _check_requirements(instance)
    instances = {
        key: replace(instance, placement="embedded" if instance.placement == "process" else instance.placement)
        for key, instance in behind.items()
        if key not in placeholders
    }
    policy = agent.references["model_server"].name if "model_server" in agent.references else POLICY_MODEL
    return Environment(
        name=name,
        config=replace(config, instances=instances),
        agent=agent.name,
        server=instances[server.name],
        policy=policy,
        models=frozenset(key for key in placeholders if key in behind and key != policy),
        folder=server.folder,
    )


def _check_requirements(instance: ServerInstance) -> None:
    unmet = unmet_requirements(instance.folder) if instance.folder is not None else []
    if unmet:
        raise MissingRequirementsError(
            f"{instance.server_type}/{instance.implementation} needs packages that this Python does not have:"
            f" {', '.join(unmet)}. Install them: pip install -r {instance.folder}/requirements.txt"
        )


def _located(name: str | Path, search_dirs: Sequence[str | Path]) -> tuple[list[str], list[Selector], list[str | Path]]:
    """Config paths, selectors and search dirs that `name` stands for."""
    path = Path(name).expanduser()
    if path.suffix in (".yaml", ".yml"):
        above = [parent.parent for parent in path.absolute().parents if parent.name in FOLDERS.values()]
        return [str(path)], [], [*search_dirs, *above[:1]]
    if (path / "configs").is_dir() or (path / "app.py").is_file():
        for parent in path.absolute().parents:
            if parent.name == FOLDERS["resources-server"]:
                component = path.absolute().relative_to(parent).as_posix()
                return [], [Selector("resources-server", component)], [parent.parent, *search_dirs]
        raise ConfigError(f"{path}: an environment's folder must lie in a folder 'resources_servers'.")
    roots = search_roots(search_dirs, os.environ, Path.cwd())
    top = str(name).partition("/")[0]
    if top not in {each.partition("/")[0] for each in component_folders("resources-server", roots)} and top in {
        each.partition("/")[0] for each in component_folders("environment", roots)
    }:
        return [], [Selector("environment", str(name))], list(search_dirs)
    return [], [Selector("resources-server", str(name))], list(search_dirs)


def _named_stand_ins(tree: JsonObject, roots: Sequence[Path]) -> list[str]:
    """The model servers for which the reference modules of the configured resources servers have stand-ins."""
    names: list[str] = []
    for value in tree.values():
        below = value.get("resources_servers") if isinstance(value, dict) else None
        for implementation in below if isinstance(below, dict) else ():
            folder = next(
                (each for root in roots if (each := root / "resources_servers" / implementation).is_dir()), None
            )
            if folder is not None and not unmet_requirements(folder):
                names += _stand_ins(_module(roots, implementation, folder, "reference"))
    return names


def _stand_ins(module: ModuleType | None) -> Mapping[str, StandIn]:
    found: Mapping[str, StandIn] = getattr(module, "STAND_INS", {})
    return found


def _module(roots: Sequence[Path], implementation: str, folder: Path, name: str) -> ModuleType | None:
    if not (folder / f"{name}.py").is_file():
        return None
    register_roots(roots)
    try:
        return importlib.import_module(f"resources_servers.{implementation.replace('/', '.')}.{name}")
    except Exception as error:
        raise ConfigError(f"{folder / name}.py cannot be imported: {describe(error)}") from error
