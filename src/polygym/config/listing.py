"""What there is to run: every component in the roots with what its config says about it.

Configs are read and merged, never resolved, so a missing key or endpoint hides nothing.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple, get_args

from polygym.config.components import FOLDERS, ComponentKind, component_folders, configs_of
from polygym.config.dimensions import DIMENSIONS, ListedManifest, listed_manifest
from polygym.config.directives import apply_directives
from polygym.config.includes import CONFIG_PATHS, read_documents
from polygym.config.origins import Origins
from polygym.config.tree import merge
from polygym.config.yaml_reader import read_yaml
from polygym.protocol.calls import SERVER_TYPES
from polygym.protocol.errors import ConfigError
from polygym.protocol.json import JsonObject

KINDS: Final[tuple[ComponentKind, ...]] = get_args(ComponentKind)


class ListedDataset(NamedTuple):
    """A dataset that a component's config declares."""

    name: str
    type: str
    jsonl_fpath: str
    """As written; searched in the roots."""


@dataclass(frozen=True, slots=True)
class Component:
    """One component and what its config says about it. None where it says nothing."""

    name: str
    """What the option of its kind takes."""
    kind: ComponentKind
    folder: Path
    config_paths: tuple[Path, ...]
    """All its configs, the one that its plain name stands for first."""
    description: str | None
    domain: str | None
    verified: bool | None
    manifest: ListedManifest
    """The values of every dimension; none where its config names none."""
    datasets: tuple[ListedDataset, ...]
    has_agent: bool
    """Whether its config brings an agent, so that its rows can be run."""
    problem: str | None
    """Why its config cannot be read, if so."""

    def to_json(self) -> JsonObject:
        """For `--json`."""
        return {
            "name": self.name,
            "kind": self.kind,
            "folder": str(self.folder),
            "config_paths": [str(path) for path in self.config_paths],
            "description": self.description,
            "domain": self.domain,
            "verified": self.verified,
            "manifest": {dimension: list(values) for dimension, values in self.manifest.items()},
            "datasets": [dataset._asdict() for dataset in self.datasets],
            "problem": self.problem,
        }


def list_components(roots: Sequence[Path], kinds: Sequence[ComponentKind] = KINDS) -> list[Component]:
    """The components of `kinds` in `roots`, by kind and name. A config that is wrong does not hide its component."""
    return [
        _component(name, kind, folder, roots)
        for kind in kinds
        for name, folder in component_folders(kind, roots).items()
    ]


def list_environments(roots: Sequence[Path]) -> list[Component]:
    """What can be run as an environment, by name: resources servers with an agent, and the folders of `environments`.

    Of two of one name the one in `environments` is there, which is what `--environment NAME` takes.
    """
    found = {
        component.name: component
        for component in list_components(roots, ["resources-server", "environment"])
        if component.kind == "environment" or component.has_agent or component.problem is not None
    }
    return [found[name] for name in sorted(found)]


def filter_components(components: Sequence[Component], wanted: Mapping[str, Collection[str]]) -> list[Component]:
    """Those of `components` that have, in each dimension of `wanted`, one of its values; no values ask for nothing."""
    return [
        component
        for component in components
        if all(not values or not set(values).isdisjoint(component.manifest[name]) for name, values in wanted.items())
    ]


def known_values(components: Sequence[Component], dimension: str) -> list[str]:
    """The values of a dimension that there are: the known ones and those that `components` have."""
    used = {value for component in components for value in component.manifest[dimension]}
    return sorted(used.union(DIMENSIONS[dimension]))


def search_components(components: Sequence[Component], query: str) -> list[Component]:
    """Those of `components` in whose name, domain, description, manifest or datasets every word of `query` occurs."""
    words = query.casefold().split()
    return [component for component in components if all(word in _searched_text(component) for word in words)]


def _component(name: str, kind: ComponentKind, folder: Path, roots: Sequence[Path]) -> Component:
    configs = configs_of(folder, kind)
    servers: list[_Server] = []
    problem = None
    if configs:
        try:
            servers = list(_servers(_merged(configs[0], roots)))
        except ConfigError as error:
            problem = str(error)
    own = [server for server in servers if server.type == FOLDERS[kind] and server.implementation == name]
    about = [server.fields for server in own or servers]
    verified = _first(about, "verified")
    return Component(
        name=name,
        kind=kind,
        folder=folder,
        config_paths=configs,
        description=_text(_first(about, "description")),
        domain=_text(_first(about, "domain")),
        verified=verified if isinstance(verified, bool) else None,
        manifest=listed_manifest(_first(about, "manifest")),
        datasets=tuple(dataset for server in servers for dataset in _datasets(server.fields)),
        has_agent=any(server.type == FOLDERS["agent-type"] for server in servers),
        problem=problem,
    )


class _Server(NamedTuple):
    type: str
    implementation: str
    fields: JsonObject


def _merged(config: Path, roots: Sequence[Path]) -> JsonObject:
    """The config with what it includes and inherits; without those when it stands on its own."""
    document = read_yaml(config)
    if CONFIG_PATHS not in document.tree:
        return document.tree
    tree: JsonObject = {}
    for included in read_documents([str(config)], roots, str(config)):
        tree = merge(tree, included.tree)
    return apply_directives(tree, Origins())


def _servers(tree: JsonObject) -> Iterator[_Server]:
    for instance in tree.values():
        for server_type in SERVER_TYPES:
            below = instance.get(server_type) if isinstance(instance, dict) else None
            for implementation, fields in below.items() if isinstance(below, dict) else ():
                if isinstance(fields, dict):
                    yield _Server(server_type, str(implementation), fields)


def _datasets(fields: JsonObject) -> Iterator[ListedDataset]:
    entries = fields.get("datasets")
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict):
            yield ListedDataset(*(str(entry.get(field, "")) for field in ListedDataset._fields))


def _first(fields: Sequence[JsonObject], key: str) -> Any:
    return next((each[key] for each in fields if each.get(key) is not None), None)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _searched_text(component: Component) -> str:
    datasets = " ".join(dataset.name for dataset in component.datasets)
    manifest = " ".join(value for values in component.manifest.values() for value in values)
    return f"{component.name} {component.domain} {component.description} {manifest} {datasets}".casefold()
