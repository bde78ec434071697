"""`ng_…` and `nemo_gym_…`: the older names of commands, which polygym knows."""

from polygym.cli.legacy import COMMANDS as LEGACY
from polygym.cli.legacy import main
from polygym.cli.program import run_program

__all__ = ["LEGACY", "main", "run_program"]
