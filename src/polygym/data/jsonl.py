"""JSONL files line by line: datasets as people write them, and our own files as a killed run leaves them."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from polygym.protocol.errors import InputError, OutputError
from polygym.protocol.json import JsonObject, dumps


def dataset_lines(path: Path) -> Iterator[tuple[str, bytes]]:
    """A dataset's lines that are not blank, each with its `file:line`. Raises InputError when it cannot be read."""
    try:
        with open(path, "rb") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield f"{path}:{number}", line
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}. Give an existing JSONL file.") from error


def whole_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines that end in a line break, numbered from 1; a torn last line is left out, an absent file empty."""
    if not path.exists():
        return
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            if line.endswith(b"\n"):
                yield number, line


def drop_torn_line(path: Path) -> None:
    """Cut a last line that lacks its line break, as a killed run leaves it; nothing for a file that is not there."""
    if path.exists():
        with open(path, "rb+") as file:
            cut_torn_end(file.fileno())


def cut_torn_end(fd: int) -> int:
    """Cut a file, open for reading and writing, after its last line break; its size then. Leaves a whole one alone."""
    size = end = os.fstat(fd).st_size
    if not size or os.pread(fd, 1, size - 1) == b"\n":
        return size
    while end > 0:
        start = max(0, end - 65536)
        found = os.pread(fd, end - start, start).rfind(b"\n")
        if found >= 0:
            end = start + found + 1
            break
        end = start
    os.ftruncate(fd, end)
    return end


def write_dataset(path: Path, rows: Iterable[JsonObject], *, is_overwriting: bool = False) -> int:
    """Write a dataset row by row; how many there are. The file appears, or is replaced, when the last row is written.

    What `rows` raises leaves everything as it was. Raises OutputError for a file that cannot be written, or that exists
    unless it may be overwritten; no row is taken then.
    """
    path = path.resolve()
    if path.exists() and not path.is_file():
        raise OutputError(f"{path}: is no file. Choose another --output.")
    if path.exists() and not is_overwriting:
        raise OutputError(f"{path}: exists already. Replace it with --overwrite, or choose another --output.")
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(part, "wb") as file:
            try:
                count = _write(file, rows)
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}. Choose another --output.") from error
    return count


def _write(file: IO[bytes], rows: Iterable[JsonObject]) -> int:
    count = 0
    for row in rows:
        file.write(dumps(row) + b"\n")
        count += 1
    file.flush()
    return count
