"""Compatibility tests are marked, and left out where what they stand on is not installed."""

from importlib.util import find_spec
from pathlib import Path

import pytest

NEEDED = ("nemo_gym", "fastapi", "itsdangerous", "openai", "uvicorn", "requests")
MISSING = [name for name in NEEDED if find_spec(name) is None]
collect_ignore_glob = ["test_*.py"] if MISSING else []


def pytest_report_header() -> list[str]:
    return [f"compat tests left out: not installed: {', '.join(MISSING)} (pip install ./compat)"] if MISSING else []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.compat)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with one environment as an author of NeMo Gym writes it."""
    folder = tmp_path / "resources_servers" / "counter"
    folder.mkdir(parents=True)
    (folder / "app.py").write_text(COUNTER)
    return tmp_path


COUNTER = '''
from fastapi import FastAPI, Request
from pydantic import BaseModel
from nemo_gym.base_resources_server import (
    BaseResourcesServerConfig, BaseSeedSessionRequest, BaseSeedSessionResponse, BaseVerifyRequest, BaseVerifyResponse,
    SimpleResourcesServer,
)
from nemo_gym.server_utils import SESSION_ID_KEY


class CounterConfig(BaseResourcesServerConfig):
    step: int = 1


class Seed(BaseSeedSessionRequest):
    start: int


class Add(BaseModel):
    times: int


class Verify(BaseVerifyRequest):
    expected: int


class CounterServer(SimpleResourcesServer):
    config: CounterConfig
    counts: dict = {}

    def setup_webserver(self) -> FastAPI:
        app = super().setup_webserver()
        app.post("/add")(self.add)
        return app

    async def seed_session(self, request: Request, body: Seed) -> BaseSeedSessionResponse:
        self.counts[request.session[SESSION_ID_KEY]] = body.start
        return BaseSeedSessionResponse()

    async def add(self, request: Request, body: Add) -> dict:
        """Add to the counter."""
        if body.times < 0:
            raise RuntimeError("only upwards")
        self.counts[request.session[SESSION_ID_KEY]] += body.times * self.config.step
        return {"count": self.counts[request.session[SESSION_ID_KEY]]}

    async def verify(self, request: Request, body: Verify) -> BaseVerifyResponse:
        count = self.counts[request.session[SESSION_ID_KEY]]
        return BaseVerifyResponse(**body.model_dump(), reward=float(count == body.expected))


if __name__ == "__main__":
    CounterServer.run_webserver()
'''
