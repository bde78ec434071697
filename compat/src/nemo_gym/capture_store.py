"""Where captured model calls are kept: a folder with a file per rollout, which several processes may write."""

import fcntl
import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final, Optional

import orjson
from pydantic import BaseModel, model_validator

log = logging.getLogger("nemo_gym.capture")

STORABLE_ID: Final = re.compile(r"[A-Za-z0-9._-]+")


class ModelCallCaptureConfig(BaseModel):
    """Settings, read from the top level of the configuration."""

    observability_enabled: bool = False
    model_call_capture_dir: Optional[Path] = None

    @model_validator(mode="after")
    def validate_capture_dir(self) -> "ModelCallCaptureConfig":
        """A folder is needed, and every process must mean the same one."""
        if self.observability_enabled and self.model_call_capture_dir is None:
            raise ValueError("model_call_capture_dir is required when observability_enabled=true")
        if self.observability_enabled and not self.model_call_capture_dir.is_absolute():  # type: ignore[union-attr]
            raise ValueError("model_call_capture_dir must be an absolute path")
        return self


class CaptureStore:
    """A folder with one file of exchanges per rollout, which several processes may write."""

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        self.root.mkdir(parents=True, exist_ok=True)

    def path_for(self, rollout_id: str) -> Path:
        """The file of a rollout. Raises ValueError for an id that cannot name one."""
        return self._file(rollout_id, "capture.jsonl")

    def incomplete_path_for(self, rollout_id: str) -> Path:
        """The file that says that calls are missing."""
        return self._file(rollout_id, "capture.incomplete")

    def _file(self, rollout_id: str, kind: str) -> Path:
        if not STORABLE_ID.fullmatch(rollout_id):
            raise ValueError(f"Invalid rollout id: {rollout_id!r}")
        return self.root / f"{rollout_id}.{kind}"

    def mark_incomplete(self, rollout_id: str) -> None:
        """Note that calls are missing."""
        self.incomplete_path_for(rollout_id).touch()

    def is_incomplete(self, rollout_id: str) -> bool:
        """Whether calls are missing."""
        return self.incomplete_path_for(rollout_id).exists()

    def record(self, rollout_id: str, exchange: Mapping[str, Any]) -> None:
        """Append one exchange, on the disk when this returns. Blocks."""
        line = orjson.dumps(exchange, default=str, option=orjson.OPT_APPEND_NEWLINE)
        with self.path_for(rollout_id).open("ab") as file, _locked(file, fcntl.LOCK_EX):
            file.write(line)
            file.flush()
            os.fsync(file.fileno())

    def read(self, rollout_id: str) -> list[dict[str, Any]]:
        """A rollout's exchanges. Raises ValueError when one is damaged."""
        return [orjson.loads(line) for line in self._lines(rollout_id)]

    def read_available(self, rollout_id: str) -> tuple[list[tuple[int, dict[str, Any]]], int]:
        """The exchanges that are whole, with their places, and how many are not."""
        whole, damaged = [], 0
        for index, line in enumerate(self._lines(rollout_id)):
            try:
                exchange = orjson.loads(line)
            except orjson.JSONDecodeError:
                exchange = None
            if isinstance(exchange, dict):
                whole.append((index, exchange))
            else:
                damaged += 1
        return whole, damaged

    def _lines(self, rollout_id: str) -> Iterator[bytes]:
        path = self.path_for(rollout_id)
        if path.exists():
            with path.open("rb") as file, _locked(file, fcntl.LOCK_SH):
                yield from (line for line in file if line.strip())


@contextmanager
def _locked(file: IO[bytes], how: int) -> Iterator[None]:
    fcntl.flock(file, how)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)


def make_capture_store(config: ModelCallCaptureConfig) -> CaptureStore | None:
    """The store, if calls are to be captured and the folder can be had."""
    if not config.observability_enabled:
        return None
    assert config.model_call_capture_dir is not None
    try:
        return CaptureStore(config.model_call_capture_dir)
    except OSError as error:
        log.warning("model calls are not captured: %s cannot be made: %s", config.model_call_capture_dir, error)
        return None
