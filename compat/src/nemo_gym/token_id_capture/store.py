"""Captured calls in a folder, a JSONL file for each rollout, with a small file that says how the rollout stands.

A record is on disk when `put` returns. The state may lag behind the records, which are then read from where it ends.
"""

import asyncio
import fcntl
import hashlib
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import orjson
from pydantic import BaseModel, ConfigDict, Field

from nemo_gym.token_id_capture.protocols import TokenCaptureSnapshot
from nemo_gym.token_id_capture.records import TokenEntry

SAFE_ID: Final = re.compile(r"[A-Za-z0-9._-]+")
STATE_SUFFIX: Final = ".tokens.state.json"


def validate_rollout_id(rollout_id: str) -> str:
    """The id, which must be able to be part of a file's name. Raises ValueError when it is not."""
    if not SAFE_ID.fullmatch(rollout_id):
        raise ValueError(f"Invalid rollout id: {rollout_id!r}")
    return rollout_id


class CaptureState(BaseModel):
    """How a rollout stands."""

    model_config = ConfigDict(extra="allow")

    frozen: bool = False
    retired: bool = False
    incomplete: bool = False
    snapshot_id: str = ""
    version: int = 0
    entry_digests: dict[str, str] = Field(default_factory=dict)
    """Of the records up to `indexed_size`, by model call."""
    indexed_size: int = 0
    """Bytes."""


