"""What holds for every test: no setting of the machine leaks in, and no property test is judged by its speed."""

import os

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
