"""The tests of components, run by pytest: each folder's in a process of its own, with the packages it asks for."""

import importlib.metadata
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from xml.etree import ElementTree

from polygym.config.components import FOLDERS, ComponentKind, component_folders
from polygym.config.roots import ROOT_VARIABLES, install_root
from polygym.fleet.venv import Implementation, interpreter_with
from polygym.protocol.errors import ConfigError, InputError, suggest
from polygym.protocol.json import JsonObject

TEST_TOOLS: Final = ("pytest", "pytest-timeout", "pytest-asyncio", "hypothesis", "jsonschema")
"""Packages that tests use; a virtual environment gets those that this interpreter has, in its versions."""

_NOTHING_COLLECTED: Final = 5
_KINDS: Final[Mapping[str, ComponentKind]] = {folder: kind for kind, folder in FOLDERS.items()}


@dataclass(frozen=True, slots=True)
class Suite:
    """The tests of one component."""

    name: str
    folder: Path
    """Of the component."""

    @property
    def tests(self) -> Path:
        """Where they are."""
        return self.folder / "tests"

    @property
    def root(self) -> Path:
        """The root that the component is in."""
        return self.folder.parents[len(Path(self.name).parts)]


@dataclass(frozen=True, slots=True)
class SuiteResult:
    """How they ended."""

    name: str
    passed: int = 0
    failed: int = 0
    """Tests that failed or could not be run; 1 at least when pytest itself could not."""
    skipped: int = 0
    seconds: float = 0.0
    output: str = ""
    """What pytest said, unless it was shown."""
    problem: str | None = None
    """Why nothing was run, if so."""

    @property
    def is_ok(self) -> bool:
        """Whether nothing failed."""
        return self.failed == 0

    def to_json(self) -> JsonObject:
        """For `--json`."""
        counts = {"passed": self.passed, "failed": self.failed, "skipped": self.skipped}
        return {"name": self.name, "ok": self.is_ok, **counts, "seconds": self.seconds, "problem": self.problem}


def find_suites(names: Sequence[str], roots: Sequence[Path]) -> list[Suite]:
    """The suites of those components; of every resources server when there are no names.

    The built-in ones are left out then, unless polygym's own folder is where one works.
    A name is a resources server's, or `responses_api_agents/NAME` and the like, or a folder. Raises InputError for one
    that is not there, or that has no tests.
    """
    if not names:
        own = [root for root in roots if root != install_root() or root == Path.cwd()]
        return [Suite(*each) for each in component_folders("resources-server", own).items()]
    suites = [_find(name, roots) for name in names]
    for suite in suites:
        if not _has_tests(suite):
            raise InputError(f"{suite.name} has no tests: they go into {suite.tests}/test_app.py.")
    return suites


def _find(name: str, roots: Sequence[Path]) -> Suite:
    kind: ComponentKind = "resources-server"
    top, _, below = name.strip("/").partition("/")
    if top in _KINDS and below:
        kind, name = _KINDS[top], below
    known = component_folders(kind, roots)
    if name not in known and (given := Path(name).expanduser().absolute()).parent.name in _KINDS and given.is_dir():
        return Suite(given.name, given)
    if name not in known:
        looked = ", ".join(str(root) for root in roots)
        raise InputError(f"there is no {FOLDERS[kind]}/{name} in {looked}. {suggest(name, known)}")
    return Suite(name, known[name])


def _has_tests(suite: Suite) -> bool:
    return next(suite.tests.rglob("test_*.py"), None) is not None


def run_suite(suite: Suite, roots: Sequence[Path], settings: JsonObject, *, is_shown: bool = False) -> SuiteResult:
    """Run one suite; with `is_shown`, pytest writes to standard output.

    What the component's requirements.txt asks for, and this interpreter lacks, goes into a virtual environment, which
    takes its time when it is made. Raises ConfigError where that fails, or there is no pytest.
    """
    if not _has_tests(suite):
        return SuiteResult(suite.name, problem="no tests")
    python = _interpreter(suite, settings)
    with TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        plugins = ("-p", "no:cacheprovider", "-p", "polygym.kit.roots_in_tests")
        options = ("--import-mode=importlib", *plugins, f"--junitxml={report}")
        done = subprocess.run(
            [str(python), "-m", "pytest", str(suite.tests.absolute()), *options],
            cwd=suite.root,
            env=_environment([suite.root, *roots]),
            stdout=None if is_shown else subprocess.PIPE,
            stderr=None if is_shown else subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        return _result(suite, report, done)


def _interpreter(suite: Suite, settings: JsonObject) -> Path:
    tools = [f"{name}=={version}" for name in TEST_TOOLS if (version := _version(name)) is not None]
    if not tools or not tools[0].startswith("pytest=="):
        raise ConfigError(f"there is no pytest for {sys.executable}. Install it: pip install pytest.")
    requirements = suite.folder / "requirements.txt"
    return interpreter_with(Implementation(suite.name, suite.folder, str(requirements)), settings, tools)


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _environment(roots: Sequence[Path]) -> dict[str, str]:
    """As ours, with components looked for in those roots."""
    folders = dict.fromkeys(str(root.absolute()) for root in roots)
    return {**os.environ, ROOT_VARIABLES[0]: "", ROOT_VARIABLES[1]: os.pathsep.join(folders)}


def _result(suite: Suite, report: Path, done: "subprocess.CompletedProcess[str]") -> SuiteResult:
    output = done.stdout or ""
    if not report.exists():
        return SuiteResult(suite.name, failed=1, output=output, problem=f"pytest ended with {done.returncode}")
    suites = list(ElementTree.parse(report).getroot().iter("testsuite"))
    total, skipped = (sum(int(each.get(key, 0)) for each in suites) for key in ("tests", "skipped"))
    failed = sum(int(each.get("failures", 0)) + int(each.get("errors", 0)) for each in suites)
    is_empty = done.returncode == _NOTHING_COLLECTED
    problem = "no tests" if is_empty else f"pytest ended with {done.returncode}" if done.returncode > 1 else None
    if done.returncode != 0 and not is_empty:
        failed = max(failed, 1)
    return SuiteResult(
        suite.name,
        passed=max(total - failed - skipped, 0),
        failed=failed,
        skipped=skipped,
        seconds=sum(float(each.get("time", 0)) for each in suites),
        output=output,
        problem=problem,
    )
