"""`gym env test`: the tests of environments."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from polygym.cli.exits import ExitCode
from polygym.cli.older_keys import component_names
from polygym.cli.output import print_columns, print_json
from polygym.cli.selection import search_dir_option
from polygym.cli.verbosity import verbose_option

if TYPE_CHECKING:
    from polygym.kit.suites import SuiteResult

WITHOUT_EFFECT = ("should_validate_data", "fail_on_total_and_test_mismatch")
"""Keys of the older commands."""


@click.command("test")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@search_dir_option
@click.option("--resources-server", "older_names", metavar="NAME", multiple=True, hidden=True)
@click.option("--json", "is_json", is_flag=True, help="Print JSON; what pytest says goes to standard error.")
@verbose_option
def test(names: tuple[str, ...], older_names: tuple[str, ...], search_dir: tuple[str, ...], is_json: bool) -> int:
    """Run the tests of environments; of all but the built-in ones when no NAME is given. Exit code 1 when one fails.

    NAME is that of a resources server, responses_api_agents/NAME and the like, or a folder.
    """
    import os
    from pathlib import Path

    from polygym.config.load import load_config
    from polygym.config.roots import search_roots
    from polygym.fleet.requirements import unmet_requirements
    from polygym.kit.suites import find_suites, run_suite
    from polygym.protocol.errors import InputError

    roots = search_roots(search_dir, os.environ, Path.cwd())
    suites = find_suites([*component_names(names, WITHOUT_EFFECT), *older_names], roots)
    if not suites:
        raise InputError(f"there are no environments in {', '.join(map(str, roots))}. Name a built-in one to test it.")
    needs_settings = any(unmet_requirements(suite.folder) for suite in suites)
    settings = load_config(search_dirs=search_dir, needs_model=False).settings if needs_settings else {}
    is_shown = len(suites) == 1 and not is_json
    results = []
    for suite in suites:
        result = run_suite(suite, roots, settings, is_shown=is_shown)
        results.append(result)
        if not result.is_ok and not is_shown:
            click.echo(f"{result.name}:\n{result.output}", err=is_json)
    if is_json:
        print_json([result.to_json() for result in results])
    else:
        _print(results)
    return ExitCode.OK if all(result.is_ok for result in results) else ExitCode.UNEXPECTED


def _print(results: "Sequence[SuiteResult]") -> None:
    rows = [
        [
            result.name,
            "ok" if result.is_ok and result.problem is None else result.problem or "failed",
            *(str(count) for count in (result.passed, result.failed, result.skipped)),
            f"{result.seconds:.1f}",
        ]
        for result in results
    ]
    print_columns(["environment", "result", "passed", "failed", "skipped", "seconds"], rows)
