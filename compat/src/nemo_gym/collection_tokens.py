"""Captured tokens in a collection: each rollout gets its own back, and its source forgets it once it is written."""

import asyncio
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final, Optional

from nemo_gym.collection_files import OutputFiles
from nemo_gym.collection_rows import Row, agent_of
from nemo_gym.rollout_correlation import maybe_rollout_id_from_run_body
from nemo_gym.token_id_capture.config import token_id_capture_config, token_id_capture_enabled_for_agent
from nemo_gym.token_id_capture.consumer import (
    BuiltTrajectory,
    clear_token_captures_for_rollouts,
    token_id_capture_dirs_from_config,
)
from nemo_gym.token_id_capture.delivery import (
    MASK_SAMPLE_KEY,
    capture_build_can_retire,
    finalize_rollout_token_capture,
    retire_rollout_token_capture,
)
from nemo_gym.token_id_capture.protocols import TokenSource, installed_token_source
from nemo_gym.token_id_capture.store import TokenCaptureStore

REASONS: Final = ("capture_incomplete", "unresolved_parent_calls")
"""Metrics of a capture that mask a rollout."""


class CollectedTokens:
    """The tokens of one collection."""

    def __init__(self, config: Any, rows: Sequence[Row]) -> None:
        """Earlier captures of `rows` are removed. Raises ValueError where tokens are wanted that nobody can give."""
        self._config = config
        self._settings = token_id_capture_config(config).token_id_capture
        self._source: Optional[TokenSource] = None
        self._own: Optional[TokenCaptureStore] = None
        self._done = 0
        self._why_masked: Counter[str] = Counter()
        self._masked = 0
        if not self._settings.enabled:
            return
        folders = token_id_capture_dirs_from_config(config)
        if self._settings.rebuild_response:
            self._source = installed_token_source()
            if self._source is None and folders:
                self._source = self._own = TokenCaptureStore(folders[0])
        captured = [row for row in rows if token_id_capture_enabled_for_agent(config, agent_of(row))]
        if captured and self._settings.rebuild_response and self._source is None:
            raise ValueError(
                "token_id_capture: there is no source that captured tokens could be read from. Call "
                "install_token_source before the collection, or set token_id_capture.dir."
            )
        if captured and folders:
            clear_token_captures_for_rollouts(captured, folders)

    async def give_back(self, row: Row, result: dict[str, Any]) -> Optional[BuiltTrajectory]:
        """Put a rollout's tokens into its result. Raises RuntimeError when too many have none that can be used."""
        if self._source is None or not token_id_capture_enabled_for_agent(self._config, agent_of(row)):
            return None
        built = await finalize_rollout_token_capture(result, self._source)
        if built is not None:
            self._count(built)
        return built

    def _count(self, built: Mapping[str, Any]) -> None:
        self._done += 1
        if built.get(MASK_SAMPLE_KEY):
            self._masked += 1
            metrics = built.get("metrics") or {}
            self._why_masked.update(key for key in REASONS if metrics.get(key))
            if error := built.get("error") or metrics.get("error"):
                self._why_masked[str(error)] += 1
        most = self._settings.max_mask_fraction
        if most is None or self._done < self._settings.mask_fraction_min_samples:
            return
        if self._masked / self._done > most:
            raise RuntimeError(
                f"{self._masked} of {self._done} rollouts are masked, more than token_id_capture.max_mask_fraction="
                f"{most} allows: {dict(self._why_masked)}"
            )

    async def forget(self, result: dict[str, Any], built: Optional[BuiltTrajectory], files: OutputFiles) -> None:
        """Let the source forget a rollout that is in its file; first it is made sure that it is on the disk."""
        if built is None or not capture_build_can_retire(built):
            return
        try:
            rollout_id = maybe_rollout_id_from_run_body(result)
        except (TypeError, ValueError):
            return  # what was captured stays, to be looked at
        if rollout_id is not None:
            await asyncio.to_thread(os.fsync, files.rollouts.fileno())
            await retire_rollout_token_capture(rollout_id, self._source, built)

    async def close(self) -> None:
        """Let go of a source that was made here."""
        if self._own is not None:
            await self._own.close()
