"""Run the check of a client: `python -m compat.clients.run NAME --source PATH`.

The check runs under the client's interpreter (`--python`), against the `gym` of the running one or of `--gym`. Its
lines say what holds; the exit code is 0 when everything does.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from compat.clients.catalog import CLIENTS


def check_command(name: str, python: str, gym: str, source: Path | None, root: Path | None) -> list[str]:
    """What runs a check."""
    command = [python, str(Path(__file__).with_name(f"{name}_check.py")), "--gym", gym]
    command += ["--source", str(source.resolve())] if source is not None else []
    return command + (["--root", str(root.resolve())] if root is not None else [])


def main() -> None:
    """Run one check; ends the process with its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=CLIENTS)
    parser.add_argument("--source", type=Path, help="the client's code: a checkout, or what `prepare` took of it")
    parser.add_argument("--python", default=sys.executable, help="interpreter with the client's packages")
    parser.add_argument("--gym", default=str(Path(sys.executable).with_name("gym")), help="the polygym to run against")
    parser.add_argument("--root", type=Path, help="a checkout of NeMo Gym, to run its environments where a check can")
    options = parser.parse_args()
    repository = CLIENTS[options.name].repository
    if repository and options.source is None:
        parser.error(f"{options.name} needs --source, a checkout of {repository}; see compat.clients.prepare")
    command = check_command(options.name, options.python, options.gym, options.source, options.root)
    sys.exit(subprocess.run(command, check=False).returncode)


if __name__ == "__main__":
    main()
