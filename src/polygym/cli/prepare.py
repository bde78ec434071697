"""`gym eval prepare`: make the files of declared datasets with their scripts."""

from typing import Any

import click

from polygym.cli.exits import ExitCode
from polygym.cli.selection import Selection, selection_options


@click.command("prepare")
@click.option(
    "--split",
    type=click.Choice(["train", "validation", "example", "benchmark"]),
    default="benchmark",
    show_default=True,
    help="Which of the datasets that the configs declare.",
)
@click.option("--overwrite", is_flag=True, help="Make those again that are there already.")
@selection_options
def prepare(selection: Selection, split: str, overwrite: bool) -> int:
    """Make datasets with their prepare_script: download, convert, write.

    +prepare_script_args={…} are the arguments of the script's function prepare().
    """
    from polygym.data.preparing import preparation_of
    from polygym.data.preparing import prepare as run_script
    from polygym.protocol.errors import ConfigError
    from polygym.rollouts.datasets import declared_datasets

    config = selection.load(needs_model=False)
    declared = {each.dataset.path: each for each in declared_datasets(config) if each.dataset.type == split}
    if not declared:
        raise ConfigError(f"no {split} dataset is declared by what is selected. Name it with --benchmark NAME.")
    arguments: Any = config.settings.get("prepare_script_args") or {}
    if not isinstance(arguments, dict):
        raise ConfigError(f"prepare_script_args must be a mapping of arguments to values, not {arguments!r}.")
    is_kept = not overwrite or bool(config.settings.get("use_cached_prepared_benchmarks"))
    kept = [each for each in declared.values() if is_kept and each.dataset.path.exists()]
    wanted = [
        preparation_of(each.dataset, config.roots, each.owner.origin) for each in declared.values() if each not in kept
    ]
    for each in kept:
        click.echo(f"{each.dataset.path}: is there already")
    for preparation in wanted:
        click.echo(f"{run_script(preparation, config.roots, arguments)}: made by {preparation.script}")
    return ExitCode.OK
