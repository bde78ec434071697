"""Values that need the whole interpolation grammar, through OmegaConf. Imported only when a configuration has one.

`oc.env` reads the environment that the configuration is loaded with, which need not be that of this process.
"""

import re
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any, Final

from omegaconf import Container, OmegaConf
from omegaconf.errors import GrammarParseError, InterpolationKeyError, OmegaConfBaseException

from polygym.config.tree import KeyPath, copied
from polygym.config.unresolved import ResolutionError
from polygym.protocol.json import JsonObject

_ENV_CALL: Final = re.compile(r"\$\{\s*oc\.env\s*:")
_NAME: Final = re.compile(r"Interpolation key '([^']+)' not found")
_ENVIRON: ContextVar[Mapping[str, str]] = ContextVar("environ")


def _environment_value(name: str, *default: Any) -> str | None:
    """As OmegaConf's `oc.env`: a default becomes text, null stays null."""
    value = _ENVIRON.get().get(name)
    if value is not None:
        return value
    if not default:
        raise LookupError(f"the environment variable {name} is not set")
    return None if default[0] is None else str(default[0])


OmegaConf.register_new_resolver("polygym.env", _environment_value, replace=True)


class OmegaTree:
    """A merged tree as OmegaConf sees it."""

    def __init__(self, tree: JsonObject, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._malformed: dict[KeyPath, str] = {}
        self._config = OmegaConf.create(self._prepared(tree, ()))

    def value_at(self, path: KeyPath) -> Any:
        """The resolved value at `path`, plain. Raises ResolutionError."""
        if path in self._malformed:
            raise ResolutionError(self._malformed[path])
        token = _ENVIRON.set(self._environ)
        try:
            node: Any = self._config
            for key in path:
                node = node[key]
            return OmegaConf.to_container(node, resolve=True) if isinstance(node, Container) else copied(node)
        except InterpolationKeyError as error:
            missing = _NAME.search(str(error))
            raise ResolutionError(_first_line(error), name=missing[1] if missing else None) from error
        except OmegaConfBaseException as error:
            raise ResolutionError(_first_line(error)) from error
        finally:
            _ENVIRON.reset(token)

    def _prepared(self, node: Any, path: KeyPath) -> Any:
        """`node` for OmegaConf: our `oc.env`, and nothing that it would refuse to hold."""
        if isinstance(node, dict):
            return {key: self._prepared(value, (*path, key)) for key, value in node.items()}
        if isinstance(node, list):
            return [self._prepared(value, (*path, index)) for index, value in enumerate(node)]
        if not isinstance(node, str) or "${" not in node:
            return node
        text = _ENV_CALL.sub("${polygym.env:", node)
        try:
            OmegaConf.create({"value": text})
        except GrammarParseError as error:
            self._malformed[path] = f"malformed interpolation, {_first_line(error)}"
            return None
        return text


def _first_line(error: Exception) -> str:
    line = str(error).partition("\n")[0]
    return line.rpartition(" raised while resolving interpolation: ")[2].rstrip(".")
