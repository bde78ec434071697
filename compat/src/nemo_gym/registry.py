"""The catalog: every environment and benchmark that can be run as it is, with a manifest or without one."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, Optional

from nemo_gym.benchmarks import benchmark_configs
from nemo_gym.config_errors import ConfigError
from nemo_gym.discovery import first_field, folders, iter_server_configs, raw_config, read_config_metadata
from nemo_gym.environment.manifest import ManifestError, load_manifest
from nemo_gym.search_roots import BASE, component_search_roots

CatalogKind = Literal["environment", "benchmark"]
CatalogStatus = Literal["experimental", "no-manifest"]
Key = tuple[CatalogKind, str]

ENVIRONMENTS_SUBDIR: Final = "environments"
ENVIRONMENTS_DIR: Final = BASE / ENVIRONMENTS_SUBDIR
RESOURCES_SERVERS_SUBDIR: Final = "resources_servers"
CONFIG_FILE: Final = "config.yaml"
MANIFEST_FILE: Final = "manifest.yaml"
FOLDERS: Final[tuple[tuple[CatalogKind, str], ...]] = (
    ("environment", ENVIRONMENTS_SUBDIR),
    ("benchmark", "benchmarks"),
)

log = logging.getLogger("nemo_gym.catalog")


class RegistryError(ConfigError):
    """An entry that is wrong, or a name that does not say which."""


@dataclass(frozen=True)
class EnvironmentCatalogEntry:
    """One environment or benchmark."""

    name: str
    config_path: Path
    path: Path
    """Its folder."""
    description: Optional[str] = None
    domain: Optional[str] = None
    kind: CatalogKind = "environment"
    status: CatalogStatus = "no-manifest"
    manifest_path: Optional[Path] = None
    version: Optional[str] = None
    integration_profile: Optional[str] = None
    modality: Optional[str] = None
    licensing: Optional[str] = None
    lifecycle: Optional[str] = None
    resources_server_selector: Optional[str] = None
    """What `--resources-server` takes, for one that lies with its resources server."""


@dataclass(frozen=True)
class EnvironmentEntry(EnvironmentCatalogEntry):
    """One environment."""

    kind: CatalogKind = field(default="environment", init=False)


def _entry(kind: CatalogKind, **values: Any) -> EnvironmentCatalogEntry:
    return EnvironmentEntry(**values) if kind == "environment" else EnvironmentCatalogEntry(kind=kind, **values)


def _with_manifest(folder: Path, file: Path, kind: CatalogKind) -> EnvironmentCatalogEntry:
    """An entry by its manifest, which must agree with where it lies. Raises RegistryError, ManifestError."""
    name = file.parent.relative_to(folder).as_posix()
    if name == ".":
        raise RegistryError(f"{file} must lie in a folder of its own below {folder}.")
    manifest = load_manifest(file)
    for what, said, expected in (("kind", str(manifest.kind), kind), ("name", manifest.name, name)):
        if said != expected:
            raise RegistryError(f"{file} declares {what} '{said}', but its path requires '{expected}'.")
    config = file.with_name(CONFIG_FILE)
    if not config.is_file():
        raise RegistryError(f"{file} requires a sibling config.yaml.")
    return _entry(
        kind,
        name=name,
        config_path=config,
        path=file.parent,
        description=manifest.description,
        domain=manifest.domain.value,
        status="experimental",
        manifest_path=file,
        version=manifest.version,
        integration_profile=str(manifest.integration_profile),
        modality=manifest.modality,
        licensing=manifest.licensing,
        lifecycle=str(manifest.lifecycle),
    )


def _config_files(folder: Path, kind: CatalogKind) -> Iterator[tuple[str, Path]]:
    if kind == "benchmark":
        yield from benchmark_configs(folder)
        return
    yield from ((child.name, child / CONFIG_FILE) for child in folders(folder) if (child / CONFIG_FILE).is_file())


def _in_folder(folder: Path, kind: CatalogKind, known: Iterable[Key] = ()) -> dict[Key, EnvironmentCatalogEntry]:
    """The entries of a folder, without those that are known. A manifest that cannot be read counts as none."""
    taken = set(known)
    entries: dict[Key, EnvironmentCatalogEntry] = {}
    for file in sorted(folder.rglob(MANIFEST_FILE)):
        key = kind, file.parent.relative_to(folder).as_posix()
        if key in taken:
            continue
        try:
            entries[key] = _with_manifest(folder, file, kind)
        except ManifestError as error:
            log.warning("counts as having no manifest: %s", error)
    described = {entry.config_path.resolve() for entry in entries.values()}
    for name, config in _config_files(folder, kind):
        key = kind, name
        if key not in taken and key not in entries and config.resolve() not in described:
            domain, description = read_config_metadata(config)
            entries[key] = _entry(
                kind, name=name, config_path=config, path=config.parent, description=description, domain=domain
            )
    return entries


def _with_servers(folder: Path, known: Iterable[Key]) -> dict[Key, EnvironmentCatalogEntry]:
    """Config files of resources servers with an agent that has datasets: they can be run as they are."""
    taken = set(known)
    entries: dict[Key, EnvironmentCatalogEntry] = {}
    for config in sorted(folder.glob("*/configs/*.yaml")):
        raw = raw_config(config)
        kinds = {kind for kind, _, _ in iter_server_configs(raw)}
        datasets = _datasets(raw)
        if RESOURCES_SERVERS_SUBDIR not in kinds or not datasets:
            continue
        kind: CatalogKind = "benchmark" if any(each.get("type") == "benchmark" for each in datasets) else "environment"
        component = config.parent.parent.name
        selector = component if config.stem == component else f"{component}/{config.stem}"
        key = kind, f"{RESOURCES_SERVERS_SUBDIR}/{selector}"
        if key in taken or (kind, config.stem) in taken:
            continue
        entries[key] = _entry(
            kind,
            name=key[1],
            config_path=config,
            path=config.parent.parent,
            description=first_field(raw, "description"),
            domain=first_field(raw, "domain"),
            resources_server_selector=selector,
        )
    return entries


def _datasets(raw: Any) -> list[dict[str, Any]]:
    return [
        dataset
        for kind, _, fields in iter_server_configs(raw)
        if kind == "responses_api_agents"
        for dataset in fields.get("datasets") or ()
        if isinstance(dataset, dict)
    ]


def environments_in(environments_dir: Path) -> dict[str, EnvironmentEntry]:
    """The environments of one folder, by name."""
    found = _in_folder(environments_dir, "environment").values()
    return {entry.name: entry for entry in found if isinstance(entry, EnvironmentEntry)}


_discover_environments_in_dir = environments_in


def discover_environments() -> dict[str, EnvironmentEntry]:
    """The environments of all roots, by name; earlier roots win."""
    entries: dict[Key, EnvironmentCatalogEntry] = {}
    for root in component_search_roots():
        entries |= _in_folder(root / ENVIRONMENTS_SUBDIR, "environment", entries)
    return {entry.name: entry for entry in entries.values() if isinstance(entry, EnvironmentEntry)}


def discover_environment_catalog() -> tuple[EnvironmentCatalogEntry, ...]:
    """All environments and benchmarks of all roots, by name; earlier roots win."""
    entries: dict[Key, EnvironmentCatalogEntry] = {}
    for root in component_search_roots():
        for kind, subdir in FOLDERS:
            entries |= _in_folder(root / subdir, kind, entries)
        entries |= _with_servers(root / RESOURCES_SERVERS_SUBDIR, entries)
    return tuple(sorted(entries.values(), key=lambda entry: (entry.name.casefold(), entry.name, entry.kind)))


def resolve_catalog_entry(
    name: str,
    kind: Optional[str] = None,
    *,
    entries: Optional[Iterable[EnvironmentCatalogEntry]] = None,
) -> EnvironmentCatalogEntry:
    """The entry of a name. Raises RegistryError when there is none, or one of each kind and no kind is given."""
    wanted = None if kind is None else str(getattr(kind, "value", kind))
    kinds = [each for each, _ in FOLDERS]
    if wanted is not None and wanted not in kinds:
        raise RegistryError(f"Unknown catalog kind '{wanted}'. There is: {', '.join(kinds)}.")
    catalog = discover_environment_catalog() if entries is None else entries
    found = [entry for entry in catalog if entry.name == name and wanted in (None, entry.kind)]
    if not found:
        raise RegistryError(f"Unknown catalog entry '{name}'{f' with kind {wanted!r}' if wanted else ''}.")
    if len(found) > 1:
        raise RegistryError(
            f"Catalog name '{name}' is ambiguous ({', '.join(sorted(entry.kind for entry in found))}); specify a kind."
        )
    return found[0]


def read_environment_details(config_path: Path) -> dict[str, Any]:
    """What a config file says: domain, description, value, names of resources servers, agent, datasets."""
    raw = raw_config(config_path)
    domain, description = read_config_metadata(config_path)
    servers = list(iter_server_configs(raw))
    return {
        "domain": domain,
        "description": description,
        "value": first_field(raw, "value", RESOURCES_SERVERS_SUBDIR),
        "resources_servers": [name for kind, name, _ in servers if kind == RESOURCES_SERVERS_SUBDIR],
        "agent": next((name for kind, name, _ in servers if kind == "responses_api_agents"), None),
        "datasets": [str(dataset["name"]) for dataset in _datasets(raw) if dataset.get("name")],
    }
