"""The `datasets` of a server: checked, and their files found."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from polygym.config.model import Dataset, DatasetType
from polygym.config.origins import Origins
from polygym.config.roots import find
from polygym.config.tree import KeyPath, dotted
from polygym.protocol.errors import ConfigError, suggest
from polygym.protocol.json import JsonObject


def read_datasets(
    entries: Any, path: KeyPath, origins: Origins, roots: Sequence[Path], cwd: Path
) -> tuple[Dataset, ...]:
    """The datasets at `path` of the configuration. A file that is in none of `roots` is taken to be in `cwd`.

    Raises ConfigError naming the entry when one lacks a name, a type or a file, or has an unknown type.
    """
    if entries is None:
        return ()
    if not isinstance(entries, list):
        raise ConfigError(f"{origins.of(path)}: '{dotted(path)}' must be a list of datasets.")
    return tuple(_dataset(entry, (*path, index), origins, roots, cwd) for index, entry in enumerate(entries))


def _dataset(entry: Any, path: KeyPath, origins: Origins, roots: Sequence[Path], cwd: Path) -> Dataset:
    if not isinstance(entry, dict):
        raise ConfigError(f"{origins.of(path)}: '{dotted(path)}' must be a mapping with name, type and jsonl_fpath.")
    for field in ("name", "type", "jsonl_fpath"):
        if not isinstance(entry.get(field), str) or not entry[field]:
            raise ConfigError(f"{origins.of((*path, field))}: '{dotted(path)}' needs '{field}', a string.")
    known: tuple[DatasetType, ...] = get_args(DatasetType)
    kind = next((name for name in known if name == entry["type"]), None)
    if kind is None:
        raise ConfigError(
            f"{origins.of((*path, 'type'))}: dataset '{entry['name']}' has the unknown type '{entry['type']}'. "
            f"{suggest(entry['type'], known)}"
        )
    file = find(roots, entry["jsonl_fpath"]) or cwd / Path(entry["jsonl_fpath"]).expanduser()
    return Dataset(entry["name"], kind, file.absolute(), _repeats(entry, path, origins), entry)


def _repeats(entry: JsonObject, path: KeyPath, origins: Origins) -> int:
    number = whole_number(entry.get("num_repeats", 1))
    if number is None or number < 1:
        place = origins.of((*path, "num_repeats"))
        raise ConfigError(
            f"{place}: num_repeats of dataset '{entry['name']}' must be a whole number of at least 1, "
            f"not {entry['num_repeats']!r}."
        )
    return number


def whole_number(value: Any) -> int | None:
    """`value` as an int, or None when it is none. Digits in a string count: environment variables give strings."""
    if isinstance(value, str) and value.isdecimal():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
