"""Reading a YAML file into a plain tree and remembering the line of every key. Knows no meaning of any key.

Scalars follow the rules of OmegaConf's loader, which the field's configs are written for: `1e-3` is a float, a date is
a string, a key given twice is an error.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from polygym.config.tree import KeyPath
from polygym.protocol.errors import ConfigError
from polygym.protocol.json import JsonObject

_TAG = "tag:yaml.org,2002:"
_CONSTRUCTED = ("null", "bool", "int", "float", "str", "seq", "map")
EXPONENT_FLOAT = re.compile(r"[-+]?[0-9]+(?:_[0-9]+)*(?:\.[0-9_]*)?[eE][-+]?[0-9]+$", re.ASCII)
"""Floats that OmegaConf reads and YAML 1.1 takes for strings: no dot, or an exponent without a sign."""


class KeyLine(NamedTuple):
    """Where a key or list entry stands."""

    path: KeyPath
    line: int
    """Counted from 1."""
    merges: bool
    """Whether the value merges with what other files have there: a mapping that is not inside a list."""


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML file."""

    path: Path
    tree: JsonObject
    lines: Sequence[KeyLine]
    """In the order of the file, parents first."""

    def place(self, path: KeyPath) -> str:
        """`file:line` of the value at `path`, the file alone when it has none."""
        line = next((entry.line for entry in self.lines if entry.path == path), None)
        return str(self.path) if line is None else f"{self.path}:{line}"


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The fast loader of PyYAML, restricted to plain values."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> Any:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            if key_node.tag == f"{_TAG}merge":
                continue
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str | int | float):
                raise yaml.MarkedYAMLError(
                    problem="a key must be a string or a number", problem_mark=key_node.start_mark
                )
            if key in seen:
                raise yaml.MarkedYAMLError(problem=f"duplicate key '{key}'", problem_mark=key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


_Loader.yaml_constructors = {
    **{f"{_TAG}{name}": yaml.SafeLoader.yaml_constructors[f"{_TAG}{name}"] for name in _CONSTRUCTED},
    None: yaml.SafeLoader.yaml_constructors[None],
}
_Loader.yaml_implicit_resolvers = {
    first: [entry for entry in entries if entry[0] != f"{_TAG}timestamp"]
    for first, entries in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(f"{_TAG}float", EXPONENT_FLOAT, list("-+0123456789"))


def read_yaml(path: Path) -> Document:
    """The mapping in the file at `path`; an empty file is an empty mapping.

    Raises ConfigError with `path:line:column` when the file cannot be read, is no YAML, holds a key twice or is no
    mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot read this file: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: this is no UTF-8 text (byte {error.start}).") from error
    try:
        return _parse(text, path)
    except yaml.MarkedYAMLError as error:
        raise ConfigError(f"{_place(path, error)}: {_problem(error)}.") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ConfigError(f"{path}:{line}: this character is not allowed in YAML: {error.reason}.") from error
    except ValueError as error:
        raise ConfigError(f"{path}: a value cannot be read: {error}.") from error


def _parse(text: str, path: Path) -> Document:
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return Document(path, {}, ())
        tree = loader.construct_object(node, deep=True)
        if tree is None:
            return Document(path, {}, ())
        if not isinstance(tree, dict):
            raise yaml.MarkedYAMLError(
                problem=f"the file must hold a mapping of keys to values, this is a {type(tree).__name__}",
                problem_mark=node.start_mark,
            )
        return Document(path, tree, tuple(_key_lines(loader, node, ())))
    finally:
        loader.dispose()


def _key_lines(loader: Any, node: yaml.Node, path: KeyPath) -> Iterator[KeyLine]:
    in_list = any(isinstance(key, int) for key in path)
    if isinstance(node, yaml.MappingNode):
        for key_node, value_node in node.value:
            here = (*path, loader.construct_object(key_node, deep=True))
            is_mapping = isinstance(value_node, yaml.MappingNode)
            yield KeyLine(here, key_node.start_mark.line + 1, is_mapping and not in_list)
            yield from _key_lines(loader, value_node, here)
    elif isinstance(node, yaml.SequenceNode):
        for index, value_node in enumerate(node.value):
            here = (*path, index)
            yield KeyLine(here, value_node.start_mark.line + 1, False)
            yield from _key_lines(loader, value_node, here)


def _place(path: Path, error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    return f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)


def _problem(error: yaml.MarkedYAMLError) -> str:
    problem = " ".join(str(error.problem or error.context or error).split())
    return f"malformed YAML: {problem}" if error.context else problem
