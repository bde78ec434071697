"""Resolving `${…}` in a merged tree.

The plain forms, which nearly all configs get by with, are resolved here: `${a.b}`, text around them, and `oc.env` and
`oc.select` with a default that is a word, a whole number or a plain form. Everything else of OmegaConf's grammar is
left to OmegaConf (`omega`), whose import takes longer than loading the configuration. Both give the same values; a test
compares them.
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from polygym.config.tree import REFERENCE, KeyPath
from polygym.config.unresolved import ResolutionError, Unresolved
from polygym.protocol.json import JsonObject

if TYPE_CHECKING:
    from polygym.config.omega import OmegaTree

_CALL: Final = re.compile(
    r"\$\{oc\.(?P<function>env|select):(?P<name>[A-Za-z_]\w*(?:\.\w+)*)"
    r"(?:,\s*(?P<default>\$\{.+\}|0|[1-9][0-9]*|[A-Za-z_/](?:[\w/.:-]*\w)?))?\}",
    re.ASCII,
)
_CONSTANTS: Final[Mapping[str, bool | None]] = {"null": None, "true": True, "false": False}
_NOT_WORDS: Final = ("nan", "inf")


class _NotPlainError(Exception):
    """The value needs OmegaConf."""


def resolve(tree: JsonObject, environ: Mapping[str, str]) -> tuple[JsonObject, list[Unresolved]]:
    """A copy of `tree` with every interpolation replaced by its value, and those that have none.

    The copy shares no container with `tree`. What could not be resolved stays in it as text.
    """
    resolver = _Resolver(tree, environ)
    resolved: JsonObject = resolver.value(tree, ())
    return resolved, list(resolver.failures.values())


class _Resolver:
    def __init__(self, tree: JsonObject, environ: Mapping[str, str]) -> None:
        self.failures: dict[KeyPath, Unresolved] = {}
        self._tree = tree
        self._environ = environ
        self._active: list[KeyPath] = []
        self._omega: OmegaTree | None = None

    def value(self, node: Any, path: KeyPath) -> Any:
        """`node`, which stands at `path`, resolved; a failure is noted."""
        if isinstance(node, dict):
            return {key: self.value(inner, (*path, key)) for key, inner in node.items()}
        if isinstance(node, list):
            return [self.value(inner, (*path, index)) for index, inner in enumerate(node)]
        if not isinstance(node, str) or "${" not in node:
            return node
        try:
            return self._text(node, path)
        except ResolutionError as error:
            self.failures[path] = Unresolved(path, node, error.name, error.reason)
            return node

    def _strict(self, node: Any, path: KeyPath) -> Any:
        """As `value`, but the first failure is raised."""
        if isinstance(node, dict):
            return {key: self._strict(inner, (*path, key)) for key, inner in node.items()}
        if isinstance(node, list):
            return [self._strict(inner, (*path, index)) for index, inner in enumerate(node)]
        return self._text(node, path) if isinstance(node, str) and "${" in node else node

    def _text(self, text: str, path: KeyPath) -> Any:
        if path in self._active:
            raise ResolutionError("it refers to itself")
        self._active.append(path)
        try:
            return self._plain(text)
        except _NotPlainError:
            return self._from_omegaconf(path)
        finally:
            self._active.pop()

    def _plain(self, text: str) -> Any:
        if REFERENCE.fullmatch(text) or _CALL.fullmatch(text):
            return self._expression(text)
        if "\\" in text or "$$" in text or "${" in REFERENCE.sub("", text):
            raise _NotPlainError
        return REFERENCE.sub(lambda match: _in_text(self._reference(match[1])), text)

    def _expression(self, text: str) -> Any:
        """The value of one plain `${…}`. A default is evaluated even when it is not needed, as in OmegaConf."""
        reference = REFERENCE.fullmatch(text)
        if reference:
            return self._reference(reference[1])
        call = _CALL.fullmatch(text)
        if call is None:
            raise _NotPlainError
        default = None if call["default"] is None else self._default(call["default"])
        if call["function"] == "select":
            return self._selected(call["name"], default)
        if call["name"] in self._environ:
            return self._environ[call["name"]]
        if call["default"] is None:
            raise ResolutionError(f"the environment variable {call['name']} is not set")
        return None if default is None else str(default)

    def _default(self, text: str) -> Any:
        if text.startswith("${"):
            return self._expression(text)
        if text.lower() in _NOT_WORDS:
            raise _NotPlainError
        return int(text) if text.isdecimal() else _CONSTANTS.get(text.lower(), text)

    def _selected(self, name: str, default: Any) -> Any:
        try:
            return self._reference(name)
        except ResolutionError as error:
            if error.name != name:
                raise
            return default

    def _reference(self, name: str) -> Any:
        node: Any = self._tree
        path: KeyPath | None = ()
        for part in name.split("."):
            if path is not None and isinstance(node, str) and "${" in node:
                node, path = self._text(node, path), None
            key = _key(node, part, name)
            node = node[key]
            path = None if path is None else (*path, key)
        if path is None:
            return node
        if any(active[: len(path)] == path for active in self._active):
            raise ResolutionError("it refers to itself")
        return self._strict(node, path)

    def _from_omegaconf(self, path: KeyPath) -> Any:
        if self._omega is None:
            from polygym.config.omega import OmegaTree

            self._omega = OmegaTree(self._tree, self._environ)
        return self._omega.value_at(path)


def _in_text(value: Any) -> str:
    if isinstance(value, dict | list):
        raise _NotPlainError
    return str(value)


def _key(node: Any, part: str, name: str) -> str | int:
    if isinstance(node, dict) and part in node:
        return part
    if isinstance(node, list):
        if not part.isdigit():
            raise ResolutionError(f"'{name}' leads into a list, where '{part}' is no index")
        if int(part) < len(node):
            return int(part)
    raise ResolutionError(f"'{name}' is not set", name=name)
