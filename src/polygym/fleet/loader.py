"""From an implementation's folder and entrypoint to the server class it defines, and to a server."""

import importlib
import logging
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from polygym.config.model import ServerInstance
from polygym.protocol.calls import SERVER_TYPES, Directory, ServerType
from polygym.protocol.errors import ConfigError, UserError
from polygym.protocol.failures import describe
from polygym.protocol.json import JsonObject
from polygym.servers.agents import AgentServer
from polygym.servers.asgi import AdoptedClass, AsgiServer
from polygym.servers.base import Server
from polygym.servers.models import ModelServer
from polygym.servers.resources import ResourcesServer

log = logging.getLogger("polygym.loader")

ClassT = TypeVar("ClassT")
BASES: dict[ServerType, type[Server]] = {
    "resources_servers": ResourcesServer,
    "responses_api_agents": AgentServer,
    "responses_api_models": ModelServer,
}


_registered: list[Path] = []


def registered_roots() -> tuple[Path, ...]:
    """The roots whose implementations can be imported now, the first winning; none before `register_roots`."""
    return tuple(_registered)


class _ImplementationFinder(MetaPathFinder):
    """Finds the package of an implementation: its folders in all roots, a module in an earlier one winning.

    Python itself would let a folder with `__init__.py` win over one without, whatever the order of the roots.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        parent, _, name = fullname.rpartition(".")
        if parent not in SERVER_TYPES:
            return None
        folders = [folder for root in path or () if (folder := Path(root, name)).is_dir()]
        if not folders:
            return None
        locations = [str(folder) for folder in folders]
        with_code = next((folder for folder in folders if next(folder.glob("*.py"), None) is not None), folders[0])
        if (with_code / "__init__.py").is_file():
            start = with_code / "__init__.py"
            return spec_from_file_location(fullname, start, submodule_search_locations=locations)
        spec = ModuleSpec(fullname, None, is_package=True)
        spec.submodule_search_locations = locations
        return spec


_FINDER = _ImplementationFinder()


def register_roots(roots: Sequence[Path]) -> None:
    """Make `<server type>.<implementation>.<module>` importable from the roots, the first root winning.

    The three folders are registered as packages directly, so that nothing else in a root becomes importable. An
    implementation that was imported from elsewhere is forgotten.
    """
    _registered[:] = roots
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)
    for server_type in SERVER_TYPES:
        package = sys.modules.setdefault(server_type, ModuleType(server_type))
        folders = [str(root / server_type) for root in roots if (root / server_type).is_dir()]
        package.__path__ = folders
        _forget_moved(server_type, folders)
    importlib.invalidate_caches()


def _forget_moved(server_type: ServerType, folders: Sequence[str]) -> None:
    imported = {".".join(name.split(".")[:2]) for name in sys.modules if name.startswith(f"{server_type}.")}
    for package in imported:
        spec = _FINDER.find_spec(package, folders)
        locations = list(getattr(sys.modules.get(package), "__path__", ()))
        if spec is None or spec.submodule_search_locations != locations:
            for name in [name for name in sys.modules if name == package or name.startswith(f"{package}.")]:
                del sys.modules[name]


def load_class(server_type: ServerType, implementation: str, entrypoint: str, origin: str) -> type[Server]:
    """The server class that an entrypoint (`app.py` or `app.py:ClassName`) defines.

    Raises ConfigError naming `origin` when the module cannot be imported or does not define exactly one such class.
    """
    file, _, wanted = entrypoint.partition(":")
    where = f"{server_type}/{implementation}/{file}"
    module = _import(server_type, f"{implementation}/{file.removesuffix('.py')}".replace("/", "."), where, origin)
    base = BASES[server_type]
    if wanted:
        found = getattr(module, wanted, None)
        if isinstance(found, type) and issubclass(found, AdoptedClass):
            found = found.polygym_server(module)
            if found is not None and found.server_type == server_type:
                return found
        if not (isinstance(found, type) and issubclass(found, base)):
            raise ConfigError(f"{origin}: {where} has no {base.__name__} subclass '{wanted}'.")
        return found
    candidates = list(_leaves(_defined_in(module, base))) or list(_adopted(module, server_type))
    if len(candidates) != 1:
        names = ", ".join(candidate.__name__ for candidate in candidates) or "none"
        hint = "write 'entrypoint: app.py:ClassName'" if candidates else f"define a subclass of polygym.{base.__name__}"
        raise ConfigError(f"{origin}: {where} must define one {base.__name__} subclass, found {names}; {hint}.")
    return candidates[0]


def make_server(
    *,
    name: str,
    server_type: ServerType,
    implementation: str,
    entrypoint: str,
    fields: JsonObject,
    origin: str,
    directory: Directory,
) -> Server:
    """The server of one instance, not started. Configured fields that it does not know are logged.

    Raises ConfigError naming `origin` when its class cannot be had, or refuses the configuration.
    """
    found = load_class(server_type, implementation, entrypoint, origin)
    try:
        config = found.parse_config(fields, origin)
        server = found(name, config, directory)
    except UserError:
        raise
    except Exception as error:
        raise ConfigError(f"{origin}: {name} cannot be made: {describe(error)}") from error
    for remark in found.unknown_fields(config):
        log.warning("%s: %s", origin, remark)
    return server


def make_instance(instance: ServerInstance, directory: Directory) -> Server:
    """As `make_server`, of a configured instance."""
    return make_server(
        name=instance.name,
        server_type=instance.server_type,
        implementation=instance.implementation,
        entrypoint=instance.entrypoint,
        fields=instance.fields,
        origin=instance.origin,
        directory=directory,
    )


def _import(server_type: ServerType, below: str, where: str, origin: str) -> ModuleType:
    package = sys.modules[server_type]
    try:
        return _import_with_siblings(f"{server_type}.{below}")
    except (Exception, SystemExit) as error:
        place = _place_in(error, package.__path__)
        raise ConfigError(f"{origin}: {where} cannot be imported: {type(error).__name__}: {error}{place}") from error


def _import_with_siblings(name: str) -> ModuleType:
    """The module; if it fails to import one that lies beside it by its bare name, as in a process started there."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        wanted = (error.name or "").partition(".")[0]
        parent = sys.modules.get(name.rpartition(".")[0])
        folders = [Path(folder) for folder in getattr(parent, "__path__", ())]
        folder = next((each for each in folders if wanted and wanted in _module_names(each)), None)
        if folder is None:
            raise
    with _bare_names(folder):
        return importlib.import_module(name)


