"""The command line: one file per command group; parse, call, print."""

import sys


def main() -> None:
    """The `gym` command. Ends the process with the command's exit code."""
    from polygym.cli.program import run_program

    sys.exit(run_program(sys.argv[1:]))
