"""The commands' older names: `ng_run`, `ng_collect_rollouts` …, and the same with `nemo_gym_` in front.

Each says on standard error what it is called now, and does it. Their `+key=value` arguments are overrides, which the
new commands take as well. One difference stays: where the new commands refuse an output that exists, the older ones
replace it, as they always have, unless `+resume_from_cache=true` says to go on with it.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click

from polygym.cli.exits import ExitCode
from polygym.cli.program import run_program
from polygym.protocol.errors import suggest

COMMANDS: Final[Mapping[str, tuple[str, ...]]] = {
    "run": ("env", "start"),
    "collect_rollouts": ("eval", "run", "--no-serve"),
    "e2e_collect_rollouts": ("eval", "run"),
    "aggregate_rollouts": ("eval", "aggregate"),
    "dump_config": ("env", "resolve"),
    "validate": ("env", "validate"),
    "status": ("env", "status"),
    "init_resources_server": ("env", "init"),
    "test": ("env", "test"),
    "test_all": ("env", "test"),
    "list_benchmarks": ("list", "benchmarks"),
    "materialize_prompts": ("dataset", "render"),
    "prepare_benchmark": ("eval", "prepare"),
    "prepare_data": ("dataset", "collate"),
    "version": ("--version",),
    "help": ("--help",),
}
"""What each name stands for."""

NOT_AVAILABLE: Final = (
    *("delete_dataset_from_gitlab", "dev_test", "download_dataset_from_gitlab"),
    *("download_dataset_from_hf", "gitlab_to_hf_dataset", "pip_list", "reinstall", "reward_profile"),
    *("upload_dataset_to_gitlab", "upload_dataset_to_hf"),
)
"""Names that other versions have commands for."""

DEFAULTS: Final[Mapping[str, Any]] = {
    "eval": {"run": {"overwrite": True}, "aggregate": {"overwrite": True}, "prepare": {"overwrite": True}},
    "dataset": {"collate": {"overwrite": True}, "render": {"overwrite": True}},
}


def main() -> None:
    """Every older command; which one, the program's name says. Ends the process with the command's exit code."""
    sys.exit(run_legacy(Path(sys.argv[0]).name, sys.argv[1:]))


def run_legacy(name: str, arguments: Sequence[str]) -> int:
    """Run the command that was called `name`; its exit code."""
    known = name.removeprefix("nemo_gym_").removeprefix("ng_")
    if known in NOT_AVAILABLE:
        click.echo(f"error: {name} is not available in this version of polygym.", err=True)
        return ExitCode.USER_ERROR
    if known not in COMMANDS:
        click.echo(f"error: there is no command {name}. {suggest(name, [f'ng_{each}' for each in COMMANDS])}", err=True)
        return ExitCode.USER_ERROR
    command = COMMANDS[known]
    click.echo(f"{name} is now: gym {' '.join(command)}", err=True)
    return run_program([*command, *arguments], defaults=DEFAULTS)
