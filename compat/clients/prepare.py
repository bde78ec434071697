"""Get a client's code and make an environment for its check: `python -m compat.clients.prepare NAME FOLDER`.

Makes `FOLDER/NAME/source` and `FOLDER/NAME/venv`, where `compat.clients.run` and the tests look. Needs git and uv.
"""

import argparse
import io
import subprocess
import sys
import tarfile
from pathlib import Path

from compat.clients.catalog import CLIENTS, Client

REPOSITORY = Path(__file__).resolve().parents[2]
OURS = {"polygym": REPOSITORY, "polygym-nemo": REPOSITORY / "compat"}


def get_source(client: Client, folder: Path, mirror: Path | None) -> None:
    """The wanted part of the client's repository, from GitHub or from `MIRROR/OWNER+NAME/repo`."""
    if mirror is not None:
        repository = mirror / client.repository.replace("/", "+") / "repo"
    else:
        repository = folder / "repository"
        url = f"https://github.com/{client.repository}.git"
        if not repository.exists():
            subprocess.run(["git", "clone", "--quiet", "--bare", "--filter=blob:none", url, repository], check=True)
    command: list[str | Path] = ["git", "-C", repository, "archive", client.commit, "--", *client.paths]
    archive = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(folder / "source", filter="data")


def make_environment(client: Client, folder: Path) -> None:
    """The interpreter of the check, with its packages."""
    venv = folder / "venv"
    subprocess.run(["uv", "venv", "--quiet", "--clear", "--python", client.python, venv], check=True)
    ours = [part for path in OURS.values() for part in ("--editable", str(path))] if client.needs_polygym else []
    install: list[str | Path] = ["uv", "pip", "install", "--quiet", "--python", venv]
    if client.requirements or ours:
        subprocess.run([*install, *client.requirements, *ours], check=True)
    for name in client.unresolved:
        package = ["--editable", str(OURS[name])] if name in OURS else [name]
        subprocess.run([*install, "--no-deps", *package], check=True)


def main() -> None:
    """Prepare one client."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=CLIENTS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--mirror", type=Path, help="folder with OWNER+NAME/repo instead of GitHub")
    options = parser.parse_args()
    client, folder = CLIENTS[options.name], options.folder / options.name
    folder.mkdir(parents=True, exist_ok=True)
    if client.repository:
        get_source(client, folder, options.mirror)
    make_environment(client, folder)
    sys.stdout.write(f"{folder}: ready\n")


if __name__ == "__main__":
    main()
