"""A fleet in a process of its own, started as a user starts one: `gym env start`, until it is told to stop.

Nothing but the standard library, so that it can be read next to a client's code. Knows no client.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

START_LIMIT_S = 120.0
STOP_LIMIT_S = 30.0


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get_json(url: str) -> Any:
    """What a GET answers. Raises urllib's errors."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


class RunningFleet:
    """`gym env start ARGUMENTS`, up while the context is open; the log is in `folder`."""

    def __init__(self, *arguments: str, folder: Path, command: str | None = None) -> None:
        self.head_port = free_port()
        self.folder = folder
        self.arguments = [*arguments, f"++head_server.port={self.head_port}"]
        self.command = command or str(Path(sys.executable).with_name("gym"))
        self.log = folder / "fleet.log"
        self.exit_code: int | None = None
        """Once it has been stopped."""

    @property
    def head_url(self) -> str:
        """The head server."""
        return f"http://127.0.0.1:{self.head_port}"

    def url_of(self, name: str) -> str:
        """A server's address, as the head tells it. Raises KeyError."""
        instances = {each["process_name"]: each for each in get_json(f"{self.head_url}/server_instances")}
        return str(instances[name]["url"])

    def __enter__(self) -> "RunningFleet":
        environment = {name: value for name, value in os.environ.items() if not name.startswith("NEMO_GYM")}
        with self.log.open("w") as log:
            self._process = subprocess.Popen(
                [self.command, "env", "start", *self.arguments],
                cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        try:
            self._wait()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _wait(self) -> None:
        give_up = time.monotonic() + START_LIMIT_S
        while time.monotonic() < give_up:
            try:
                instances = get_json(f"{self.head_url}/server_instances")
            except OSError:
                instances = []
            if instances and all(each["status"] == "running" for each in instances):
                return
            if self._process.poll() is not None:
                raise RuntimeError(f"the fleet ended:\n{self.log.read_text()[-3000:]}")
            time.sleep(0.1)
        raise TimeoutError(f"the fleet is not up after {START_LIMIT_S:.0f} s:\n{self.log.read_text()[-3000:]}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self.exit_code = self._process.returncode
