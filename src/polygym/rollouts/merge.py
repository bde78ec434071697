"""Merges rollouts files into one, as shards of a run are brought together: each rollout once, what is missing named.

Reads every file twice, first to see which line stands for which rollout, then to write. Memory holds some 40 bytes a
rollout. Nothing is written before everything has been found in order.
"""

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, Final, Literal, NamedTuple

from polygym.data.jsonl import whole_lines
from polygym.metrics.aggregate import aggregate
from polygym.metrics.records import cost_of, reward_of
from polygym.metrics.running import EnvironmentMetrics
from polygym.protocol.errors import InputError, OutputError
from polygym.protocol.json import JsonObject, loads
from polygym.protocol.rollouts import FAILURE_CLASS
from polygym.protocol.tasks import AGENT_REF, ROLLOUT_INDEX, TASK_INDEX
from polygym.rollouts.keys import Numbering, RolloutKey
from polygym.rollouts.manifest import write_manifest
from polygym.rollouts.outputs import OutputLock, OutputPaths, check_output
from polygym.rollouts.shards import Part, differences, merged_manifest, missing_shards, read_part
from polygym.rollouts.summary import write_metrics

NOT_RUN: Final = "not_run"
"""Stands for the failure class of a planned rollout that no attempt is known of."""
SHOWN_CONFLICTS: Final = 5
SHOWN_GAPS: Final = 20


@dataclass(frozen=True, slots=True)
class MergeRequest:
    """What to merge."""

    inputs: Sequence[Path]
    """Rollouts files; what a run has written beside them is taken along."""
    output: Path
    keep: Literal["first", "last"] | None = None
    """Which of several different records of one rollout stays; None refuses them."""
    overwrite: bool = False


class Gap(NamedTuple):
    """A rollout without a record."""

    key: RolloutKey
    agent: str
    failure_class: str
    """Of the last attempt, or `not_run`."""


@dataclass
class MergedPart:
    """What one input has contributed."""

    part: Part
    rollouts: int = 0
    """Records in it, duplicates of earlier ones included."""
    planned: int | None = None
    """Rollouts that its run was to make; None when that is not beside it."""
    missing: int = 0


@dataclass
class Merged:
    """What came of it."""

    paths: OutputPaths
    parts: list[MergedPart]
    missing_shards: list[str]
    differences: list[str]
    """What the parts' results depend on and what is not the same in all of them."""
    rollouts: int = 0
    identical: int = 0
    """Records that were there more than once, line for line the same."""
    replaced: int = 0
    """Records that differ from the one that was kept of the same rollout."""
    missing: Counter[str] = field(default_factory=Counter)
    """Rollouts without a record, by failure class."""
    gaps: list[Gap] = field(default_factory=list)
    """The first of them."""
    metrics: dict[str, EnvironmentMetrics] = field(default_factory=dict)
    """By agent."""

    @property
    def is_complete(self) -> bool:
        """Whether nothing that is known to have been planned is missing."""
        return not self.missing and not self.missing_shards


async def merge(request: MergeRequest) -> Merged:
    """Merge. Raises InputError when an input cannot be used, OutputError when the output cannot be written."""
    paths = OutputPaths(request.output)
    for path in request.inputs:
        if not path.is_file():
            raise InputError(f"{path}: is not there. Give the rollouts files that runs have written.")
        if path.resolve() == request.output.resolve():
            raise InputError(f"{path}: cannot be input and output. Choose another --output.")
    if request.output.exists() and not request.overwrite:
        raise OutputError(f"{request.output}: exists already. Replace it with --overwrite, or choose another --output.")
    parts = [MergedPart(read_part(path, OutputPaths(path).manifest)) for path in request.inputs]
    found = [each.part for each in parts]
    merged = Merged(paths, parts, missing_shards(found), differences(found))
    with OutputLock(paths):
        check_output(paths, "overwrite")
        index = _index(merged, request.keep)
        calls = [path for part in found if (path := OutputPaths(part.path).model_calls).exists()]
        replaced = (paths.rollouts, paths.inputs, paths.failures, *((paths.model_calls,) if calls else ()))
        with _Replacement(*replaced) as files:
            _write_rollouts(merged, index, files[paths.rollouts])
            missing = _Missing(index)
            _write_inputs(merged, missing, files[paths.inputs])
            _write_failures(merged, missing, files[paths.failures])
            for path in calls:
                files[paths.model_calls].writelines(line for _, line in whole_lines(path))
        manifest = merged_manifest(found)
        if manifest is not None:
            write_manifest(paths.manifest, manifest)
        else:
            paths.manifest.unlink(missing_ok=True)
        missing.count(merged)
        snapshots = {name: metrics.snapshot() for name, metrics in merged.metrics.items()}
        await write_metrics(paths, snapshots, dict.fromkeys(snapshots, _aggregate))
    return merged


