"""`gym dataset`: rows for environments."""

from pathlib import Path

import click

from polygym.cli.collate import collate
from polygym.cli.exits import ExitCode
from polygym.cli.render import render
from polygym.cli.selection import search_dir_option
from polygym.cli.sequences import sequences
from polygym.cli.verbosity import verbose_option


@click.group("dataset")
def dataset_group() -> None:
    """Make datasets, and what trainers need of rollouts."""


dataset_group.add_command(collate)
dataset_group.add_command(render)
dataset_group.add_command(sequences)


@dataset_group.command("generate")
@click.argument("environment", metavar="ENVIRONMENT")
@click.option("--n", "count", type=click.IntRange(min=1), required=True, help="How many rows.")
@click.option("--seed", type=int, default=0, show_default=True, help="Another seed gives other rows.")
@click.option(
    "--difficulty",
    type=click.FloatRange(0.0, 1.0),
    default=0.5,
    show_default=True,
    help="From 0 (easy) to 1; what it means is in the environment's README.",
)
@click.option(
    *("--output", "-o"),
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    metavar="FILE",
    help="Where the rows go, JSONL.",
)
@click.option("--overwrite", "is_overwriting", is_flag=True, help="Replace an output that exists.")
@search_dir_option
@verbose_option
def generate(
    environment: str,
    count: int,
    seed: int,
    difficulty: float,
    output: Path,
    is_overwriting: bool,
    search_dir: tuple[str, ...],
) -> int:
    """Write rows that an environment's generator makes of a seed.

    ENVIRONMENT is a name, a folder or a config file. A row is the same however many are asked for; no two are alike.
    """
    from polygym.data.jsonl import write_dataset
    from polygym.kit.environment import load_environment
    from polygym.kit.rows import iterate_rows

    rows = iterate_rows(load_environment(environment, search_dirs=search_dir), count, seed, difficulty)
    written = write_dataset(output, rows, is_overwriting=is_overwriting)
    click.echo(f"{output}: {written} rows")
    return ExitCode.OK
