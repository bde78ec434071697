"""The checker: runs all checks over an environment and reports what they find.

What Gymnasium's `check_env` is to its environments. Everything is played in this process, without a model.
"""

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from polygym.kit.checks import CHECKS, NEED_NO_ROWS, NEED_REFERENCE
from polygym.kit.checks.rows import check_rows
from polygym.kit.checks.subject import CheckSettings, Result, Subject
from polygym.kit.environment import Environment, load_environment
from polygym.kit.report import Finding, Report
from polygym.protocol.errors import ConfigError, suggest
from polygym.protocol.failures import describe

LISTED: Final = 5
"""Problems of one check that a report lists."""
NAMES: Final = ("rows", *CHECKS)
"""All checks, in the order in which they run."""
_PACKAGES: Final = ("hypothesis", "jsonschema")


def check_environment(
    name: str | Path | Environment,
    *,
    search_dirs: Sequence[str | Path] = (),
    rows: Sequence[Path] = (),
    checks: Collection[str] = (),
    settings: CheckSettings | None = None,
) -> Report:
    """What speaks for and against an environment: a name, a folder or a config file. Not from async code.

    `rows` are files with rows to check and play instead of example and generated ones, `checks` the names of those that
    are wanted; none means all. Takes a few seconds. Raises ConfigError for an environment that cannot be loaded or
    brought up, for an unknown check, and when the packages of the extra `kit` are not installed.
    """
    for each in checks:
        if each not in NAMES:
            raise ConfigError(f"there is no check '{each}'. {suggest(each, NAMES)}")
    missing = [package for package in _PACKAGES if find_spec(package) is None]
    if missing:
        raise ConfigError(
            f"checking environments needs {' and '.join(missing)}, which this Python does not have. Install:"
            " pip install 'polygym[kit]'."
        )
    environment = name if isinstance(name, Environment) else load_environment(name, search_dirs=search_dirs)
    with _quiet(), Subject(environment, settings or CheckSettings()) as subject:
        found = _findings(subject, rows, checks or NAMES)
        return Report(environment.name, tuple(each for each in found if not checks or each.check in checks))


@contextmanager
def _quiet() -> Iterator[None]:
    """Without warnings about rollouts that are meant to go wrong; who wants to see more than warnings sees them all."""
    log = logging.getLogger("polygym")
    before = log.level
    if not log.isEnabledFor(logging.INFO):
        log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


def _findings(subject: Subject, rows: Sequence[Path], wanted: Collection[str]) -> Iterator[Finding]:
    if not NEED_NO_ROWS.issuperset(wanted):
        yield from _listed("rows", _run(lambda each: check_rows(each, rows), subject))
    for check, run in CHECKS.items():
        if check not in wanted:
            continue
        if check == "reference" and not subject.has_reference:
            yield Finding(check, "finding", f"{subject.environment.folder} has no reference.py with solve(row)")
        elif check in NEED_REFERENCE and not subject.has_reference:
            yield Finding(check, "skipped", "there is no reference solution")
        elif not subject.samples and check not in NEED_NO_ROWS:
            yield Finding(check, "skipped", "there are no rows")
        else:
            yield from _listed(check, _run(run, subject))


def _run(check: Callable[[Subject], Result], subject: Subject) -> Result:
    """A check's result; what it raises, which is the environment's code as a rule, is a problem."""
    try:
        return check(subject)
    except Exception as error:
        return Result([f"the check could not be ended: {describe(error)}"])


def _listed(check: str, result: Result) -> Iterator[Finding]:
    if result.is_skipped or not result.problems:
        yield Finding(check, "skipped" if result.is_skipped else "ok", result.note)
    for problem in result.problems[:LISTED]:
        yield Finding(check, "finding", problem)
    if len(result.problems) > LISTED:
        yield Finding(check, "finding", f"and {len(result.problems) - LISTED} more")
