from pathlib import Path
from typing import Any

import pytest

from polygym.config.datasets import read_datasets, whole_number
from polygym.config.model import Dataset
from polygym.config.origins import Origins
from polygym.protocol.errors import ConfigError
from tests.config.project import Project

ENTRY = {"name": "weather", "type": "train", "jsonl_fpath": "data/train.jsonl"}


def read(project: Project, entries: Any, cwd: Path | None = None) -> tuple[Dataset, ...]:
    return read_datasets(entries, ("agent", "datasets"), Origins(), [project.root], cwd or project.root)


def refusal(project: Project, entries: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        read(project, entries)
    return str(caught.value)


def test_a_dataset_is_found_in_the_roots(project: Project, tmp_path: Path) -> None:
    file = project.write("data/train.jsonl")

    (dataset,) = read(project, [{**ENTRY, "license": "MIT"}], cwd=tmp_path / "elsewhere")

    assert (dataset.name, dataset.type, dataset.path, dataset.num_repeats) == ("weather", "train", file, 1)
    assert dataset.fields["license"] == "MIT"


def test_a_dataset_that_does_not_exist_yet_belongs_to_the_working_directory(project: Project, tmp_path: Path) -> None:
    (dataset,) = read(project, [ENTRY], cwd=tmp_path / "elsewhere")

    assert dataset.path == tmp_path / "elsewhere" / "data" / "train.jsonl"


@pytest.mark.parametrize("entries", [None, []])
def test_a_server_may_have_no_datasets(project: Project, entries: Any) -> None:
    assert read(project, entries) == ()


def test_repeats_may_come_from_an_environment_variable_as_text(project: Project) -> None:
    assert read(project, [{**ENTRY, "num_repeats": "4"}])[0].num_repeats == 4


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ("train.jsonl", "'agent.datasets' must be a list"),
        (["train.jsonl"], "'agent.datasets[0]' must be a mapping"),
        ([ENTRY, {**ENTRY, "name": None}], "'agent.datasets[1]' needs 'name'"),
        ([{**ENTRY, "jsonl_fpath": ""}], "'agent.datasets[0]' needs 'jsonl_fpath'"),
        ([{"name": "x", "jsonl_fpath": "x"}], "'agent.datasets[0]' needs 'type'"),
        ([{**ENTRY, "type": "exampel"}], "dataset 'weather' has the unknown type 'exampel'. Meant 'example'?"),
        ([{**ENTRY, "num_repeats": 0}], "num_repeats of dataset 'weather' must be a whole number of at least 1, not 0"),
        ([{**ENTRY, "num_repeats": True}], "not True"),
        ([{**ENTRY, "num_repeats": 1.5}], "not 1.5"),
    ],
)
def test_a_dataset_that_cannot_be_used_is_refused(project: Project, entries: Any, message: str) -> None:
    assert message in refusal(project, entries)


@pytest.mark.parametrize(
    ("value", "number"), [(3, 3), ("3", 3), ("-3", None), ("3.0", None), (3.0, None), (False, None), (None, None)]
)
def test_a_whole_number_is_an_int_or_its_digits(value: Any, number: int | None) -> None:
    assert whole_number(value) == number
