import asyncio
import os
import sys
import threading
from pathlib import Path
from types import ModuleType

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


def test_a_method_marked_for_a_process_runs_in_another_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "resources_servers" / "heavy_one"
    folder.mkdir(parents=True)
    (folder / "app.py").write_text(HEAVY)
    package = ModuleType("resources_servers")
    package.__path__ = [str(tmp_path / "resources_servers")]
    monkeypatch.setitem(sys.modules, "resources_servers", package)
    from resources_servers.heavy_one.app import Heavy  # type: ignore[import-not-found]

    server = Heavy("heavy", ResourcesServerConfig(), None)
    session = server.new_session(server.task_of({"asked": "this"}), "0-0")
    verified = asyncio.run(server.verify_response({"asked": "this"}, new_response({}, [], model="m"), session))
    assert verified["pid"] != os.getpid()
    assert (verified["reward"], verified["asked"], verified["server"]) == (1.0, "this", "heavy")


def test_an_async_method_cannot_be_marked() -> None:
    with pytest.raises(TypeError, match="is async"):

        class Confused(ResourcesServer):
            @blocking
            async def verify(self, rollout: RolloutView, session: Session) -> float:
                return 1.0
