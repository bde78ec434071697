"""The configuration of a run after merging, resolving and checking: what the other rooms are given.

Made by `load.load_config`; nothing outside this room reads YAML or environment variables for settings.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from polygym.protocol.calls import ServerRef, ServerType
from polygym.protocol.json import JsonObject

Placement: TypeAlias = Literal["embedded", "process", "remote"]
DatasetType: TypeAlias = Literal["train", "validation", "example", "benchmark"]


@dataclass(frozen=True, slots=True)
class Dataset:
    """One entry of an instance's `datasets`."""

    name: str
    type: DatasetType
    path: Path
    """`jsonl_fpath`, found in the roots; absolute. It need not exist (train and validation files may be generated)."""
    num_repeats: int
    fields: JsonObject
    """The whole entry, resolved."""


@dataclass(frozen=True, slots=True)
class ServerInstance:
    """One server of the run."""

    name: str
    """Instance name: the top-level key, what references and `agent_ref` use."""
    server_type: ServerType
    implementation: str
    """Name of the folder `<server_type>/<implementation>` in one of the roots."""
    folder: Path | None
    """That folder, absolute. None for placement `remote`."""
    entrypoint: str
    """`app.py`, or `app.py:ClassName`. May be empty for placement `remote`."""
    fields: JsonObject
    """The mapping below the implementation's name, resolved; reserved keys included."""
    references: Mapping[str, ServerRef]
    """The fields that refer to another instance, by field name. Checked: the instance exists and has that type."""
    datasets: tuple[Dataset, ...]
    placement: Placement | None
    """As configured; None leaves it to the fleet."""
    url: str | None
    """For placement `remote`: where it is."""
    host: str | None
    port: int | None
    origin: str
    """`file:line` of the definition, for messages."""


@dataclass(frozen=True, slots=True)
class RunConfig:
    """Everything a command was configured with."""

    instances: Mapping[str, ServerInstance]
    """By instance name, in the order of the merged files."""
    settings: JsonObject
    """Top-level keys that are no instance, resolved: `policy_model_name`, `head_server`, `default_host` …"""
    merged: JsonObject
    """The whole merged configuration, interpolations (`${…}`) unresolved, special keys applied."""
    roots: tuple[Path, ...]
    """Where components are looked for, first hit wins."""

    def of_type(self, server_type: ServerType) -> Iterator[ServerInstance]:
        """The instances of one type, in order."""
        return (instance for instance in self.instances.values() if instance.server_type == server_type)

    def resolved(self) -> JsonObject:
        """The whole configuration with every interpolation replaced by its value, keys in the order of `merged`."""
        servers = {
            name: {instance.server_type: {instance.implementation: instance.fields}}
            for name, instance in self.instances.items()
        }
        return {key: servers[key] if key in servers else self.settings[key] for key in self.merged}
