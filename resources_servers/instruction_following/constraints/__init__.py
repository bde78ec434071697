"""All constraints, by the ids that rows use. A file per side of a text; `base.py` says what a constraint is."""

from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Final

from resources_servers.instruction_following.constraints import (
    conventions,
    edges,
    formats,
    inversions,
    keywords,
    lengths,
    letters,
    marking,
    styles,
)
from resources_servers.instruction_following.constraints.base import Constraint


def _defined_in(module: ModuleType) -> Iterable[type[Constraint]]:
    members = vars(module).values()
    return [
        each
        for each in members
        if isinstance(each, type) and issubclass(each, Constraint) and each.__module__ == module.__name__
    ]


_MODULES: Final = (lengths, keywords, letters, edges, formats, marking, styles, conventions, inversions)
KINDS: Final[Mapping[str, type[Constraint]]] = {kind.id: kind for module in _MODULES for kind in _defined_in(module)}
"""Constraints by id. Ids of IFEval and of Open-Instruct mean what they mean there."""
DRAWN: Final[tuple[type[Constraint], ...]] = tuple(kind for kind in KINDS.values() if kind.phrases)
"""Those that generated rows ask for."""
