"""Reading config files together with the files that they include, in the order in which they are merged."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from polygym.config.roots import find
from polygym.config.yaml_reader import Document, read_yaml
from polygym.protocol.errors import ConfigError, suggest

CONFIG_PATHS: Final = "config_paths"
"""The top-level key that includes other files."""


@dataclass(slots=True)
class _Node:
    document: Document
    included: list["_Node"] = field(default_factory=list)


def read_documents(paths: Sequence[str], roots: Sequence[Path], origin: str) -> list[Document]:
    """The files at `paths` and all that they include, each once, in merge order: later ones win.

    A file comes after what it includes, and a later sibling (with what it includes) after an earlier one. A file that
    is named twice belongs to where it is nearest to `paths`; named twice in `paths` itself, to the last place.
    `origin` says where `paths` were given. Raises ConfigError when a file is missing or malformed.
    """
    files = {_located(path, roots, origin): None for path in reversed(paths)}
    top = [_Node(read_yaml(file)) for file in reversed(files)]
    known = set(files)
    level = top
    while level:
        below: list[_Node] = []
        for node in level:
            document = node.document
            named = path_list(document.tree.get(CONFIG_PATHS), document.place((CONFIG_PATHS,)))
            for index, path in enumerate(named):
                file = _located(path, roots, document.place((CONFIG_PATHS, index)))
                if file not in known:
                    known.add(file)
                    node.included.append(_Node(read_yaml(file)))
            below += node.included
        level = below
    return [document for node in top for document in _post_order(node)]


def path_list(value: Any, origin: str) -> list[str]:
    """A `config_paths` value checked: a list of paths, or null for none. Raises ConfigError naming `origin`."""
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(path, str) for path in value):
        raise ConfigError(
            f"{origin}: '{CONFIG_PATHS}' must be a list of paths, such as [a.yaml, b.yaml], not {value!r}."
        )
    return value


def _post_order(top: _Node) -> list[Document]:
    order: list[Document] = []
    pending = [top]
    while pending:
        node = pending.pop()
        order.append(node.document)
        pending += node.included
    return order[::-1]


def _located(path: str, roots: Sequence[Path], origin: str) -> Path:
    found = find(roots, path)
    if found is not None and found.is_file():
        return found.resolve()
    if found is not None:
        raise ConfigError(f"{origin}: '{path}' is a folder, a config file is needed.")
    if Path(path).expanduser().is_absolute():
        raise ConfigError(f"{origin}: there is no config file '{path}'.")
    looked = ", ".join(str(root) for root in roots)
    raise ConfigError(f"{origin}: there is no config file '{path}' in any of {looked}.{_similar(path, roots)}")


def _similar(path: str, roots: Sequence[Path]) -> str:
    folder = Path(path).parent
    names = {str(folder / file.name) for root in roots for file in (root / folder).glob("*.yaml")}
    return f" {suggest(path, names)}" if names else ""
