import asyncio
import os
import sys
import threading
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from polygym import ResourcesServer, ResourcesServerConfig, RolloutView, Session, blocking
from polygym.protocol.responses import new_response

HEAVY = """
import os
from polygym import ResourcesServer, RolloutView, Session, Verification, blocking

class Heavy(ResourcesServer):
    @blocking(process=True)
    def verify(self, rollout: RolloutView, session: Session) -> Verification:
        return Verification(1.0, fields={"pid": os.getpid(), "asked": session.task.asked, "server": self.name})
"""


class Threaded(ResourcesServer):
    @blocking
    def seed_session(self, session: Session) -> dict[str, int]:
        return {"thread": threading.get_ident()}

    def verify(self, rollout: RolloutView, session: Session) -> float:
        return 1.0


def test_a_blocking_method_runs_in_a_thread() -> None:
    server = Threaded("threaded", ResourcesServerConfig(), None)  # type: ignore[arg-type]
    session = server.new_session(server.task_of({}), "0-0")
    assert asyncio.run(server.seed(session))["thread"] != threading.get_ident()


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """`resources_servers`, without a place yet."""
    package = ModuleType("resources_servers")
    package.__path__ = []
    monkeypatch.setitem(sys.modules, "resources_servers", package)
    return package


def heavy_in(root: Path, name: str, package: ModuleType) -> ResourcesServer:
    """The server of a new component of that name under `root`, found by its package."""
    folder = root / "resources_servers" / name
    folder.mkdir(parents=True)
    (folder / "app.py").write_text(HEAVY)
    package.__path__.append(str(root / "resources_servers"))
    server: ResourcesServer = import_module(f"resources_servers.{name}.app").Heavy(name, ResourcesServerConfig(), None)
    return server


def verified(server: ResourcesServer) -> dict[str, Any]:
    session = server.new_session(server.task_of({"asked": "this"}), "0-0")
    return asyncio.run(server.verify_response({"asked": "this"}, new_response({}, [], model="m"), session))


def test_a_method_marked_for_a_process_runs_in_another_one(tmp_path: Path, package: ModuleType) -> None:
    answer = verified(heavy_in(tmp_path, "heavy_one", package))
    assert answer["pid"] != os.getpid()
    assert (answer["reward"], answer["asked"], answer["server"]) == (1.0, "this", "heavy_one")


def test_the_processes_find_components_of_roots_that_came_later(tmp_path: Path, package: ModuleType) -> None:
    first = heavy_in(tmp_path / "first", "heavy_first", package)
    assert verified(first)["server"] == "heavy_first"
    assert verified(heavy_in(tmp_path / "later", "heavy_later", package))["server"] == "heavy_later"
    assert verified(first)["server"] == "heavy_first"


def test_an_async_method_cannot_be_marked() -> None:
    with pytest.raises(TypeError, match="is async"):

        class Confused(ResourcesServer):
            @blocking
            async def verify(self, rollout: RolloutView, session: Session) -> float:
                return 1.0
