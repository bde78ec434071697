"""Where components and files are looked for: the folders of `NEMO_GYM_EXTRA_ROOTS`, the working directory, the base.

The base is the folder that holds this package: in a checkout of environments it is the checkout.
"""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

EXTRA_ROOTS_VARIABLE: Final = "NEMO_GYM_EXTRA_ROOTS"
PACKAGE: Final = Path(__file__).absolute().parent


def extra_roots() -> list[Path]:
    """The folders of the environment variable and the roots of this process's fleet, read anew each time."""
    named = [Path(part) for part in os.environ.get(EXTRA_ROOTS_VARIABLE, "").split(os.pathsep) if part]
    loader = sys.modules.get("polygym.fleet.loader")  # a process without a fleet has not imported it
    return [*named, *(loader.registered_roots() if loader is not None else ())]


def _base() -> Path:
    """The folder of this package if environments lie there, else the first root where they do."""
    folders = [PACKAGE.parent, *extra_roots(), Path.cwd()]
    return next((folder for folder in folders if (folder / "resources_servers").is_dir()), PACKAGE.parent)


BASE: Final = _base()


def component_search_roots(*, sys_path: Iterable[Path] | None = None) -> list[Path]:
    """The roots in order, each once; the first that has something wins.

    `sys_path` entries go between the extra roots and the working directory.
    """
    last = (Path.cwd(), BASE)
    kept_last = {folder.resolve() for folder in last}
    between = [entry for entry in sys_path or () if entry.resolve() not in kept_last]
    return list(_unique([*extra_roots(), *between, *last]))


def _unique(folders: Iterable[Path]) -> Iterator[Path]:
    seen = set()
    for folder in folders:
        real = folder.resolve()
        if real not in seen:
            seen.add(real)
            yield folder


def resolve_file(path: str | Path, *, validator: Callable[[Path], bool] | None = None) -> Path:
    """`path` in the first root that has it; in the first root of all when none does. For reading only."""
    wanted = Path(path)
    if wanted.is_absolute():
        return wanted
    roots = component_search_roots()
    is_there = validator or Path.exists
    return next((root / wanted for root in roots if is_there(root / wanted)), roots[0] / wanted)


def make_importable() -> None:
    """Let modules in the roots be imported: extra roots before all else, the working directory and base last."""
    sys.path[:] = [str(root) for root in component_search_roots(sys_path=[Path(entry) for entry in sys.path])]
