"""The login node of a cluster: this machine, or one that ssh reaches."""

import shlex
import shutil
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Optional, Protocol

SSH: Final = ("-o", "StrictHostKeyChecking=accept-new", "-o", "BatchMode=yes")


class Connection(Protocol):
    """A machine."""

    def copy(self, local: Path, remote: Path) -> None:
        """Put a folder there, in place of one that is there."""

    def run(self, commands: Sequence[str]) -> str:
        """Run commands; what they said. Raises RuntimeError when one fails."""

    def missing(self, paths: Sequence[str]) -> list[str]:
        """Which of the paths are not there."""


class LocalConnection:
    """This machine."""

    def copy(self, local: Path, remote: Path) -> None:
        """As `Connection.copy`."""
        if remote.exists():
            shutil.rmtree(remote)
        shutil.copytree(local, remote)

    def run(self, commands: Sequence[str]) -> str:
        """As `Connection.run`."""
        return "\n".join(_checked(shlex.split(command)) for command in commands)

    def missing(self, paths: Sequence[str]) -> list[str]:
        """As `Connection.missing`."""
        return [path for path in paths if not Path(path).exists()]


class SSHConnection:
    """Another machine."""

    def __init__(self, hostname: str) -> None:
        self._hostname = hostname

    def copy(self, local: Path, remote: Path) -> None:
        """As `Connection.copy`."""
        self.run([f"mkdir -p {shlex.quote(str(remote))}"])
        target = f"{self._hostname}:{remote}"
        _checked(["rsync", "-az", "--delete", "-e", f"ssh {' '.join(SSH)}", f"{local}/", target])

    def run(self, commands: Sequence[str]) -> str:
        """As `Connection.run`."""
        return _checked(["ssh", *SSH, self._hostname, "bash", "-se"], "\n".join(commands))

    def missing(self, paths: Sequence[str]) -> list[str]:
        """As `Connection.missing`."""
        looks = [f"test -e {shlex.quote(path)} || echo {shlex.quote(path)}" for path in paths]
        return self.run(looks).splitlines() if looks else []


def _checked(command: Sequence[str], text: Optional[str] = None) -> str:
    done = subprocess.run(command, input=text, text=True, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: ended with {done.returncode}\n{done.stderr.strip()}")
    return done.stdout


def get_connection(hostname: Optional[str]) -> Connection:
    """The machine of that name; this one for None and its own name."""
    return LocalConnection() if hostname in (None, socket.gethostname()) else SSHConnection(str(hostname))
