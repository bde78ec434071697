"""The table of environments in a page: what each one's manifest says, below the heading `## Environments`.

`python -m polygym.kit.table docs/environments/README.md` brings it up to date.
"""

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from polygym.config.listing import Component, list_environments
from polygym.config.roots import install_root
from polygym.protocol.errors import InputError

HEADING: Final = "## Environments\n"
_COLUMNS: Final = {
    "rollout_structure": "structure",
    "core_capabilities": "capabilities",
    "knowledge_domain": "domain",
    "task_type": "task",
    "verification_method": "verified by",
}


def updated_page(page: Path, root: Path) -> str:
    """The text of `page` with the table of the environments in `root`. Raises InputError without the heading."""
    text = page.read_text(encoding="utf-8")
    before, heading, after = text.partition(HEADING)
    if not heading:
        raise InputError(f"{page}: needs the heading '{HEADING.strip()}', below which the table goes.")
    table = environments_table(list_environments([root]), page.parent)
    rest = re.search(r"^#+ ", after, re.MULTILINE)
    return f"{before}{heading}\n{table}" + (f"\n{after[rest.start() :]}" if rest else "")


def environments_table(components: Sequence[Component], folder: Path) -> str:
    """A Markdown table of `components` for a page in `folder`, each linked to its README."""
    lines = ["| environment | " + " | ".join(_COLUMNS.values()) + " | |", "|---" * (len(_COLUMNS) + 2) + "|"]
    for component in components:
        values = [", ".join(component.manifest[name]) for name in _COLUMNS]
        cells = [_linked(component, folder), *values, " ".join((component.description or "").split())]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "".join(f"{line}\n" for line in lines)


def _linked(component: Component, folder: Path) -> str:
    readme = component.folder / "README.md"
    if not readme.is_file():
        return f"`{component.name}`"
    return f"[`{component.name}`]({Path(os.path.relpath(readme, folder)).as_posix()})"


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        given = Path(argument).absolute()
        given.write_text(updated_page(given, install_root()), encoding="utf-8")
