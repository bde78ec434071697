"""The files of a collection: their names, who may write them, and what a resumed run finds in them."""

import fcntl
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, TypeAlias

from polygym.protocol.errors import OutputError

Mode: TypeAlias = Literal["new", "resume", "force", "overwrite"]
"""`force` resumes although what the results depend on has changed."""


@dataclass(frozen=True, slots=True)
class OutputPaths:
    """Names of the files that belong to `--output DIR/STEM.jsonl`."""

    rollouts: Path

    def _beside(self, suffix: str) -> Path:
        return self.rollouts.with_name(self.rollouts.stem + suffix)

    @property
    def inputs(self) -> Path:
        """Every planned row, after repeats, overrides and routing."""
        return self._beside("_materialized_inputs.jsonl")

    @property
    def failures(self) -> Path:
        """One row a failed attempt."""
        return self._beside("_failures.jsonl")

    @property
    def metrics(self) -> Path:
        """Metrics per agent."""
        return self._beside("_aggregate_metrics.json")

    @property
    def model_calls(self) -> Path:
        """One row a model call, where a run writes them down."""
        return self._beside("_model_calls.jsonl")

    @property
    def manifest(self) -> Path:
        """What the results depend on."""
        return self._beside("_run.json")

    @property
    def lock(self) -> Path:
        """Held by the one process that may write."""
        return self.rollouts.with_name(f".{self.rollouts.name}.lock")

    def all(self) -> tuple[Path, ...]:
        """Every file that a collection leaves."""
        return self.rollouts, self.inputs, self.failures, self.metrics, self.model_calls, self.manifest


class OutputLock:
    """Exclusive right to write one output. The operating system drops it when its owner dies.

    Makes the output's folder; one that stays empty is removed again.
    """

    def __init__(self, paths: OutputPaths) -> None:
        self._path = paths.lock
        self._file: IO[str] | None = None
        self._output = paths.rollouts
        self._made: list[Path] = []
        """Folders that were not there, the innermost first."""

    def __enter__(self) -> "OutputLock":
        folder = self._output.parent
        self._made = [each for each in (folder, *folder.parents) if not each.exists()]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            opened = self._open()
        except OSError as error:
            raise OutputError(
                f"{self._output}: cannot be written: {error.strerror}. Choose another --output."
            ) from error
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            opened.seek(0)
            owner = opened.read().strip() or "unknown"
            opened.close()
            raise OutputError(
                f"{self._output}: another run is writing it (process {owner}). Wait for it, or choose another --output."
            ) from None
        if not self._path.exists() or self._path.stat().st_ino != os.fstat(opened.fileno()).st_ino:
            opened.close()  # the run that held it has ended and removed it in between
            return self.__enter__()
        opened.truncate(0)
        opened.write(str(os.getpid()))
        opened.flush()
        self._file = opened
        return self

    def _open(self) -> IO[str]:
        return open(self._path, "a+", encoding="utf-8")

    def __exit__(self, *_: object) -> None:
        assert self._file is not None
        self._path.unlink(missing_ok=True)
        self._file.close()
        for folder in self._made:
            with suppress(OSError):  # it isn't empty
                folder.rmdir()


def check_output(paths: OutputPaths, mode: Mode) -> None:
    """Raises OutputError for an output that exists already (mode `new`) or cannot be written. Changes nothing."""
    output = paths.rollouts
    if output.is_dir():
        raise OutputError(f"{output}: is a directory. Give --output a file name that ends in .jsonl.")
    if mode == "new" and output.exists():
        raise OutputError(
            f"{output}: exists already. Go on with --resume, replace it with --overwrite, or choose another --output."
        )
    if output.exists() and not os.access(output, os.W_OK):
        raise OutputError(f"{output}: cannot be written: permission denied. Choose another --output.")


class Replaced:
    """The files of an earlier run while a new one takes their place: kept until the new one has something to show."""

    def __init__(self, paths: OutputPaths) -> None:
        self._moved = [(path, path.with_name(f".{path.name}.replaced")) for path in paths.all() if path.exists()]
        for path, aside in self._moved:
            path.replace(aside)

    def restore(self) -> None:
        """Put them back."""
        for path, aside in self._moved:
            aside.replace(path)

    def delete(self) -> None:
        """Let go of them."""
        for _, aside in self._moved:
            aside.unlink()
