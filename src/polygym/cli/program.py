"""The root of the commands: what all of them share, and how they are run."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

from polygym import __version__
from polygym.cli.dataset import dataset_group
from polygym.cli.env import env_group
from polygym.cli.eval import eval_group
from polygym.cli.exits import ExitCode, report
from polygym.cli.listing import list_group, search
from polygym.cli.output import print_json
from polygym.cli.verbosity import is_verbose, log_to_stderr, verbose_option

HELP_OPTIONS = {"help_option_names": ["-h", "--help"]}


@click.group("gym", invoke_without_command=True, context_settings=HELP_OPTIONS)
@click.option("--version", "is_version", is_flag=True, help="Show the version and exit.")
@click.option("--json", "is_json", is_flag=True, help="With --version: as JSON.")
@verbose_option
@click.pass_context
def program(context: click.Context, is_version: bool, is_json: bool) -> int:
    """Run language-model agents in many environments at once and score what they do."""
    if is_version:
        if is_json:
            print_json({"name": "polygym", "version": __version__})
        else:
            click.echo(f"polygym {__version__}")
        context.exit()
    if is_json:
        raise click.UsageError("--json goes behind the command: gym list models --json.", context)
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
    return ExitCode.OK


program.add_command(dataset_group)
program.add_command(env_group)
program.add_command(eval_group)
program.add_command(list_group)
program.add_command(search)


def run_program(arguments: Sequence[str], *, name: str = "gym", defaults: Mapping[str, Any] | None = None) -> int:
    """Run one command to its end; its exit code.

    `defaults` are values of options that were not given, nested by command: `{"eval": {"run": {"overwrite": True}}}`.
    """
    log_to_stderr()
    try:
        with program.make_context(name, list(arguments), default_map=defaults) as context:
            code = program.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as end:
        return end.exit_code
    except BaseException as error:
        return report(error, is_verbose=is_verbose())
    return code if isinstance(code, int) else ExitCode.OK
