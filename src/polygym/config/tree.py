"""Plain configuration trees: dicts, lists and scalars as YAML gives them, addressed by paths of keys.

No function here changes the tree it is given; unchanged parts are shared between the old tree and the new one.
Knows no file and no special key.
"""

import re
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

from polygym.protocol.json import JsonObject

KeyPath: TypeAlias = tuple[str | int, ...]
"""Keys from the root to a value; an int is an index of a list (or a YAML key that is a number)."""

MISSING: Final = "???"
"""A value that somebody still has to set."""

REFERENCE: Final = re.compile(r"\$\{([A-Za-z_]\w*(?:\.\w+)*)\}", re.ASCII)
"""The plain interpolation `${a.b}`; group 1 is the dotted path."""


def dotted(path: KeyPath) -> str:
    """A path as people write it: `a.b[0].c`."""
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)
    return text.removeprefix(".")


def split_key(tree: JsonObject, text: str) -> KeyPath:
    """The path that the dotted `text` means in `tree`.

    A dot may be part of a key (`gpt-4.1.responses_api_models`): the longest key that exists wins. Digits index a list.
    What does not exist is split at every dot.
    """
    parts = text.split(".")
    node: Any = tree
    path: list[str | int] = []
    while parts:
        key, used = _next_key(node, parts)
        node = child(node, key)
        path.append(key)
        parts = parts[used:]
    return tuple(path)


def _next_key(node: Any, parts: list[str]) -> tuple[str | int, int]:
    if isinstance(node, list) and parts[0].isdigit():
        return int(parts[0]), 1
    if isinstance(node, dict):
        for used in range(len(parts), 1, -1):
            joined = ".".join(parts[:used])
            if joined in node:
                return joined, used
    return parts[0], 1


def child(node: Any, key: str | int) -> Any:
    """The value at `key` of a mapping or list, or None when there is none."""
    if isinstance(node, dict):
        return node.get(key)
    if isinstance(node, list) and isinstance(key, int) and key < len(node):
        return node[key]
    return None


def has(tree: Any, path: KeyPath) -> bool:
    """Whether there is a value (null included) at `path`."""
    node = tree
    for key in path:
        is_there = key in node if isinstance(node, dict) else isinstance(node, list) and key in range(len(node))
        if not is_there:
            return False
        node = node[key]
    return True


def get(tree: Any, path: KeyPath) -> Any:
    """The value at `path`, or None when there is none."""
    node = tree
    for key in path:
        node = child(node, key)
    return node


def walk(node: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """Every value below `node`, containers included, parents first."""
    entries: Iterator[tuple[Any, Any]] = iter(())
    if isinstance(node, dict):
        entries = iter(node.items())
    elif isinstance(node, list):
        entries = iter(enumerate(node))
    for key, value in entries:
        here = (*path, key)
        yield here, value
        if isinstance(value, dict | list):
            yield from walk(value, here)


def merge(base: JsonObject, over: JsonObject) -> JsonObject:
    """`over` merged over `base`: mappings merge key by key, everything else replaces what was there.

    A `???` never replaces a value. A mapping over the interpolation `${a.b}` of another mapping in `base` merges with
    that one. Source: OmegaConf.merge, except that a list and a mapping replace each other instead of failing.
    """
    return _merged(base, over, base)


def _merged(base: JsonObject, over: JsonObject, root: JsonObject) -> JsonObject:
    result = dict(base)
    for key, value in over.items():
        if key not in result:
            result[key] = value
        elif isinstance(value, dict):
            under = _referred(result[key], root)
            result[key] = _merged(under, value, root) if isinstance(under, dict) else value
        elif value != MISSING:
            result[key] = value
    return result


def _referred(value: Any, root: JsonObject) -> Any:
    reference = REFERENCE.fullmatch(value) if isinstance(value, str) else None
    return get(root, split_key(root, reference[1])) if reference else value


def updated(tree: JsonObject, path: KeyPath, value: Any) -> JsonObject:
    """`tree` with `value` merged in at `path`; mappings on the way are made when they are absent.

    Raises IndexError when the path runs past the end of a list.
    """
    result = _updated(tree, path, value, tree)
    assert isinstance(result, dict)
    return result


def _updated(node: Any, path: KeyPath, value: Any, root: JsonObject) -> Any:
    node = _referred(node, root)
    if not path:
        return _merged(node, value, root) if isinstance(node, dict) and isinstance(value, dict) else value
    key, rest = path[0], path[1:]
    if isinstance(node, list) and isinstance(key, int):
        changed = list(node)
        changed[key] = _updated(node[key], rest, value, root)
        return changed
    mapping = node if isinstance(node, dict) else {}
    return {**mapping, key: _updated(mapping.get(key), rest, value, root)}


def without(tree: Any, path: KeyPath) -> Any:
    """`tree` without the value at `path`; itself when there is none."""
    if not has(tree, path):
        return tree
    key, rest = path[0], path[1:]
    if isinstance(tree, list):
        changed = list(tree)
        if rest and isinstance(key, int):
            changed[key] = without(tree[key], rest)
        else:
            changed.pop(int(key))
        return changed
    if rest:
        return {**tree, key: without(tree[key], rest)}
    return {name: value for name, value in tree.items() if name != key}


def copied(node: Any) -> Any:
    """A deep copy that shares no container with `node`, not even where `node` shares one with itself."""
    if isinstance(node, dict):
        return {key: copied(value) for key, value in node.items()}
    if isinstance(node, list):
        return [copied(value) for value in node]
    return node
