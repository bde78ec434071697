"""JSONL files line by line: datasets as people write them, and our own files as a killed run leaves them."""

import os
from collections.abc import Iterator
from pathlib import Path

from polygym.protocol.errors import InputError


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


def drop_torn_line(path: Path) -> int:
    """Cut a last line that lacks its line break, as a killed run leaves it. Bytes that were cut."""
    if not path.exists():
        return 0
    with open(path, "rb+") as file:
        size = end = file.seek(0, os.SEEK_END)
        while end > 0:
            start = max(0, end - 65536)
            file.seek(start)
            found = file.read(end - start).rfind(b"\n")
            if found >= 0:
                end = start + found + 1
                break
            end = start
        file.truncate(end)
        return size - end
