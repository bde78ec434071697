"""The checks of real clients, for those whose code lies in the folder that COMPAT_CLIENTS names."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from compat.clients.catalog import CLIENTS
from compat.clients.run import check_command

FOLDER = os.environ.get("COMPAT_CLIENTS")


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", CLIENTS)
def test_a_client_runs_on_polygym_as_it_is(name: str) -> None:
    if FOLDER is None:
        pytest.skip("COMPAT_CLIENTS names no folder with clients' code")
    python = Path(FOLDER, name, "venv", "bin", "python")
    source, root = (
        path if path.exists() else None for path in (Path(FOLDER, name, part) for part in ("source", "root"))
    )
    if not python.exists():
        pytest.skip(f"{python.parent} is not there: python -m compat.clients.prepare {name} {FOLDER}")
    gym = str(Path(sys.executable).with_name("gym"))
    command = check_command(name, str(python), gym, source, root)
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr[-5000:]


@pytest.mark.parametrize("name", CLIENTS)
def test_each_client_has_a_check_and_code_of_one_revision(name: str) -> None:
    client = CLIENTS[name]
    assert Path(check_command(name, "python", "gym", None, None)[1]).is_file()
    assert bool(client.repository) == (len(client.commit) == 40)
    assert client.repository or client.requirements
