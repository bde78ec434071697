"""What holds for every test: no setting of the machine leaks in, none is judged by its speed; who runs which."""

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("polygym", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("polygym")


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the endpoints, keys, roots and proxies of whoever runs the tests."""
    for name in list(os.environ):
        if name.startswith(("ANTHROPIC_", "NEMO_GYM_", "OPENAI_", "POLYGYM_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Spread the tests over the workers one by one, but the sections of a page, which build on each other, together."""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return nodeid.partition(": ")[0] if "test_a_section_does_what_it_says" in nodeid else nodeid

    return Scheduling(config, log)
