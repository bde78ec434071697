"""The declared datasets of a configuration as one file for each split: checked, rendered, repeated, with their agents.

Trainers and other programs read these files row by row, so every row says by itself which agent runs it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from polygym.config.model import DatasetType, RunConfig
from polygym.data.downloading import TOKEN_SETTING, download, is_on_hub
from polygym.data.jsonl import dataset_lines, write_dataset
from polygym.protocol.errors import ConfigError
from polygym.protocol.json import JsonObject
from polygym.protocol.tasks import AGENT_REF, TASK_SOURCE, parse_row, parse_task
from polygym.rollouts.datasets import DeclaredDataset, declared_datasets, how_to_get, prompt_of


@dataclass(frozen=True, slots=True)
class Collated:
    """A file that was written."""

    split: DatasetType
    path: Path
    rows: int
    """Repeats included."""
    datasets: tuple[str, ...]
    """Names."""


def collate(
    config: RunConfig,
    splits: Sequence[DatasetType],
    folder: Path,
    *,
    is_overwriting: bool = False,
    is_downloading: bool = False,
) -> list[Collated]:
    """Write `<split>.jsonl` in `folder` for each of the splits that have a dataset.

    With `is_downloading`, files that are not there are got from the Hugging Face Hub, where they are on it. Raises
    ConfigError when no split has a dataset, or when a dataset's file is not there; InputError at the first row that
    cannot be run; OutputError for a file that exists, unless it may be overwritten. A file appears whole or not at all.
    """
    found = {split: [each for each in declared_datasets(config) if each.dataset.type == split] for split in splits}
    if not any(found.values()):
        raise ConfigError(f"no dataset of the configured agents is {' or '.join(splits)}; there is nothing to collate.")
    missing = [each for datasets in found.values() for each in datasets if not each.dataset.path.exists()]
    for each in missing:
        if not (is_downloading and is_on_hub(each.dataset)):
            raise ConfigError(how_to_get(each))
    for each in {each.dataset.path: each for each in missing}.values():
        download(each.dataset, config.settings.get(TOKEN_SETTING))
    return [_write(config, split, datasets, folder, is_overwriting) for split, datasets in found.items() if datasets]


def _write(
    config: RunConfig, split: DatasetType, datasets: Sequence[DeclaredDataset], folder: Path, is_overwriting: bool
) -> Collated:
    path = folder / f"{split}.jsonl"
    rows = (row for each in datasets for row in collated_rows(each, config))
    count = write_dataset(path, rows, is_overwriting=is_overwriting)
    return Collated(split, path, count, tuple(dict.fromkeys(each.dataset.name for each in datasets)))


def collated_rows(declared: DeclaredDataset, config: RunConfig) -> Iterator[JsonObject]:
    """The rows of a dataset as they are run, each `num_repeats` times: a task's repeats stand next to each other."""
    dataset = declared.dataset
    prompt = prompt_of(dataset, declared.owner, config)
    for index, (origin, line) in enumerate(dataset_lines(dataset.path)):
        row = parse_row(line, origin)
        task = parse_task(prompt.fill(row, origin) if prompt else row, index=index, origin=origin)
        agent = {"type": "responses_api_agents", "name": task.agent or declared.agent}
        for _ in range(dataset.num_repeats):
            yield {**task.row, AGENT_REF: agent, TASK_SOURCE: declared.owner.name}
