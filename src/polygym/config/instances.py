"""The servers of a run: top-level mappings `<instance>: <server type>: <implementation>: fields`, checked."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, get_args
from urllib.parse import urlsplit

from polygym.config.components import FOLDERS, ComponentKind, component_folders
from polygym.config.datasets import read_datasets, whole_number
from polygym.config.model import Placement, ServerInstance
from polygym.config.origins import Origins
from polygym.config.references import read_references
from polygym.config.tree import KeyPath, dotted, merge
from polygym.protocol.calls import SERVER_TYPES, ServerType
from polygym.protocol.errors import ConfigError, suggest
from polygym.protocol.json import JsonObject

DOMAINS: Final = (
    "math",
    "coding",
    "agent",
    "knowledge",
    "instruction_following",
    "long_context",
    "safety",
    "games",
    "translation",
    "e2e",
    "rlhf",
    "other",
)
"""What a resources server may be about."""

DUMMY_MODEL: Final = "dummy_model"
"""The implementation whose settings go under those of a real one beside it."""

_KINDS: Final[Mapping[str, ComponentKind]] = {folder: kind for kind, folder in FOLDERS.items()}
_MAX_PORT: Final = 65535


def looks_like_server(value: Any) -> bool:
    """Whether a top-level value is meant to be a server: a mapping with a server type among its keys."""
    return isinstance(value, dict) and _types_in(value) != []


def merge_dummy_models(tree: JsonObject) -> JsonObject:
    """`tree` where each `dummy_model` that has another implementation beside it is merged under that one."""
    return {key: _without_dummy(value) for key, value in tree.items()}


@dataclass(frozen=True, slots=True)
class InstanceReader:
    """Reads servers from a resolved configuration."""

    origins: Origins
    roots: Sequence[Path]
    cwd: Path

    def read_all(self, resolved: JsonObject) -> tuple[dict[str, ServerInstance], list[str]]:
        """The valid servers, by name, and what is wrong with the others.

        References are typed, their targets not yet looked at.
        """
        instances: dict[str, ServerInstance] = {}
        problems: list[str] = []
        for name, value in resolved.items():
            try:
                if name in SERVER_TYPES:
                    raise ConfigError(
                        f"{self.origins.of((name,))}: '{name}' stands at the top; an instance's name goes above."
                    )
                if looks_like_server(value):
                    instances[name] = self.read(name, value)
            except ConfigError as error:
                problems.append(str(error))
        return instances, problems

    def read(self, name: Any, value: JsonObject) -> ServerInstance:
        """One server. Raises ConfigError naming the file and line that is wrong."""
        if not isinstance(name, str):
            raise self._error((name,), "is the name of a server and so must be text: put it into quotes.")
        server_type, implementation = self._identity(name, value)
        path: KeyPath = (name, server_type, implementation)
        fields = value[server_type][implementation]
        if not isinstance(fields, dict):
            raise self._error(path, "must be a mapping with at least 'entrypoint'.")
        placement = self._placement(fields, path)
        if server_type == "resources_servers":
            self._check_domain(fields, path)
        return ServerInstance(
            name=name,
            server_type=server_type,
            implementation=implementation,
            folder=None if placement == "remote" else self._folder(fields, path),
            entrypoint=self._entrypoint(fields, path, is_required=placement != "remote"),
            fields=fields,
            references=read_references(fields, path, self.origins),
            datasets=read_datasets(fields.get("datasets"), (*path, "datasets"), self.origins, self.roots, self.cwd),
            placement=placement,
            url=self._url(fields, path) if placement == "remote" else None,
            host=self._host(fields, path),
            port=self._port(fields, path),
            origin=self.origins.of(path),
        )

    def _identity(self, name: str, value: JsonObject) -> tuple[ServerType, str]:
        found = list(_implementations(value))
        if not found:
            raise self._error((name, *_types_in(value)[:1]), "must be a mapping with the name of one implementation.")
        if len(found) > 1:
            both = " and ".join(
                f"'{server_type}.{implementation}' ({self.origins.of((name, server_type, implementation))})"
                for server_type, implementation in found
            )
            raise ConfigError(
                f"'{name}' is given {len(found)} implementations: {both}. An instance has one: rename an "
                "instance, leave out one of the files, or delete a key with _delete_key."
            )
        return found[0]

    def _entrypoint(self, fields: JsonObject, path: KeyPath, *, is_required: bool) -> str:
        entrypoint = fields.get("entrypoint")
        if entrypoint is None and not is_required:
            return ""
        if not isinstance(entrypoint, str) or not entrypoint:
            raise self._error(
                path, "needs 'entrypoint', such as 'app.py'; is the file that defines this instance missing?"
            )
        return entrypoint

    def _folder(self, fields: JsonObject, path: KeyPath) -> Path:
        _, server_type, implementation = path
        file = self._entrypoint(fields, path, is_required=True).partition(":")[0]
        folders = [root / str(server_type) / str(implementation) for root in self.roots]
        for folder in folders:
            if (folder / file).is_file():
                return folder
        for folder in folders:
            if folder.is_dir():
                raise self._error((*path, "entrypoint"), f"is '{file}', but {folder} has no such file.")
        known = component_folders(_KINDS[str(server_type)], self.roots)
        looked = ", ".join(str(root) for root in self.roots)
        raise self._error(
            path, f"has no folder '{server_type}/{implementation}' in {looked}. {suggest(str(implementation), known)}"
        )

    def _placement(self, fields: JsonObject, path: KeyPath) -> Placement | None:
        given = fields.get("placement")
        known: tuple[Placement, ...] = get_args(Placement)
        placement = next((name for name in known if name == given), None)
        if given is not None and placement is None:
            raise self._error((*path, "placement"), f"must be one of {', '.join(known)}, not {given!r}.")
        return placement

    def _url(self, fields: JsonObject, path: KeyPath) -> str:
        url = fields.get("url")
        if not isinstance(url, str) or urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
            raise self._error(
                path, f"has placement 'remote' and so needs 'url', such as http://host:8000, not {url!r}."
            )
        return url

    def _host(self, fields: JsonObject, path: KeyPath) -> str | None:
        host = fields.get("host")
        if host is not None and not isinstance(host, str):
            raise self._error((*path, "host"), f"must be a host name, not {host!r}.")
        return host or None

    def _port(self, fields: JsonObject, path: KeyPath) -> int | None:
        given = fields.get("port")
        port = whole_number(given)
        if given is not None and (port is None or not 0 <= port <= _MAX_PORT):
            raise self._error((*path, "port"), f"must be a number up to {_MAX_PORT}, not {given!r}.")
        return port or None

    def _check_domain(self, fields: JsonObject, path: KeyPath) -> None:
        domain = fields.get("domain")
        if domain is not None and domain not in DOMAINS:
            raise self._error((*path, "domain"), f"must be one of {', '.join(DOMAINS)}, not {domain!r}.")

    def _error(self, path: KeyPath, problem: str) -> ConfigError:
        return ConfigError(f"{self.origins.of(path)}: '{dotted(path)}' {problem}")


def _types_in(value: JsonObject) -> list[ServerType]:
    return [server_type for server_type in SERVER_TYPES if server_type in value]


def _implementations(value: JsonObject) -> Iterator[tuple[ServerType, str]]:
    for server_type in _types_in(value):
        below = value[server_type]
        for implementation in below if isinstance(below, dict) else ():
            yield server_type, str(implementation)


def _without_dummy(value: Any) -> Any:
    models = value.get("responses_api_models") if isinstance(value, dict) else None
    if not isinstance(models, dict) or len(models) < 2 or not isinstance(models.get(DUMMY_MODEL), dict):
        return value
    dummy = models[DUMMY_MODEL]
    merged = {
        name: merge(dummy, fields) if isinstance(fields, dict) else fields
        for name, fields in models.items()
        if name != DUMMY_MODEL
    }
    return {**value, "responses_api_models": merged}