async def _aggregate(rows: list[JsonObject]) -> JsonObject:
    return aggregate(rows)


class _Index:
    """Which line of which file stands for each rollout, by the rollout's number."""

    def __init__(self) -> None:
        self._numbers = Numbering()
        self.parts = array("I")
        self.lines = array("Q")
        self.digests = array("Q")

    def number(self, key: RolloutKey) -> int:
        """The rollout's number; one that has no record gets the next that is free."""
        return self._numbers.number(_digest(b"%d %d" % key))

    def __len__(self) -> int:
        return len(self.parts)


def _index(merged: Merged, keep: Literal["first", "last"] | None) -> _Index:
    index = _Index()
    conflicts: list[str] = []
    for at, each in enumerate(merged.parts):
        for number, line in whole_lines(each.part.path):
            each.rollouts += 1
            key, digest = _read(each.part.path, number, line)[0], _digest(line.strip())
            rollout = index.number(key)
            if rollout == len(index):
                index.parts.append(at)
                index.lines.append(number)
                index.digests.append(digest)
            elif index.digests[rollout] == digest:
                merged.identical += 1
            else:
                merged.replaced += 1
                if len(conflicts) < SHOWN_CONFLICTS:
                    other = merged.parts[index.parts[rollout]].part.path
                    places = f"{other}:{index.lines[rollout]} and {each.part.path}:{number}"
                    conflicts.append(f"task {key.task}, repeat {key.repeat}: {places}")
                if keep == "last":
                    index.parts[rollout], index.lines[rollout], index.digests[rollout] = at, number, digest
    if conflicts and keep is None:
        listed = "\n  ".join(conflicts)
        raise InputError(
            f"{merged.replaced} records differ from another one of the same rollout:\n  {listed}\n"
            "Choose with --keep first or --keep last, or merge only files of one run."
        )
    return index


def _write_rollouts(merged: Merged, index: _Index, file: BinaryIO) -> None:
    """Write the record that was chosen of each rollout, and count it."""
    for at, each in enumerate(merged.parts):
        for number, line in whole_lines(each.part.path):
            key, row = _read(each.part.path, number, line)
            rollout = index.number(key)
            if (index.parts[rollout], index.lines[rollout]) == (at, number):
                file.write(line)
                merged.rollouts += 1
                metrics = merged.metrics.setdefault(row[AGENT_REF]["name"], EnvironmentMetrics())
                metrics.add(row, size=len(line))


class _Missing:
    """Rollouts without a record: those of the index end where theirs begin."""

    def __init__(self, index: _Index) -> None:
        self._index = index
        self._tasks = array("q")
        self._repeats = array("q")
        self._agents = array("I")
        self._classes = array("I")
        self._names: dict[str, int] = {NOT_RUN: 0}
        """Numbers of agents and classes."""

    def note(self, path: Path, number: int, row: JsonObject) -> tuple[int, bool]:
        """The number of the rollout that a planned row or a failed attempt is of, and whether it has no record."""
        try:
            key, agent = _key(row), str(row[AGENT_REF]["name"])
            rollout = self._index.number(key)
            if rollout == len(self._index) + len(self._tasks):
                self._tasks.append(key.task)
                self._repeats.append(key.repeat)
                self._agents.append(self._numbered(agent))
                self._classes.append(0)
        except (KeyError, TypeError, OverflowError) as error:
            raise InputError(f"{path}:{number}: belongs to no rollout ({type(error).__name__}: {error}).") from error
        return rollout, rollout >= len(self._index)

    def blame(self, rollout: int, failure_class: str) -> None:
        """Its last attempt failed."""
        self._classes[rollout - len(self._index)] = self._numbered(failure_class)

    def _numbered(self, name: str) -> int:
        return self._names.setdefault(name, len(self._names))

    def count(self, merged: Merged) -> None:
        """Put them into `merged`."""
        names = list(self._names)
        for at, (task, repeat) in enumerate(zip(self._tasks, self._repeats, strict=True)):
            gap = Gap(RolloutKey(task, repeat), names[self._agents[at]], names[self._classes[at]])
            merged.missing[gap.failure_class] += 1
            metrics = merged.metrics.setdefault(gap.agent, EnvironmentMetrics())
            if gap.failure_class != NOT_RUN:
                metrics.add_failure(gap.failure_class)
            if len(merged.gaps) < SHOWN_GAPS:
                merged.gaps.append(gap)