@contextmanager
def _bare_names(folder: Path) -> Iterator[None]:
    """Let what lies in `folder` be imported by bare names; afterwards these are free for other implementations."""
    siblings = _module_names(folder)
    others = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] in siblings}
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name.partition(".")[0] in siblings]:
            del sys.modules[name]
        sys.modules.update(others)


def _module_names(folder: Path) -> set[str]:
    """What can be imported from a folder."""
    return {
        path.stem for path in folder.iterdir() if path.suffix == ".py" or (path.is_dir() and path.name.isidentifier())
    }


def _place_in(error: BaseException, folders: Iterable[str]) -> str:
    """` (file:line)`: where in those folders an error was raised, or passed through last; empty when nowhere."""
    if isinstance(error, SyntaxError) and error.filename is not None:
        return f" ({error.filename}:{error.lineno})"
    place = ""
    frame = error.__traceback__
    while frame is not None:
        file = frame.tb_frame.f_code.co_filename
        if file.startswith(tuple(folders)):
            place = f" ({file}:{frame.tb_lineno})"
        frame = frame.tb_next
    return place


def _defined_in(module: ModuleType, base: type[Server]) -> list[type[Server]]:
    return [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, base) and value.__module__ == module.__name__
    ]


def _adopted(module: ModuleType, server_type: ServerType) -> Iterable[type[AsgiServer]]:
    """The servers that classes of other frameworks in a module become."""
    classes = [value for value in vars(module).values() if isinstance(value, type) and issubclass(value, AdoptedClass)]
    for one in _leaves(value for value in classes if value.__module__ == module.__name__):
        server = one.polygym_server(module)
        if server is not None and server.server_type == server_type:
            yield server


def _leaves(classes: Iterable[type[ClassT]]) -> Iterable[type[ClassT]]:
    """Those classes that no other of them derives from."""
    known = list(classes)
    return (one for one in known if not any(other is not one and issubclass(other, one) for other in known))
