"""Imports point one way: a room imports only rooms above it, a component only rooms, and nobody a component."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

REPOSITORY = Path(__file__).parent.parent
ROOMS = (
    "protocol",
    "config",
    "metrics",
    "data",
    "servers",
    "channels",
    "fleet",
    "rollouts",
    "training",
    "kit",
    "cli",
)
"""From the top down."""
COMPONENTS = ("resources_servers", "responses_api_agents", "responses_api_models", "environments", "benchmarks")
SHARED_NAMES = ("__version__",)
"""What a room may take from the bare package; the rest of that surface is for authors of components."""


class Import(NamedTuple):
    """One imported module, and the name taken from it: None for `import module`."""

    line: int
    module: str
    name: str | None


def imports_in(source: str, package: str) -> Iterator[Import]:
    """Every import of a module in `package`, wherever it stands: top, function or `if TYPE_CHECKING`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(node.lineno, alias.name, None)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: -node.level + 1 or None] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                yield Import(node.lineno, module, alias.name)


def room_of(found: Import) -> str | None:
    """The room that an import reaches, or the name it takes from the bare package; None when it is not ours."""
    package, *below = found.module.split(".")
    if package != "polygym":
        return None
    return below[0] if below else found.name


def room_violations(source_root: Path) -> list[str]:
    """What the rooms in `source_root`/polygym import that they may not, as `file:line: message`."""
    package_root = source_root / "polygym"
    violations = []
    for path in sorted(package_root.rglob("*.py")):
        parts = path.relative_to(source_root).parts
        if len(parts) == 2:  # the package's own surface, which belongs to no room
            continue
        room = parts[1]
        if room not in ROOMS:
            violations.append(f"{path}:1: '{room}' is no room; add it to ROOMS in its place")
            continue
        for found in imports_in(path.read_text(encoding="utf-8"), ".".join(parts[:-1])):
            message = _refusal(room, found)
            if message:
                violations.append(f"{path}:{found.line}: {message}")
    return violations


def _refusal(room: str, found: Import) -> str | None:
    if found.module.split(".")[0] in COMPONENTS:
        return f"{room} imports the component {found.module}"
    other = room_of(found)
    if other is None:
        return f"{room} imports the bare package" if found.module == "polygym" else None
    if other in SHARED_NAMES:
        return None
    if other not in ROOMS:
        return f"{room} imports {other} from the bare package; take it from its room"
    if ROOMS.index(other) > ROOMS.index(room):
        return f"{room} imports {other}, a room below it"
    return None


def component_violations(repository: Path) -> list[str]:
    """Where a component in `repository`, its tests apart, imports the command line or another component."""
    violations = []
    for path in sorted(path for folder in COMPONENTS for path in (repository / folder).rglob("*.py")):
        parts = path.relative_to(repository).parts
        if {".venv", "tests"}.intersection(parts):
            continue
        for found in imports_in(path.read_text(encoding="utf-8"), ".".join(parts[:-1])):
            other = component_of(found)
            if room_of(found) == "cli" or other not in (None, parts[:2]):
                name = "/".join(other) if other else found.module
                violations.append(f"{path}:{found.line}: a component imports {name}")
    return violations


def component_of(found: Import) -> tuple[str, ...] | None:
    """The two folders of the component that an import reaches; None when it reaches none."""
    names = (*found.module.split("."), *([found.name] if found.name else []))
    return names[:2] if names[0] in COMPONENTS else None


def test_a_room_imports_only_rooms_above_it() -> None:
    assert room_violations(REPOSITORY / "src") == []


def test_a_component_imports_neither_the_command_line_nor_another_component() -> None:
    assert component_violations(REPOSITORY) == []


@pytest.mark.parametrize(
    ("file", "source", "message"),
    [
        ("servers/base.py", "from polygym.channels.http import call", "servers imports channels, a room below it"),
        ("protocol/items.py", "import polygym.config.model", "protocol imports config, a room below it"),
        ("data/read.py", "from polygym import rollouts", "data imports rollouts, a room below it"),
        ("data/deep/read.py", "from ...fleet import ports", "data imports fleet, a room below it"),
        ("data/read.py", "from .. import fleet", "data imports fleet, a room below it"),
        ("fleet/head.py", "def serve():\n    import polygym.cli", "fleet imports cli, a room below it"),
        (
            "config/load.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from polygym.servers.base import Server",
            "config imports servers, a room below it",
        ),
        ("rollouts/run.py", "from polygym import tool", "rollouts imports tool from the bare package"),
        ("rollouts/run.py", "import polygym", "rollouts imports the bare package"),
        ("cli/main.py", "import resources_servers.weather.app", "cli imports the component"),
        ("utils/text.py", "", "'utils' is no room"),
    ],
)
def test_an_import_that_points_the_wrong_way_is_reported(tmp_path: Path, file: str, source: str, message: str) -> None:
    path = tmp_path / "polygym" / file
    path.parent.mkdir(parents=True)
    path.write_text(source, encoding="utf-8")

    (violation,) = room_violations(tmp_path)

    assert violation.startswith(f"{path}:")
    assert message in violation


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("rollouts/run.py", "from polygym.protocol.tasks import Task\nfrom polygym.rollouts.journal import Journal"),
        ("cli/main.py", "from polygym import __version__\nimport polygym.training.sequences"),
        ("servers/tools.py", "import inspect\nfrom pydantic import BaseModel\nfrom . import base"),
        ("__init__.py", "from polygym.servers.tools import tool"),
    ],
)
def test_an_import_that_points_upwards_is_fine(tmp_path: Path, file: str, source: str) -> None:
    path = tmp_path / "polygym" / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source, encoding="utf-8")

    assert room_violations(tmp_path) == []


def write_component(repository: Path, name: str, source: str) -> None:
    path = repository / name
    path.parent.mkdir(parents=True)
    path.write_text(source, encoding="utf-8")


@pytest.mark.parametrize(
    ("source", "reached"),
    [
        ("def main():\n    from polygym.cli import run", "polygym.cli"),
        ("import os\nimport resources_servers.sudoku.app", "resources_servers/sudoku"),
        ("import os\nfrom resources_servers import sudoku", "resources_servers/sudoku"),
        ("import os\nfrom ..sudoku.boards import Board", "resources_servers/sudoku"),
        ("import os\nfrom responses_api_models.openai_model.app import Model", "responses_api_models/openai_model"),
    ],
)
def test_a_component_that_reaches_where_it_may_not_is_reported(tmp_path: Path, source: str, reached: str) -> None:
    write_component(tmp_path, "resources_servers/weather/app.py", source)

    (violation,) = component_violations(tmp_path)

    assert violation == f"{tmp_path}/resources_servers/weather/app.py:2: a component imports {reached}"


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("app.py", "from polygym import tool\nfrom resources_servers.weather.places import PLACES"),
        ("app.py", "from . import skies"),
        ("tests/test_app.py", "from responses_api_models.openai_model.app import OpenAIModel"),
    ],
)
def test_a_component_may_import_its_own_folder_and_its_tests_anything(tmp_path: Path, file: str, source: str) -> None:
    write_component(tmp_path, f"resources_servers/weather/{file}", source)

    assert component_violations(tmp_path) == []