class TokenCaptureStore:
    """A sink and a source. Several processes may use one folder."""

    def __init__(self, root: str | Path) -> None:
        self._root = Path(root)
        self._root.mkdir(parents=True, exist_ok=True)

    @property
    def root(self) -> Path:
        """The folder."""
        return self._root

    def _path(self, rollout_id: str, suffix: str) -> Path:
        return self._root / f"{validate_rollout_id(rollout_id)}{suffix}"

    def path_for(self, rollout_id: str) -> Path:
        """The file with the calls."""
        return self._path(rollout_id, ".tokens.jsonl")

    def incomplete_path_for(self, rollout_id: str) -> Path:
        """The file with the ids of calls that were lost."""
        return self._path(rollout_id, ".tokens.incomplete")

    def intents_path_for(self, rollout_id: str) -> Path:
        """The file with the ids of calls that were begun."""
        return self._path(rollout_id, ".tokens.intents")

    def state_path_for(self, rollout_id: str) -> Path:
        """The file that says how the rollout stands."""
        return self._path(rollout_id, STATE_SUFFIX)

    def lock_path_for(self, rollout_id: str) -> Path:
        """The file that is locked while anything of the rollout is read or written."""
        return self._path(rollout_id, ".tokens.lock")

    async def put(self, entry: TokenEntry) -> None:
        """As `append`, off the event loop."""
        await asyncio.to_thread(self.append, entry)

    async def begin_call(self, rollout_id: str, model_call_id: str) -> None:
        """Keep in mind that a call is about to be made; without a record of it the rollout is incomplete."""
        await asyncio.to_thread(self._begin, rollout_id, model_call_id)

    async def mark_incomplete(self, rollout_id: str, model_call_id: str = "") -> None:
        """Keep in mind that a call was lost."""
        await asyncio.to_thread(self._mark, rollout_id, model_call_id)

    async def freeze(self, rollout_id: str) -> TokenCaptureSnapshot:
        """As `freeze_now`, off the event loop."""
        return await asyncio.to_thread(self.freeze_now, rollout_id)

    async def drop(self, rollout_id: str, *, snapshot_id: str, version: int) -> bool:
        """Remove the calls, if the rollout is still as that snapshot had it; that it was there is kept in mind."""
        return await asyncio.to_thread(self._drop, rollout_id, snapshot_id, version)

    async def close(self) -> None:
        """Nothing is held open."""

    def append(self, entry: TokenEntry) -> None:
        """Keep a call for good.

        The same one again is nothing new. Raises ValueError for another one of the same id, which marks the rollout as
        incomplete, and RuntimeError once it is frozen.
        """
        line = orjson.dumps(entry.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS)
        rollout_id, call_id, digest = entry.rollout_id, entry.model_call_id, _digest(line)
        with self._locked(rollout_id):
            state = self._writable(rollout_id)
            has_caught_up = self._catch_up(rollout_id, state)
            known = state.entry_digests.get(call_id)
            if known is not None and known != digest:
                state.incomplete = True
                self._advance(rollout_id, state)
                raise ValueError(
                    f"model call {call_id!r} of rollout {rollout_id!r} was reused with a different payload"
                )
            if known is None:
                state.indexed_size = _append(self.path_for(rollout_id), line + b"\n")
                state.entry_digests[call_id] = digest
                self._advance(rollout_id, state, is_durable=False)
            elif has_caught_up:
                self._write_state(rollout_id, state)

    def freeze_now(self, rollout_id: str) -> TokenCaptureSnapshot:
        """All calls of the rollout; none is taken any more. Raises RuntimeError when it has been dropped."""
        with self._locked(rollout_id):
            state = self._state(rollout_id)
            _refuse(rollout_id, "retired", state.retired)
            has_caught_up = self._catch_up(rollout_id, state)
            if not state.frozen:
                state.frozen, state.snapshot_id = True, uuid4().hex
                self._advance(rollout_id, state)
            elif has_caught_up:
                self._write_state(rollout_id, state)
            entries = tuple(self._entries(rollout_id))
            recorded = {entry.model_call_id for entry in entries}
            begun = self.intents_path_for(rollout_id)
            is_missing = begun.exists() and not set(begun.read_text(encoding="utf-8").split()) <= recorded
            return TokenCaptureSnapshot(
                rollout_id=rollout_id,
                entries=entries,
                incomplete=state.incomplete or is_missing,
                snapshot_id=state.snapshot_id,
                version=state.version,
            )

    def read_entries(self, rollout_id: str) -> list[TokenEntry]:
        """The calls in the order in which they were written."""
        with self._locked(rollout_id, is_shared=True):
            return self._entries(rollout_id)

    def is_incomplete(self, rollout_id: str) -> bool:
        """Whether a call is known to be lost."""
        with self._locked(rollout_id, is_shared=True):
            return self._state(rollout_id).incomplete

    def delete(self, rollout_id: str) -> None:
        """Remove everything of a rollout, whatever its state, so that the id can be used anew."""
        with self._locked(rollout_id):
            self._remove(rollout_id)
            self.state_path_for(rollout_id).unlink(missing_ok=True)
            self._sync_folder()

    def sweep_retired(self, older_than_seconds: float) -> int:
        """Remove what is left of rollouts that were dropped longer ago than that; how many they were."""
        limit, removed = time.time() - older_than_seconds, 0
        for path in self._root.glob(f"*{STATE_SUFFIX}"):
            rollout_id = path.name.removesuffix(STATE_SUFFIX)
            with self._locked(rollout_id):
                if path.exists() and path.stat().st_mtime <= limit and self._state(rollout_id).retired:
                    self._remove(rollout_id)
                    path.unlink()
                    self.lock_path_for(rollout_id).unlink()
                    removed += 1
        return removed

    def _begin(self, rollout_id: str, model_call_id: str) -> None:
        with self._locked(rollout_id):
            self._writable(rollout_id)
            _append(self.intents_path_for(rollout_id), model_call_id.encode() + b"\n")

    def _mark(self, rollout_id: str, model_call_id: str) -> None:
        with self._locked(rollout_id):
            state = self._state(rollout_id)
            _refuse(rollout_id, "retired", state.retired)
            state.incomplete = True
            self._advance(rollout_id, state)
            _append(self.incomplete_path_for(rollout_id), model_call_id.encode() + b"\n")
            self._sync_folder()

    def _drop(self, rollout_id: str, snapshot_id: str, version: int) -> bool:
        with self._locked(rollout_id):
            state = self._state(rollout_id)
            if not state.frozen or (state.snapshot_id, state.version) != (snapshot_id, version):
                return False
            self._remove(rollout_id)
            state.entry_digests, state.indexed_size, state.retired = {}, 0, True
            self._write_state(rollout_id, state)
            return True

    @contextmanager
    def _locked(self, rollout_id: str, *, is_shared: bool = False) -> Iterator[None]:
        with self.lock_path_for(rollout_id).open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX)
            yield

    def _state(self, rollout_id: str) -> CaptureState:
        path = self.state_path_for(rollout_id)
        return CaptureState.model_validate_json(path.read_bytes()) if path.exists() else CaptureState()

    def _writable(self, rollout_id: str) -> CaptureState:
        state = self._state(rollout_id)
        _refuse(rollout_id, "retired", state.retired)
        _refuse(rollout_id, "already frozen", state.frozen)
        return state

    def _catch_up(self, rollout_id: str, state: CaptureState) -> bool:
        """Take records into the state that a killed writer had not entered; whether there were any.

        A last line that is cut was never said to be written, and is removed.
        """
        path = self.path_for(rollout_id)
        size = path.stat().st_size if path.exists() else 0
        if state.indexed_size > size:
            raise ValueError(f"{path}: is shorter than what is known of it")
        if state.indexed_size == size:
            return False
        with path.open("rb+") as file:
            file.seek(state.indexed_size)
            *lines, rest = file.read().split(b"\n")
            if rest and not _is_json(rest):
                size -= len(rest)
                file.truncate(size)
                rest = b""
        for line in filter(None, [*lines, rest]):
            entry = TokenEntry.model_validate(orjson.loads(line))
            if state.entry_digests.setdefault(entry.model_call_id, _digest(line)) != _digest(line):
                state.incomplete = True
                self._advance(rollout_id, state)
                raise ValueError(f"{path}: model call {entry.model_call_id!r} is there with different payloads")
            state.version += 1
        state.indexed_size = size
        return True

    def _entries(self, rollout_id: str) -> list[TokenEntry]:
        path = self.path_for(rollout_id)
        lines = path.read_bytes().splitlines() if path.exists() else []
        return [TokenEntry.model_validate(orjson.loads(line)) for line in lines if line.strip()]

    def _advance(self, rollout_id: str, state: CaptureState, *, is_durable: bool = True) -> None:
        state.version += 1
        self._write_state(rollout_id, state, is_durable=is_durable)

    def _write_state(self, rollout_id: str, state: CaptureState, *, is_durable: bool = True) -> None:
        """Replace the state as a whole. What can be read off the records again need not be on disk at once."""
        with tempfile.NamedTemporaryFile(dir=self._root, prefix=".tokens-state-", delete=False) as file:
            file.write(orjson.dumps(state.model_dump(), option=orjson.OPT_SORT_KEYS))
            file.flush()
            if is_durable:
                os.fsync(file.fileno())
        Path(file.name).replace(self.state_path_for(rollout_id))
        if is_durable:
            self._sync_folder()

    def _remove(self, rollout_id: str) -> None:
        for path in (self.path_for, self.incomplete_path_for, self.intents_path_for):
            path(rollout_id).unlink(missing_ok=True)

    def _sync_folder(self) -> None:
        descriptor = os.open(self._root, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _refuse(rollout_id: str, reason: str, is_so: bool) -> None:
    if is_so:
        raise RuntimeError(f"the token capture of rollout {rollout_id} is {reason}")


def _digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()


def _is_json(text: bytes) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


def _append(path: Path, line: bytes) -> int:
    """Write at the end of a file, for good; its size then."""
    with path.open("ab") as file:
        file.write(line)
        file.flush()
        os.fsync(file.fileno())
        return file.tell()


def make_token_store(global_config_dict: Any) -> TokenCaptureStore | None:
    """The store of a run; None when tokens are not captured, or not in files."""
    from nemo_gym.token_id_capture.config import token_id_capture_config

    config = token_id_capture_config(global_config_dict)
    folder = config.resolved_dir()
    if not config.enabled or config.token_id_capture.sink is not None or folder is None:
        return None
    return TokenCaptureStore(folder)
