"""The special keys that move configuration about: `_inherit_from`, `_copy`, `_delete_key`, and their `${…}` forms.

They are applied to the merged tree, before anything is resolved. Sources are looked up in the tree as it was merged, so
the order of keys plays no part; a source may use special keys itself.
"""

import re
from typing import Any, Final, NamedTuple

from polygym.config.origins import Origins
from polygym.config.tree import MISSING, KeyPath, dotted, get, has, merge, split_key, without
from polygym.protocol.errors import ConfigError, suggest
from polygym.protocol.json import JsonObject

INHERIT: Final = "_inherit_from"
COPY: Final = "_copy"
DELETE: Final = "_delete_key"
_VALUE_FORM: Final = re.compile(r"\$\{(inherit_from|copy):\s*([^${}]+?)\s*\}")


class _Source(NamedTuple):
    """What a value is inherited or copied from."""

    text: str
    """Dotted path, as written."""
    is_taken: bool
    """Whether it disappears from where it was."""


def apply_directives(tree: JsonObject, origins: Origins) -> JsonObject:
    """`tree` without special keys, their effects applied; `origins` learns which part came from where.

    `_inherit_from: a.b` puts the mapping at `a.b` under the one it stands in and removes it from `a.b`; `_copy` leaves
    it there; `_delete_key: "x, y"` deletes keys, inherited ones too. A source that is still `???` makes the target
    `???`. Raises ConfigError when a source does not exist, refers to itself or is no mapping, or when a key to delete
    is not there.
    """
    expansion = _Expansion(tree, origins)
    result = {key: expansion.finished((key,)) for key in tree}
    for path in expansion.taken:
        result = without(result, path)
    return result


class _Expansion:
    def __init__(self, tree: JsonObject, origins: Origins) -> None:
        self.taken: dict[KeyPath, None] = {}
        self._tree = tree
        self._origins = origins
        self._finished: dict[KeyPath, Any] = {}
        self._active: list[KeyPath] = []

    def finished(self, path: KeyPath) -> Any:
        """The value at `path` of the merged tree with all special keys applied."""
        if path not in self._finished:
            self._finished[path] = _without_markers(self._expanded(get(self._tree, path), path))
        return self._finished[path]

    def _expanded(self, value: Any, path: KeyPath) -> Any:
        """As `finished`, but `_delete_key` stays where its keys may still come from a mapping around it."""
        if isinstance(value, list):
            return [self._expanded(entry, (*path, index)) for index, entry in enumerate(value)]
        source = self._source(value, path)
        if isinstance(value, dict):
            own = self._own(value, path)
            return own if source is None else self._combined(value, own, source, path)
        return value if source is None else self._fetched(source, path)

    def _source(self, value: Any, path: KeyPath) -> _Source | None:
        if isinstance(value, str):
            form = _VALUE_FORM.fullmatch(value)
            return _Source(form[2], form[1] == "inherit_from") if form else None
        if not isinstance(value, dict):
            return None
        named = [key for key in (INHERIT, COPY) if key in value]
        if not named:
            return None
        if len(named) == 2:
            raise self._error(path, f"has both '{INHERIT}' and '{COPY}'; keep one of them.")
        text = value[named[0]]
        if not isinstance(text, str) or not text:
            raise self._error((*path, named[0]), f"must be a dotted path such as 'a.b', not {text!r}.")
        return _Source(text, named[0] == INHERIT)

    def _own(self, value: JsonObject, path: KeyPath) -> JsonObject:
        deleted = self._deleted(value, path)
        own = {
            key: self._expanded(inner, (*path, key))
            for key, inner in value.items()
            if key not in (INHERIT, COPY, DELETE) and key not in deleted
        }
        return {**own, DELETE: deleted} if deleted else own

    def _deleted(self, value: JsonObject, path: KeyPath) -> list[str]:
        names = value.get(DELETE, [])
        if isinstance(names, str):
            names = [name.strip() for name in names.split(",")]
        if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
            raise self._error((*path, DELETE), f"must name keys, such as 'a, b', not {value[DELETE]!r}.")
        return names

    def _combined(self, value: JsonObject, own: JsonObject, source: _Source, path: KeyPath) -> Any:
        base = self._fetched(source, path)
        if base == MISSING:
            return MISSING
        if not isinstance(base, dict):
            raise self._error(path, f"inherits from '{source.text}', which is no mapping but a {type(base).__name__}.")
        deleted = own.get(DELETE, [])
        for name in deleted:
            if name not in base and name not in value:
                raise self._error((*path, DELETE), f"names '{name}', which is not there. {suggest(name, base)}")
        kept = {key: inner for key, inner in base.items() if key not in deleted}
        return merge(kept, {key: inner for key, inner in own.items() if key != DELETE})

    def _fetched(self, source: _Source, path: KeyPath) -> Any:
        if path in self._active:
            circle = " -> ".join(dotted(each) for each in (*self._active[self._active.index(path) :], path))
            raise self._error(path, f"takes its value from itself: {circle}.")
        self._active.append(path)
        try:
            where = split_key(self._tree, source.text)
            value = self._looked_up(where, source, path)
        finally:
            self._active.pop()
        self._origins.add_source(path, where)
        if source.is_taken:
            self.taken[where] = None
        return value

    def _looked_up(self, where: KeyPath, source: _Source, path: KeyPath) -> Any:
        node: Any = self._tree
        for length in range(len(where)):
            if length and self._source(node, where[:length]) is not None:
                node = self.finished(where[:length])
                return self._indexed(node, where, length, source, path)
            if node == MISSING:
                return MISSING
            node = self._indexed(node, where[: length + 1], length, source, path)
        return self.finished(where)

    def _indexed(self, node: Any, where: KeyPath, start: int, source: _Source, path: KeyPath) -> Any:
        for length in range(start, len(where)):
            if node == MISSING:
                return MISSING
            if not has(node, where[length : length + 1]):
                known = [str(key) for key in node] if isinstance(node, dict) else []
                hint = suggest(str(where[length]), known)
                raise self._error(path, f"takes its value from '{source.text}', which does not exist. {hint}")
            node = get(node, where[length : length + 1])
        return node

    def _error(self, path: KeyPath, problem: str) -> ConfigError:
        return ConfigError(f"{self._origins.of(path)}: '{dotted(path)}' {problem}")


def _without_markers(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_markers(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    deleted = value.get(DELETE, ())
    return {key: _without_markers(inner) for key, inner in value.items() if key != DELETE and key not in deleted}
