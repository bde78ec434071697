"""`gym`: polygym's command, under the name that launchers import."""

import sys

from polygym.cli.program import run_program


def main() -> None:
    """Run the command that the process's arguments spell, and end the process with its exit code."""
    sys.exit(run_program(sys.argv[1:]))
