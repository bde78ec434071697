"""Why nothing is written."""

from collections.abc import Sequence
from pathlib import Path

from nemo_gym.config_errors import ConfigError


class ScaffoldError(ConfigError):
    """What was asked for cannot be written."""


class ScaffoldConflictError(ScaffoldError):
    """Files are there already, and say something else."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = tuple(paths)
        super().__init__("\n".join(["These files are there already, and would be overwritten:", *map(str, paths)]))
