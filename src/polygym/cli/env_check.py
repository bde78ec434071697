"""`gym env check`: can the rewards of environments be trusted?"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from polygym.cli.exits import ExitCode
from polygym.cli.output import print_columns, print_json
from polygym.cli.selection import search_dir_option
from polygym.cli.verbosity import verbose_option

if TYPE_CHECKING:
    from polygym.kit.report import Report


@click.command("check")
@click.argument("environments", nargs=-1, metavar="[ENVIRONMENT]...")
@click.option("--all", "is_all", is_flag=True, help="All environments that have a reference.py.")
@click.option("--check", "checks", metavar="NAME", multiple=True, help="Only this check. Repeatable.")
@click.option(
    "--rows",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    multiple=True,
    metavar="FILE",
    help="Check and play these rows, JSONL, in place of example and generated ones. Repeatable.",
)
@click.option("--json", "is_json", is_flag=True, help="Print JSON.")
@search_dir_option
@verbose_option
def check(
    environments: tuple[str, ...],
    is_all: bool,
    checks: tuple[str, ...],
    rows: tuple[Path, ...],
    is_json: bool,
    search_dir: tuple[str, ...],
) -> int:
    """Play environments with policies of all kinds and look for what is wrong. Exit code 1 for findings.

    ENVIRONMENT is a name, a folder or a config file. Needs no model and calls nothing outside.
    """
    from polygym.kit.check import check_environment
    from polygym.kit.environment import load_environment

    _keep_out_of_the_working_directory()
    if is_all == bool(environments):
        raise click.UsageError("name environments, or give --all.", click.get_current_context())
    if is_all:
        reports = _check_all(search_dir, checks, rows)
    else:
        loaded = [load_environment(name, search_dirs=search_dir) for name in environments]
        reports = (check_environment(each, checks=checks, rows=rows) for each in loaded)
    seen = []
    for report in reports:
        seen.append(report)
        if not is_json:
            _print(report, is_first=len(seen) == 1)
    if is_json:
        print_json([report.to_json() for report in seen])
    return ExitCode.OK if all(report.is_ok for report in seen) else ExitCode.UNEXPECTED


def _keep_out_of_the_working_directory() -> None:
    """Hypothesis caches what it has read of our modules, in the working directory unless told otherwise."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(Path(base) / "polygym" / "hypothesis"))


def _check_all(search_dirs: Sequence[str], checks: Sequence[str], rows: Sequence[Path]) -> "Iterator[Report]":
    """The reports of all environments; one that cannot be loaded keeps none of the others from being checked."""
    from polygym.kit.check import check_environment
    from polygym.kit.environment import MissingRequirementsError, checkable
    from polygym.kit.report import Finding, Report
    from polygym.protocol.errors import ConfigError

    for name in checkable(search_dirs):
        try:
            yield check_environment(name, search_dirs=search_dirs, checks=checks, rows=rows)
        except MissingRequirementsError as error:
            yield Report(name, (Finding("load", "skipped", str(error)),))
        except ConfigError as error:
            yield Report(name, (Finding("load", "finding", str(error)),))


def _print(report: "Report", *, is_first: bool) -> None:
    if not is_first:
        click.echo()
    count = len(report.problems())
    click.echo(f"{report.environment}: {'ok' if report.is_ok else f'{count} findings' if count > 1 else '1 finding'}")
    print_columns(["check", "result", "detail"], [list(finding) for finding in report.findings])
