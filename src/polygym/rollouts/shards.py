"""The shards that files to be merged come from: which are missing, and whether they are parts of one run at all."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from polygym.protocol.errors import InputError
from polygym.protocol.json import JsonObject, loads
from polygym.rollouts.manifest import changes


class Part(NamedTuple):
    """One file to be merged, and the manifest beside it."""

    path: Path
    manifest: JsonObject | None
    """None when there is none."""

    @property
    def shard(self) -> str | None:
        """`i/n`, or `i,j/n` of a file that was merged before; None of a whole run, or when nobody knows."""
        return None if self.manifest is None else self.manifest.get("shard")


def read_part(path: Path, manifest: Path) -> Part:
    """Raises InputError when the manifest cannot be read."""
    if not manifest.exists():
        return Part(path, None)
    try:
        return Part(path, loads(manifest.read_bytes()))
    except ValueError as error:
        raise InputError(f"{manifest}: is damaged ({error}). Remove it to merge without it.") from error


def missing_shards(parts: Sequence[Part]) -> list[str]:
    """The shards `i/n` of which no part is. Raises InputError when parts are shards of different numbers."""
    found = {part.path: _indices(part) for part in parts if part.shard is not None}
    counts = {count for _, count in found.values()}
    if len(counts) > 1:
        listed = ", ".join(f"{part.path} is {part.shard}" for part in parts if part.shard is not None)
        raise InputError(f"these are not shards of one run: {listed}.")
    if not found or any(part.manifest is not None and part.shard is None for part in parts):
        return []
    (count,) = counts
    there = set().union(*(indices for indices, _ in found.values()))
    return [f"{index}/{count}" for index in range(count) if index not in there]


def _indices(part: Part) -> tuple[set[int], int]:
    assert part.shard is not None
    found = re.fullmatch(r"(\d+(?:,\d+)*)/(\d+)", part.shard)
    if found is None:
        raise InputError(f"{part.path}: its manifest says shard '{part.shard}', which is none.")
    return {int(index) for index in found[1].split(",")}, int(found[2])


def differences(parts: Sequence[Part]) -> list[str]:
    """What the parts' results depend on and what is not the same in all of them, in words."""
    known = [part for part in parts if part.manifest is not None]
    return [
        f"{part.path} and {known[0].path} differ in {change}"
        for part in known[1:]
        for change in changes(_essence(known[0]), _essence(part))
    ]


def _essence(part: Part) -> JsonObject:
    """A manifest without its shard, and without where its inputs lay: shards may come from different machines."""
    manifest = part.manifest or {}
    inputs = {Path(path).name: digest for path, digest in (manifest.get("inputs") or {}).items()}
    return {**manifest, "inputs": inputs, "shard": None}


def merged_manifest(parts: Sequence[Part]) -> JsonObject | None:
    """The manifest of all parts together; None when they have none, or are not of one run.

    It says which shards are in it, unless all are: then a run without shards can go on with the merged file.
    """
    first = parts[0].manifest
    if first is None or any(part.manifest is None for part in parts) or differences(parts):
        return None
    shard = None
    if missing_shards(parts):
        there: set[int] = set()
        count = 0
        for part in parts:
            indices, count = _indices(part)
            there |= indices
        shard = f"{','.join(map(str, sorted(there)))}/{count}"
    return {**first, "shard": shard}
