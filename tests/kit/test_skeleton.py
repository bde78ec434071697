"""What `gym env init` writes: each kind is in order, as it comes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from polygym.kit import check_environment, generate_rows, load_environment
from polygym.kit.checks.subject import CheckSettings
from polygym.kit.skeleton import EXAMPLE_ROWS, KINDS, write_skeleton
from polygym.protocol.errors import InputError
from polygym.protocol.json import loads
from tests.cli.commands import SOURCE

REPOSITORY = SOURCE.parent
FILES = ("README.md", "app.py", "data/example.jsonl", "generate.py", "reference.py", "tests/test_app.py")
ESSENTIAL = ("rows", "manifest", "tools", "reference", "lazy answers", "wrong answers", "sessions", "rewards")
BRIEF = CheckSettings.quick()


def name_of(kind: str) -> str:
    return f"my_{kind.replace('-', '_')}"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with an environment of each kind, in which the repository's rules hold."""
    root = tmp_path_factory.mktemp("skeletons")
    for kind in KINDS:
        write_skeleton(name_of(kind), kind, root)
    shutil.copy(REPOSITORY / "pyproject.toml", root)
    (root / "src").symlink_to(SOURCE)
    return root


def run(root: Path, *arguments: str) -> str:
    """What a command says that has to end well."""
    path = os.pathsep.join([str(root), str(SOURCE)])
    variables = {**os.environ, "PYTHONPATH": path, "MYPYPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-m", *arguments], cwd=root, env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_has_all_its_files_and_the_rows_that_its_generator_makes(root: Path, kind: str) -> None:
    name = name_of(kind)
    folder = root / "resources_servers" / name
    written = {file.relative_to(folder).as_posix() for file in folder.rglob("*") if "__pycache__" not in file.parts}

    assert {file for file in written if (folder / file).is_file()} == {*FILES, f"configs/{name}.yaml"}
    assert not any(b"new_environment" in file.read_bytes() for file in folder.rglob("*") if file.is_file())
    rows = [loads(line) for line in (folder / "data" / "example.jsonl").read_bytes().splitlines()]
    assert rows == generate_rows(load_environment(folder), EXAMPLE_ROWS)


@pytest.mark.parametrize("kind", KINDS)
def test_the_checker_finds_nothing_about_a_kind(root: Path, kind: str) -> None:
    report = check_environment(root / "resources_servers" / name_of(kind), checks=ESSENTIAL, settings=BRIEF)

    assert report.is_ok, str(report)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_checker_finds_nothing_however_long_it_looks(root: Path, kind: str) -> None:
    report = check_environment(root / "resources_servers" / name_of(kind))

    assert report.is_ok, str(report)


def test_the_tests_of_every_kind_pass(root: Path) -> None:
    said = run(root, "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib", "resources_servers")

    assert " passed" in said


def test_what_is_written_is_in_good_form(root: Path) -> None:
    run(root, "ruff", "check", "--no-cache", "resources_servers")
    run(root, "ruff", "format", "--no-cache", "--check", "resources_servers")


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_what_is_written_is_fully_typed(root: Path, tmp_path: Path) -> None:
    run(root, "mypy", "--cache-dir", str(tmp_path), "resources_servers")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("My-Env", "Meant 'my_env'?"),
        ("3d", "a letter first"),
        ("class", "no word of Python's"),
        ("", "cannot be the name"),
        ("../up", "Meant 'up'?"),
        ("ünder", "lower-case letters"),
        ("a" * 49, "48 characters at most"),
    ],
)
def test_a_name_that_cannot_be_one_is_refused(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        write_skeleton(name, "single-step", tmp_path)

    assert message in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_never_written_over(tmp_path: Path) -> None:
    file = tmp_path / "resources_servers" / "mine" / "notes.txt"
    file.parent.mkdir(parents=True)
    file.write_text("precious")

    with pytest.raises(InputError, match="is there already"):
        write_skeleton("mine", "single-step", tmp_path)

    assert [each.name for each in file.parent.iterdir()] == ["notes.txt"]


def test_a_name_that_another_root_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="example_multi_step is there already"):
        write_skeleton("example_multi_step", "single-step", tmp_path, (REPOSITORY,))


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "resources_servers").write_text("a file")

    with pytest.raises(InputError, match="cannot be made"):
        write_skeleton("mine", "single-step", tmp_path)
