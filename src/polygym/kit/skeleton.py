"""A new environment's folder: written whole, from the templates beside this file, so that it works at once.

A template is the file itself, of an environment called `new_environment`, with `.template` behind its name.
"""

import keyword
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from polygym.config.components import FOLDERS, component_folders
from polygym.kit.environment import load_environment
from polygym.kit.rows import iterate_rows
from polygym.protocol.errors import InputError
from polygym.protocol.json import dumps

KINDS: Final[Mapping[str, str]] = {
    "single-step": "one question, one answer",
    "multi-step": "tools whose outputs the next call depends on",
    "stateful": "tools that change the state of the rollout, which is what counts",
    "multi-turn": "a simulated user who answers",
    "judge": "answers that another model scores",
    "gymnasium": "reset and step",
}
"""What can be written, and what each shows."""

EXAMPLE_ROWS: Final = 5
_TEMPLATES: Final = Path(__file__).parent / "skeletons"
_PLACES: Final[Mapping[str, str]] = {"config.yaml": "configs/{name}.yaml", "test_app.py": "tests/test_app.py"}
"""Where a template goes that does not lie at the top of the folder."""
_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_LONGEST_NAME: Final = 48


def write_skeleton(name: str, kind: str, root: Path, roots: tuple[Path, ...] = ()) -> Path:
    """Write the environment `name` into `root`/resources_servers; its folder. `root` is made where it is missing.

    `roots` are where else components are looked for. Raises InputError for a name that cannot be used, or is taken.
    """
    _check_name(name, (root, *roots))
    folder = root / FOLDERS["resources-server"] / name
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made: {error.strerror}.") from error
    try:
        for template in sorted((_TEMPLATES / kind.replace("-", "_")).glob("*.template")):
            _write(template, folder, name)
        _write_examples(folder)
    except BaseException:
        shutil.rmtree(folder)
        raise
    return folder


def _check_name(name: str, roots: tuple[Path, ...]) -> None:
    if not _NAME.fullmatch(name) or keyword.iskeyword(name) or len(name) > _LONGEST_NAME:
        meant = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_0123456789")
        hint = f" Meant '{meant}'?" if _NAME.fullmatch(meant) and meant != name and not keyword.iskeyword(meant) else ""
        raise InputError(
            f"'{name}' cannot be the name of an environment: lower-case letters, digits and '_', a letter first,"
            f" {_LONGEST_NAME} characters at most, no word of Python's.{hint}"
        )
    for root in roots:
        folder = root / FOLDERS["resources-server"] / name
        if folder.exists() or folder.is_symlink():
            raise InputError(f"{folder} is there already. Choose another name; nothing was written.")
    known = component_folders("resources-server", roots)
    if name in known:
        raise InputError(f"there is a resources server '{name}' already: {known[name]}. Choose another name.")


def _write(template: Path, folder: Path, name: str) -> None:
    title = template.name.removesuffix(".template")
    text = template.read_text(encoding="utf-8")
    text = text.replace("new_environment", name).replace("NewEnvironment", class_name(name))
    file = folder / _PLACES.get(title, title).format(name=name)
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, encoding="utf-8")


def class_name(name: str) -> str:
    """What the classes of an environment's module begin with: `MyTask` for `my`."""
    return "".join(part.capitalize() for part in name.split("_"))


def _write_examples(folder: Path) -> None:
    rows = iterate_rows(load_environment(folder), EXAMPLE_ROWS)
    data = folder / "data"
    data.mkdir()
    (data / "example.jsonl").write_bytes(b"".join(dumps(row) + b"\n" for row in rows))
