"""All constraints, by the ids that rows use. A file per side of a text; `base.py` says what a constraint is."""

from collections.abc import Mapping
from itertools import chain
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

_MODULES: Final = (lengths, keywords, letters, edges, formats, marking, styles, conventions, inversions)
KINDS: Final[Mapping[str, type[Constraint]]] = {
    kind.id: kind for kind in chain.from_iterable(module.KINDS for module in _MODULES)
}
"""Constraints by id. Ids of IFEval and of Open-Instruct mean what they mean there."""
DRAWN: Final[tuple[type[Constraint], ...]] = tuple(kind for kind in KINDS.values() if kind.phrases)
"""Those that generated rows ask for."""
