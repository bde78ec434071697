"""Where components and files are looked for: an ordered list of folders, first hit wins.

Somebody's own folder comes before the built-in ones, so a component of the same name shadows the built-in.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from polygym.protocol.errors import ConfigError

ROOT_VARIABLES: Final = ("NEMO_GYM_EXTRA_ROOTS", "POLYGYM_EXTRA_ROOTS")
"""Environment variables with further roots, separated like PATH; as there, missing folders are passed over."""


def search_roots(search_dirs: Sequence[str | Path], environ: Mapping[str, str], cwd: Path) -> tuple[Path, ...]:
    """`search_dirs`, then those of the environment variables, the working directory and the installation; absolute.

    Raises ConfigError when one of `search_dirs` is no folder.
    """
    given = [_absolute(folder, cwd) for folder in search_dirs]
    for folder in given:
        if not folder.is_dir():
            raise ConfigError(f"--search-dir {folder}: there is no such folder.")
    named = [part for name in ROOT_VARIABLES for part in environ.get(name, "").split(os.pathsep) if part]
    extra = [folder for part in named if (folder := _absolute(part, cwd)).is_dir()]
    unique: dict[Path, Path] = {}
    for folder in (*given, *extra, cwd.absolute(), install_root()):
        unique.setdefault(folder.resolve(), folder)
    return tuple(unique.values())


def install_root() -> Path:
    """The folder that holds the built-in components: `builtin` of an installed package, else the clone's root."""
    package = Path(__file__).absolute().parents[1]
    builtin = package / "builtin"
    return builtin if builtin.is_dir() else package.parents[1]


def find(roots: Sequence[Path], path: str | Path) -> Path | None:
    """The first existing `<root>/<path>`; an absolute path itself; None when there is none."""
    wanted = Path(path).expanduser()
    return next((root / wanted for root in roots if (root / wanted).exists()), None)


def _absolute(folder: str | Path, cwd: Path) -> Path:
    return cwd.absolute() / Path(folder).expanduser()
