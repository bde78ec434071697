"""Virtual environments of implementations that need other packages than the running interpreter has. Made with uv."""

import fcntl
import hashlib
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from polygym.config.model import ServerInstance
from polygym.fleet.requirements import named_gyms, requirement_lines, unmet_requirements
from polygym.protocol.errors import ConfigError
from polygym.protocol.json import JsonObject

READY = ".polygym-ready"
"""Written last; an environment without it was interrupted and is made again."""


@dataclass(frozen=True, slots=True)
class Implementation:
    """Whose packages an environment holds."""

    name: str
    folder: Path
    origin: str
    """Where it is asked for, for messages."""


def interpreter_for(instance: ServerInstance, settings: JsonObject) -> Path:
    """The Python that runs an instance in its own process: the running one when that has what the instance requires.

    Makes the virtual environment when it is not there yet, which can take minutes. Raises ConfigError when that fails.
    """
    if instance.folder is None:
        return Path(sys.executable)
    return interpreter_with(Implementation(instance.implementation, instance.folder, instance.origin), settings)


def interpreter_with(implementation: Implementation, settings: JsonObject, extra: Sequence[str] = ()) -> Path:
    """As `interpreter_for`; a virtual environment that is made has the packages `extra`, too."""
    if not unmet_requirements(implementation.folder):
        return Path(sys.executable)
    wanted = [*_installed("polygym"), *requirement_lines(implementation.folder), *extra]
    for distribution in _stand_ins(implementation.folder):
        wanted += _installed(distribution)
    venv = _cache(settings) / f"{implementation.name}-{_digest(wanted)}"
    python = venv / "bin" / "python"
    venv.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{venv}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (venv / READY).exists():
            _make(venv, python, wanted, implementation)
    return python


def _cache(settings: JsonObject) -> Path:
    configured = settings.get("uv_venv_dir")
    if configured:
        return Path(configured).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "polygym" / "venvs"


def _digest(wanted: list[str]) -> str:
    return hashlib.sha256("\n".join([sys.version, *wanted]).encode()).hexdigest()[:12]


STANDS_IN_FOR = "polygym.stands_in_for"
"""Entry-point group of distributions that provide another one's import names; each is named for the one it replaces."""


def _stand_ins(folder: Path) -> list[str]:
    """Installed distributions that stand in for what the implementation's requirements call the gym."""
    named = named_gyms(folder)
    return [
        point.dist.name
        for point in importlib.metadata.entry_points(group=STANDS_IN_FOR)
        if point.dist is not None and point.name in named
    ]


def _installed(name: str) -> list[str]:
    """How to install this very distribution: its source folder when it is run from one, else its version."""
    try:
        distribution = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return ["-e", str(Path(__file__).resolve().parents[3])]
    origin = json.loads(distribution.read_text("direct_url.json") or "{}")
    if origin.get("url", "").startswith("file://"):
        folder = origin["url"].removeprefix("file://")
        return ["-e", folder] if origin.get("dir_info", {}).get("editable") else [folder]
    return [f"{name}=={distribution.version}"]


def _make(venv: Path, python: Path, wanted: list[str], implementation: Implementation) -> None:
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.exists() else shutil.which("uv")
    if uv is None:
        missing = ", ".join(unmet_requirements(implementation.folder))
        raise ConfigError(
            f"{implementation.origin}: {implementation.name} needs packages that this Python does not have ({missing})."
            " Install them; or uv, which makes it a virtual environment of its own: pip install 'polygym[venv]'."
        )
    shutil.rmtree(venv, ignore_errors=True)
    _run([uv, "venv", "--quiet", "--python", sys.executable, str(venv)], implementation)
    options = [part for line in wanted for part in (line.split(maxsplit=1) if line.startswith("-") else [line])]
    _run([uv, "pip", "install", "--quiet", "--python", str(python), *options], implementation)
    (venv / READY).touch()


def _run(command: list[str], implementation: Implementation) -> None:
    done = subprocess.run(command, cwd=implementation.folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        problem = done.stderr.strip()[-1500:]
        raise ConfigError(
            f"{implementation.origin}: the virtual environment of {implementation.name} cannot be made"
            f" (requirements.txt in {implementation.folder}): {problem}"
        )
