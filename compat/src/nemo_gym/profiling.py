"""Where a server's time goes, written to files while `profiling_enabled` is on; the standard library measures it."""

import cProfile
import io
import logging
import pstats
from pathlib import Path
from typing import Any, Optional

from pydantic import BaseModel, PrivateAttr, field_validator

log = logging.getLogger("nemo_gym.profiling")


class Profiler(BaseModel):
    """Profiles this thread from `start` to `stop`."""

    name: str
    base_profile_dir: Path
    required_str: Optional[str] = None
    """Only lines of the report with this text are kept."""
    _profile: Any = PrivateAttr(default=None)

    @field_validator("name")
    @classmethod
    def _one_word(cls, name: str) -> str:
        if " " in name:
            raise ValueError(f"a profiler's name has no spaces: {name!r}")
        return name

    def start(self) -> None:
        """Begin to measure."""
        self._profile = cProfile.Profile()
        self._profile.enable()
        log.info("profiling %s", self.name)

    def stop(self) -> None:
        """Stop measuring and write what was measured."""
        self._profile.disable()
        self.dump()

    def dump(self) -> None:
        """Write what was measured so far: `<name>.log` for people, `<name>.prof` for tools."""
        self.base_profile_dir.mkdir(parents=True, exist_ok=True)
        text = io.StringIO()
        statistics = pstats.Stats(self._profile, stream=text).sort_stats("cumulative")
        statistics.print_stats()
        head, _, lines = text.getvalue().partition("filename:lineno(function)\n")
        kept = [line for line in lines.splitlines(keepends=True) if (self.required_str or "") in line]
        (self.base_profile_dir / f"{self.name}.log").write_text(f"{head}filename:lineno(function)\n{''.join(kept)}")
        statistics.dump_stats(self.base_profile_dir / f"{self.name}.prof")
