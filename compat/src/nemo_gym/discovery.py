"""What components there are in the roots, and what their configurations say of them. Nothing is started or imported."""

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Optional, TypeVar

from omegaconf import DictConfig, OmegaConf

from nemo_gym.configuration import with_defaults
from nemo_gym.search_roots import component_search_roots, extra_roots
from polygym.config.interpolation import resolve
from polygym.config.load import ConfigSources, merge_config
from polygym.config.tree import updated, walk
from polygym.config.yaml_reader import read_yaml
from polygym.protocol.errors import UserError

EntryT = TypeVar("EntryT")
SERVER_TYPES: Final = ("resources_servers", "responses_api_agents", "responses_api_models")
UNSET: Final = "__unset_for_listing__"
"""What stands for a value that only a run will have: a key, an address."""
_UNSET_VALUE_PLACEHOLDER = UNSET

log = logging.getLogger("nemo_gym.catalog")


def merge_by_name(per_root: Iterable[Mapping[str, EntryT]]) -> dict[str, EntryT]:
    """All entries in order; of those with one name, the first."""
    merged: dict[str, EntryT] = {}
    for entries in per_root:
        merged |= {name: entry for name, entry in entries.items() if name not in merged}
    return merged


def discover_components(subdir: str, dir_scanning_fn: Callable[[Path], Mapping[str, EntryT]]) -> dict[str, EntryT]:
    """What a scan finds in this folder of every root; earlier roots win."""
    return merge_by_name(dir_scanning_fn(root / subdir) for root in component_search_roots())


def folders(parent: Path) -> list[Path]:
    """The folders in a folder, by name; none when it is not there."""
    return sorted(child for child in parent.iterdir() if child.is_dir()) if parent.is_dir() else []


def flavors(parent: Path) -> Iterator[tuple[str, Path, Path]]:
    """The config files of components: name, folder, file. `NAME` for `NAME/configs/NAME.yaml`, else `NAME/FLAVOR`."""
    for folder in folders(parent):
        for file in sorted((folder / "configs").glob("*.yaml")):
            yield folder.name if file.stem == folder.name else f"{folder.name}/{file.stem}", folder, file


def raw_config(path: Path) -> dict[str, Any]:
    """What a config file itself says; empty when it cannot be read, for a list of components is no place to fail."""
    try:
        return dict(read_yaml(path).tree)
    except (UserError, OSError) as error:
        log.warning("listed without what its config file says: %s", error)
        return {}


def iter_server_configs(container: Any) -> Iterator[tuple[str, str, Any]]:
    """The servers of a configuration: server type, implementation, fields. What has another shape is left out."""
    for instance in container.values() if isinstance(container, Mapping | DictConfig) else ():
        for server_type in SERVER_TYPES if isinstance(instance, Mapping | DictConfig) else ():
            servers = instance.get(server_type)
            for name, fields in servers.items() if isinstance(servers, Mapping | DictConfig) else ():
                if isinstance(fields, Mapping | DictConfig):
                    yield server_type, str(name), fields


def first_field(container: Any, field: str, server_type: str | None = None) -> Optional[str]:
    """The first value of a field among the servers of a configuration."""
    servers = iter_server_configs(container)
    values = (fields.get(field) for kind, _, fields in servers if server_type in (None, kind))
    return next((str(value) for value in values if value), None)


def parse_for_listing(initial_config_dict: DictConfig) -> DictConfig:
    """The whole configuration that this one makes with what it includes; values that only a run has are `UNSET`.

    Raises polygym's UserError when it cannot be made.
    """
    initial: Any = OmegaConf.to_container(initial_config_dict)
    roots = [folder for folder in extra_roots() if folder.is_dir()]
    merged = merge_config(ConfigSources(initial=initial, env_yaml=Path(os.devnull), search_dirs=roots))
    tree = merged.tree
    for path, value in walk(tree):
        if value == "???":
            tree = updated(tree, path, UNSET)
    resolved, failures = resolve(tree, os.environ)
    for failure in failures:
        resolved = updated(resolved, failure.path, UNSET)
    return OmegaConf.create(with_defaults(dict(resolved)))


_parse_no_environment_tolerating_unset_values = parse_for_listing


def read_config_metadata(config_path: Path) -> tuple[Optional[str], Optional[str]]:
    """The domain and the description that a config file gives its servers, itself or by what it includes."""
    raw = raw_config(config_path)
    found = tuple(first_field(raw, field) for field in ("domain", "description"))
    if None in found and raw:
        try:
            whole = parse_for_listing(OmegaConf.create({"config_paths": [str(config_path)]}))
        except UserError:
            whole = None
        found = tuple(
            said or first_field(whole, field) for said, field in zip(found, ("domain", "description"), strict=True)
        )
    return found[0], found[1]
