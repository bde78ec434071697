"""Checking servers without starting them."""

from pathlib import Path

import pytest

from polygym.config.load import load_config
from polygym.config.model import RunConfig
from polygym.fleet.check import ServerCheck, check_servers

SERVER = """
from polygym import ResourcesServer

class Checked(ResourcesServer):
    def verify(self, rollout, session):
        return 1.0
"""


def config_of(folder: Path, name: str, code: str, fields: str = "") -> RunConfig:
    """A configuration with one resources server of that code."""
    home = folder / "resources_servers" / name
    home.mkdir(parents=True)
    (home / "app.py").write_text(code)
    (folder / "config.yaml").write_text(f"one:\n  resources_servers:\n    {name}:\n      entrypoint: app.py\n{fields}")
    return load_config(config_paths=["config.yaml"], cwd=folder, environ={})


def checked(config: RunConfig) -> ServerCheck:
    """The only finding."""
    (found,) = check_servers(config)
    return found


def test_a_server_that_can_be_made_has_no_problem(tmp_path: Path) -> None:
    found = checked(config_of(tmp_path, "check_fine", SERVER))

    assert (found.placement, found.problem, found.remarks) == ("embedded", None, ())


def test_a_field_that_nobody_reads_is_remarked_on(tmp_path: Path) -> None:
    found = checked(config_of(tmp_path, "check_odd", SERVER, "      sesion_ttl_s: 5\n"))

    assert found.problem is None
    (remark,) = found.remarks
    assert "sesion_ttl_s" in remark and "session_ttl_s" in remark


@pytest.mark.parametrize(
    ("name", "code", "fields", "problem"),
    [
        ("check_import", "import no_such_module", "", "no_such_module"),
        ("check_config", SERVER, "      session_ttl_s: soon\n", "session_ttl_s"),
        (
            "check_init",
            SERVER + "    def __init__(self, *given):\n        raise ValueError('no luck')\n",
            "",
            "no luck",
        ),
    ],
)
def test_a_server_that_cannot_be_made_says_why_and_where(
    tmp_path: Path, name: str, code: str, fields: str, problem: str
) -> None:
    found = checked(config_of(tmp_path, name, code, fields))

    assert found.problem is not None
    assert found.problem.startswith(f"{tmp_path / 'config.yaml'}:3: ") and problem in found.problem


def test_a_server_that_needs_other_packages_is_not_imported_here(tmp_path: Path) -> None:
    config = config_of(tmp_path, "check_needs", "raise SystemExit")
    (tmp_path / "resources_servers" / "check_needs" / "requirements.txt").write_text("no-such-package-anywhere>=1\n")

    found = checked(config)

    assert (found.placement, found.problem) == ("process", None)
    assert "no-such-package-anywhere>=1" in found.remarks[0]