def _write_inputs(merged: Merged, missing: _Missing, file: BinaryIO) -> None:
    """Write every planned row, once."""
    written = bytearray()
    for each in merged.parts:
        path = OutputPaths(each.part.path).inputs
        if not path.exists():
            continue
        each.planned = 0
        for number, line in whole_lines(path):
            rollout, is_missing = missing.note(path, number, _row(path, number, line))
            each.planned += 1
            each.missing += is_missing
            written.extend(bytes(max(0, rollout + 1 - len(written))))
            if not written[rollout]:
                written[rollout] = 1
                file.write(line)


def _write_failures(merged: Merged, missing: _Missing, file: BinaryIO) -> None:
    """Write every failed attempt."""
    for each in merged.parts:
        path = OutputPaths(each.part.path).failures
        for number, line in whole_lines(path):
            row = _row(path, number, line)
            rollout, is_missing = missing.note(path, number, row)
            if is_missing:
                missing.blame(rollout, str(row.get(FAILURE_CLASS)))
            if (cost_usd := cost_of(row)) is not None:
                merged.metrics.setdefault(row[AGENT_REF]["name"], EnvironmentMetrics()).add_cost(cost_usd)
            file.write(line)


class _Replacement:
    """Files that are written under another name and take their own when all are whole."""

    def __init__(self, *paths: Path) -> None:
        self._paths = paths
        self._files = ExitStack()

    def __enter__(self) -> Mapping[Path, BinaryIO]:
        return {path: self._files.enter_context(open(_aside(path), "wb")) for path in self._paths}

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        try:
            self._files.close()
            if kind is None:
                for path in self._paths:
                    _aside(path).replace(path)
        except OSError as problem:
            error = problem
        finally:
            for path in self._paths:
                _aside(path).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise OutputError(f"{self._paths[0]}: cannot be written: {error.strerror}.") from error


def _aside(path: Path) -> Path:
    return path.with_name(f".{path.name}.unfinished")


def _read(path: Path, number: int, line: bytes) -> tuple[RolloutKey, JsonObject]:
    """A record of the rollouts file."""
    row = _row(path, number, line)
    try:
        key = _key(row)
        if not isinstance(row[AGENT_REF]["name"], str):
            raise TypeError("its agent has no name")
        if reward_of(row) is None:
            raise ValueError("it has no reward")
    except (KeyError, TypeError, ValueError) as error:
        problem = f"{type(error).__name__}: {error}"
        raise InputError(f"{path}:{number}: is no record of a rollout ({problem}). Mend or remove the line.") from error
    return key, row


def _row(path: Path, number: int, line: bytes) -> JsonObject:
    try:
        row = loads(line)
    except ValueError as error:
        raise InputError(f"{path}:{number}: not JSON: {error}. Mend or remove the line.") from error
    if not isinstance(row, dict):
        raise InputError(f"{path}:{number}: must be a JSON object, this is a {type(row).__name__}.")
    return row


def _key(row: JsonObject) -> RolloutKey:
    key = RolloutKey(row[TASK_INDEX], row[ROLLOUT_INDEX])
    if not all(type(part) is int for part in key):
        raise TypeError(f"{TASK_INDEX} and {ROLLOUT_INDEX} must be whole numbers")
    return key


def _digest(data: bytes) -> int:
    return int.from_bytes(blake2b(data, digest_size=8).digest())
