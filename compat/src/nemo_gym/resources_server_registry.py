"""The resources servers in the roots, by the name that `--resources-server` takes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Optional

from nemo_gym.discovery import (
    discover_components,
    first_field,
    flavors,
    iter_server_configs,
    raw_config,
    read_config_metadata,
)
from nemo_gym.search_roots import BASE

RESOURCES_SERVERS_SUBDIR: Final = "resources_servers"
RESOURCES_SERVERS_DIR: Final = BASE / RESOURCES_SERVERS_SUBDIR


@dataclass(frozen=True)
class ResourcesServerEntry:
    """A config file of a resources server."""

    name: str
    config_path: Path
    path: Path
    """The server's folder."""
    description: Optional[str] = None
    domain: Optional[str] = None


def resources_servers_in(resources_servers_dir: Path) -> dict[str, ResourcesServerEntry]:
    """The resources servers of one folder. Config files without one, of a judge's model perhaps, are left out."""
    entries = {}
    for name, folder, file in flavors(resources_servers_dir):
        if any(kind == RESOURCES_SERVERS_SUBDIR for kind, _, _ in iter_server_configs(raw_config(file))):
            domain, description = read_config_metadata(file)
            entries[name] = ResourcesServerEntry(name, file, folder, description, domain)
    return entries


_discover_resources_servers_in_dir = resources_servers_in


def discover_resources_servers() -> dict[str, ResourcesServerEntry]:
    """The resources servers of all roots."""
    return discover_components(RESOURCES_SERVERS_SUBDIR, resources_servers_in)


def read_resources_server_value(config_path: Path) -> Optional[str]:
    """What a config file says its resources server is good for."""
    return first_field(raw_config(config_path), "value", RESOURCES_SERVERS_SUBDIR)
