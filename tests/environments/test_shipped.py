"""Every environment that is shipped passes the checker."""

from pathlib import Path

import pytest

from polygym.fleet.requirements import unmet_requirements
from polygym.kit import CheckSettings, check_environment

SERVERS = Path(__file__).parents[2] / "resources_servers"
ADAPTERS = {"openenv"}
"""Servers that have no tasks of their own."""
ENVIRONMENTS = sorted(reference.parent.relative_to(SERVERS).as_posix() for reference in SERVERS.rglob("reference.py"))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_a_shipped_environment_passes_the_checker(name: str) -> None:
    unmet = unmet_requirements(SERVERS / name)
    if unmet:
        pytest.skip(f"needs {', '.join(unmet)}")

    report = check_environment(SERVERS / name, settings=CheckSettings.quick())

    assert report.is_ok, report


def test_every_shipped_environment_has_a_reference() -> None:
    servers = {app.parent.relative_to(SERVERS).as_posix() for app in SERVERS.glob("*/app.py")}

    assert servers - ADAPTERS == set(ENVIRONMENTS)
