"""Virtual environments of implementations that need other packages than the running interpreter has. Made with uv."""

import fcntl
import hashlib
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from polygym.config.model import ServerInstance
from polygym.fleet.requirements import requirement_lines, unmet_requirements
from polygym.protocol.errors import ConfigError
from polygym.protocol.json import JsonObject

READY = ".polygym-ready"
"""Written last; an environment without it was interrupted and is made again."""


def interpreter_for(instance: ServerInstance, settings: JsonObject) -> Path:
    """The Python that runs an instance in its own process: the running one when that has what the instance requires.

    Makes the virtual environment when it is not there yet, which can take minutes. Raises ConfigError when that fails.
    """
    if instance.folder is None or not unmet_requirements(instance.folder):
        return Path(sys.executable)
    wanted = [*_ourselves(), *requirement_lines(instance.folder)]
    venv = _cache(settings) / f"{instance.implementation}-{_digest(wanted)}"
    python = venv / "bin" / "python"
    venv.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{venv}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (venv / READY).exists():
            _make(venv, python, wanted, instance)
    return python


def _cache(settings: JsonObject) -> Path:
    configured = settings.get("uv_venv_dir")
    if configured:
        return Path(configured).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "polygym" / "venvs"


def _digest(wanted: list[str]) -> str:
    return hashlib.sha256("\n".join([sys.version, *wanted]).encode()).hexdigest()[:12]


def _ourselves() -> list[str]:
    """How to install this very polygym: its source folder when it is run from one, else its version."""
    try:
        distribution = importlib.metadata.distribution("polygym")
    except importlib.metadata.PackageNotFoundError:
        return ["-e", str(Path(__file__).resolve().parents[3])]
    origin = json.loads(distribution.read_text("direct_url.json") or "{}")
    if origin.get("url", "").startswith("file://"):
        folder = origin["url"].removeprefix("file://")
        return ["-e", folder] if origin.get("dir_info", {}).get("editable") else [folder]
    return [f"polygym=={distribution.version}"]


def _make(venv: Path, python: Path, wanted: list[str], instance: ServerInstance) -> None:
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.exists() else shutil.which("uv")
    if uv is None:
        raise ConfigError(
            f"{instance.origin}: {instance.implementation} needs its own virtual environment, which uv makes, and there"
            " is no uv. Install it: pip install 'polygym[venv]'."
        )
    shutil.rmtree(venv, ignore_errors=True)
    _run([uv, "venv", "--quiet", "--python", sys.executable, str(venv)], instance)
    options = [part for line in wanted for part in (line.split(maxsplit=1) if line.startswith("-") else [line])]
    _run([uv, "pip", "install", "--quiet", "--python", str(python), *options], instance)
    (venv / READY).touch()


def _run(command: list[str], instance: ServerInstance) -> None:
    done = subprocess.run(command, cwd=instance.folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        problem = done.stderr.strip()[-1500:]
        raise ConfigError(
            f"{instance.origin}: the virtual environment of {instance.implementation} cannot be made"
            f" (requirements.txt in {instance.folder}): {problem}"
        )
