"""Where each key of the merged configuration comes from, so that a message can name a file and a line."""

from typing import Any

from polygym.config.tree import KeyPath, walk
from polygym.config.yaml_reader import Document


class Origins:
    """Places of keys. Sources are added in the order in which they are merged.

    A mapping belongs to the first file that has it, since later ones add to it; any other value to the last, which
    wins.
    """

    def __init__(self) -> None:
        self._places: dict[KeyPath, tuple[str, int | None]] = {}
        self._sources: dict[KeyPath, KeyPath] = {}

    def add_document(self, document: Document) -> None:
        """The keys of a file."""
        label = str(document.path)
        for path, line, merges in document.lines:
            if not merges or path not in self._places:
                self._places[path] = (label, line)

    def add_value(self, path: KeyPath, value: Any, label: str) -> None:
        """A value that stands in no file; `label` says where it does: `command line (++a.b=1)`."""
        if not isinstance(value, dict) or path not in self._places:
            self._places[path] = (label, None)
        for below, inner in walk(value, path):
            if not isinstance(inner, dict) or below not in self._places:
                self._places[below] = (label, None)

    def add_source(self, target: KeyPath, source: KeyPath) -> None:
        """The mapping at `target` was inherited or copied from `source`."""
        self._sources[target] = source

    def of(self, path: KeyPath) -> str:
        """`file:line` of the value at `path`, or of the nearest value around it that a source has."""
        for length in range(len(path), 0, -1):
            place = self._exact(path[:length])
            if place is not None:
                label, line = place
                return label if line is None else f"{label}:{line}"
        return "configuration"

    def _exact(self, path: KeyPath, depth: int = 0) -> tuple[str, int | None] | None:
        if path in self._places:
            return self._places[path]
        for length in range(len(path), 0, -1):
            source = self._sources.get(path[:length])
            if source is not None and depth < len(self._sources):
                return self._exact((*source, *path[length:]), depth + 1)
        return None
