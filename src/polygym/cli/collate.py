"""`gym dataset collate`: the declared datasets as one file for each split, for trainers."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from polygym.cli.exits import ExitCode
from polygym.cli.selection import Selection, selection_options
from polygym.protocol.errors import ConfigError, suggest

if TYPE_CHECKING:
    from polygym.config.model import DatasetType

SPLITS: Final[Mapping[str, "tuple[DatasetType, ...]"]] = {
    "train_preparation": ("train", "validation", "benchmark"),
    "example_validation": ("example",),
}
"""What each mode takes."""


@click.command("collate")
@click.option("--output", "-o", metavar="DIR", help="Where the files go: train.jsonl, validation.jsonl …")
@click.option(
    "--mode",
    type=click.Choice(list(SPLITS)),
    help="train_preparation takes train, validation and benchmark datasets, example_validation examples.",
)
@click.option("--download", is_flag=True, help="Get files that are not there from the Hugging Face Hub.")
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
@selection_options
def collate(selection: Selection, output: str | None, mode: str | None, download: bool, overwrite: bool) -> int:
    """Write the declared datasets as one file a split: checked, prompts filled in, repeated, with their agents."""
    from polygym.rollouts.collating import collate as write_files

    config = selection.load(needs_model=False)
    settings: Mapping[str, Any] = config.settings
    folder = output or settings.get("output_dirpath")
    chosen = str(mode or settings.get("mode") or "")
    if not folder:
        raise ConfigError("no output is given. Add --output DIR.")
    if chosen not in SPLITS:
        raise ConfigError(f"no such mode: '{chosen}'. {suggest(chosen, SPLITS)} Give one with --mode.")
    is_downloading = download or bool(settings.get("should_download"))
    if is_downloading and settings.get("data_source") == "gitlab":
        raise ConfigError("data_source=gitlab: datasets are got from the Hugging Face Hub only. Leave it out.")
    written = write_files(config, SPLITS[chosen], Path(folder), is_overwriting=overwrite, is_downloading=is_downloading)
    for each in written:
        click.echo(f"{each.path}: {each.rows} rows of {', '.join(each.datasets)}")
    return ExitCode.OK
