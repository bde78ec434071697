import asyncio
import logging
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from polygym.fleet.ports import bind_in_range
from polygym.fleet.process import ServerProcess
from polygym.protocol.errors import ConfigError
from tests.fleet.components import instance, is_alive, is_listening, wait_until_dead, write

SERVER = """
    import os
    import subprocess
    import sys
    import time
    from pathlib import Path

    from polygym import ResourcesServer

    {at_import}


    class Game(ResourcesServer):
        async def start(self):
            {at_start}

        async def stop(self):
            Path(os.environ["DIARY"]).write_text("stopped")

        def verify(self, rollout, session):
            return 1.0
"""


@asynccontextmanager
async def process_of(root: Path, *, at_import: str = "", at_start: str = "pass") -> AsyncIterator[ServerProcess]:
    """A process with that code in its server, not started; stopped in the end."""
    write(root, "resources_servers/game/app.py", SERVER.format(at_import=at_import, at_start=at_start))
    with bind_in_range("127.0.0.1", 20001, 30000, (), "test") as bound:
        process = ServerProcess(instance(root, "game", "resources_servers"), bound, {}, (root,))
        try:
            yield process
        finally:
            await process.stop()


@pytest.fixture(autouse=True)
def diary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "diary"
    monkeypatch.setenv("DIARY", str(path))
    return path


def test_a_process_is_ready_when_started_and_its_server_stops_in_order(tmp_path: Path, diary: Path) -> None:
    async def main() -> None:
        async with process_of(tmp_path) as process:
            await process.start(Path(sys.executable), 30)
            assert process.pid is not None and is_alive(process.pid)
            await process.stop()
            assert await process.wait() == 0

    asyncio.run(main())
    assert diary.read_text() == "stopped"


def test_output_is_passed_on_and_its_end_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        talk = "print('half a line', end=''); print('x' * 300_000, end=''); print(); print('\\n'.join('abc'))"
        async with process_of(tmp_path, at_start=talk) as process:
            await process.start(Path(sys.executable), 30)
            await process.stop()
            assert process.tail()[-3:] == ["a", "b", "c"]

    with caplog.at_level(logging.INFO, "polygym.process"):
        asyncio.run(main())
    assert "game: half a line" in caplog.text


def test_readiness_is_seen_behind_output_without_a_line_break(tmp_path: Path) -> None:
    async def main() -> None:
        async with process_of(tmp_path, at_start="print('loading 100 %', end='')") as process:
            await process.start(Path(sys.executable), 30)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("trouble", "ending", "output"),
    [
        ({"at_start": "raise OSError('no database')"}, "status 2", "game cannot start: OSError: no database ("),
        ({"at_import": "raise OSError('no disk')"}, "status 2", "cannot be imported: OSError: no disk ("),
        ({"at_import": "print('bye', flush=True); os._exit(7)"}, "status 7", "bye"),
        ({"at_import": "os.kill(os.getpid(), 9)"}, "status -9", "(no output)"),
    ],
)
def test_a_process_that_ends_is_reported_with_its_last_output(
    tmp_path: Path, trouble: dict[str, str], ending: str, output: str
) -> None:
    async def main() -> None:
        async with process_of(tmp_path, **trouble) as process:
            with pytest.raises(ConfigError) as caught:
                await process.start(Path(sys.executable), 30)
            assert str(caught.value).startswith(f"game.yaml:1: the process of game ended with {ending}:\n")
            assert output in str(caught.value)

    asyncio.run(main())


def test_a_process_that_does_not_get_ready_is_ended(tmp_path: Path) -> None:
    async def main() -> None:
        async with process_of(tmp_path, at_import="time.sleep(600)") as process:
            with pytest.raises(ConfigError, match=r"^game\.yaml:1: the process of game was not ready after 0\.5 s:\n"):
                await process.start(Path(sys.executable), 0.5)
            assert await process.wait() == -signal.SIGKILL

    asyncio.run(main())


def test_what_a_server_has_started_ends_with_it(tmp_path: Path) -> None:
    async def main() -> None:
        pid_file = tmp_path / "pid"
        start = f"Path({str(pid_file)!r}).write_text(str(subprocess.Popen(['sleep', '600']).pid))"
        async with process_of(tmp_path, at_start=start) as process:
            await process.start(Path(sys.executable), 30)
            grandchild = int(pid_file.read_text())
            assert is_alive(grandchild)
            await process.stop()
            wait_until_dead(grandchild)

    asyncio.run(main())


PARENT = """
import asyncio, sys
from pathlib import Path
from tests.fleet.components import notebook_config
from polygym.fleet.fleet import Fleet

async def main():
    fleet = Fleet(notebook_config(Path(sys.argv[1]), notebook="process", agent="process"))
    await fleet.start()
    print(*(fleet.members[name].pid for name in ("notebook", "agent")), fleet.members["notebook"].url, flush=True)
    {then}

asyncio.run(main())
"""


@pytest.mark.parametrize("then", ["await asyncio.Event().wait()", "import time; time.sleep(600)"])
def test_children_end_when_their_parent_is_killed(tmp_path: Path, then: str) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT.format(then=then), str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert parent.stdout is not None
    *pids, url = parent.stdout.readline().split()
    assert is_listening(url)

    parent.kill()
    parent.wait()

    for pid in pids:
        wait_until_dead(int(pid))
    assert not is_listening(url)
    parent.stdout.close()


BLOCKED_PARENT = """
import asyncio, sys
from pathlib import Path
from polygym.fleet.ports import bind_in_range
from polygym.fleet.process import ServerProcess
from tests.fleet.components import instance

async def main():
    root = Path(sys.argv[1])
    bound = bind_in_range("127.0.0.1", 20001, 30000, (), "test")
    process = ServerProcess(instance(root, "game", "resources_servers"), bound, {}, (root,), stop_s=0.1)
    await process.start(Path(sys.executable), 600)

asyncio.run(main())
"""


def test_a_child_whose_code_blocks_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    block = f"Path({str(pid_file)!r}).write_text(str(os.getpid()))\n    while True: pass"
    write(tmp_path, "resources_servers/game/app.py", SERVER.format(at_import=block, at_start="pass"))
    parent = subprocess.Popen([sys.executable, "-c", BLOCKED_PARENT, str(tmp_path)], cwd=Path(__file__).parents[2])
    while not (pid_file.exists() and pid_file.read_text()):
        assert parent.poll() is None
        time.sleep(0.02)
    child = int(pid_file.read_text())
    assert is_alive(child)

    parent.kill()
    parent.wait()

    wait_until_dead(child)
