"""Datasets are written whole or not at all."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from polygym.data.jsonl import write_dataset
from polygym.protocol.errors import InputError, OutputError
from polygym.protocol.json import JsonObject

ROWS: list[JsonObject] = [{"a": 1}, {"b": "é\n"}]


def failing() -> Iterator[JsonObject]:
    yield {"a": 1}
    raise InputError("no more")


def test_rows_are_written_one_a_line(tmp_path: Path) -> None:
    file = tmp_path / "new" / "rows.jsonl"

    assert write_dataset(file, ROWS) == 2
    assert file.read_text(encoding="utf-8") == '{"a":1}\n{"b":"é\\n"}\n'
    assert [entry.name for entry in file.parent.iterdir()] == ["rows.jsonl"]


def test_rows_that_end_in_an_error_leave_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        write_dataset(tmp_path / "rows.jsonl", failing())

    assert list(tmp_path.iterdir()) == []


def test_rows_that_end_in_an_error_leave_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text("old\n")

    with pytest.raises(InputError):
        write_dataset(file, failing(), is_overwriting=True)

    assert file.read_text() == "old\n"


def test_a_file_that_exists_is_replaced_only_when_asked(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text("old\n")

    with pytest.raises(OutputError, match="exists already"):
        write_dataset(file, failing())
    assert write_dataset(file, ROWS, is_overwriting=True) == 2
    assert len(file.read_text().splitlines()) == 2


def test_a_link_keeps_leading_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "real.jsonl").touch()
    link = tmp_path / "link.jsonl"
    link.symlink_to("real.jsonl")

    write_dataset(link, ROWS, is_overwriting=True)

    assert link.is_symlink()
    assert len((tmp_path / "real.jsonl").read_text().splitlines()) == 2


@pytest.mark.parametrize("path", ["/dev/null", ".", "file/rows.jsonl"])
def test_what_cannot_be_written_is_named(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(OutputError, match="Choose another --output"):
        write_dataset(tmp_path / path, ROWS, is_overwriting=True)
