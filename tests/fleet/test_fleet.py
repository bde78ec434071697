import asyncio
import logging
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from polygym.config.model import RunConfig
from polygym.fleet.fleet import Fleet
from polygym.fleet.ports import bind_in_range
from polygym.protocol.calls import RolloutContext
from polygym.protocol.errors import ConfigError
from tests.fleet.components import instance, is_alive, is_listening, notebook_config, run_config, write
from tests.servers.notebook import row

LIFE = """
    from pathlib import Path

    from polygym import ResourcesServer, ResourcesServerConfig


    class LifeConfig(ResourcesServerConfig):
        diary: str
        start_problem: str | None = None
        stop_problem: str | None = None


    class Life(ResourcesServer):
        config: LifeConfig

        def write(self, line):
            with Path(self.config.diary).open("a") as diary:
                diary.write(f"{self.name} {line}\\n")

        async def start(self):
            if self.config.start_problem:
                raise OSError(self.config.start_problem)
            self.write("started")

        async def stop(self):
            self.write("stopped")
            if self.config.stop_problem:
                raise OSError(self.config.stop_problem)

        def verify(self, rollout, session):
            return 1.0

        def close_session(self, session):
            self.write(f"closed {session.rollout_id}")
"""


def life_config(root: Path, *names: str, **troubles: dict[str, Any]) -> RunConfig:
    """Servers that write a diary; `troubles` are fields by instance name."""
    write(root, "resources_servers/life/app.py", LIFE)
    diary = str(root / "diary")
    instances = [
        instance(root, name, "resources_servers", "life", diary=diary, **troubles.get(name, {})) for name in names
    ]
    return run_config(root, instances=instances)


def diary(root: Path) -> list[str]:
    return (root / "diary").read_text().splitlines()


async def get(url: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status


def test_embedded_servers_have_no_port_and_no_process(tmp_path: Path) -> None:
    async def main() -> None:
        async with Fleet(notebook_config(tmp_path)) as fleet:
            verified = await fleet.wiring.agents["agent"].run(row("a b"), RolloutContext("0-0"))
            assert verified["reward"] == 1.0
            assert {member.placement for member in fleet.members.values()} == {"embedded"}
            assert {member.pid for member in fleet.members.values()} == {os.getpid()}
            assert [member.url for member in fleet.members.values()] == [None] * 3

    asyncio.run(main())


def test_a_served_fleet_answers_on_a_port_each_and_on_none_afterwards(tmp_path: Path) -> None:
    async def main() -> None:
        async with Fleet(notebook_config(tmp_path), is_served=True) as fleet:
            urls = [member.url or "" for member in fleet.members.values()]
            assert len(set(urls)) == 3
            assert [await get(url) for url in urls] == [200] * 3
            async with aiohttp.ClientSession() as session, session.post(f"{urls[2]}/run", json=row("a b")) as response:
                assert (await response.json())["reward"] == 1.0
        assert not any(is_listening(url) for url in urls)

    asyncio.run(main())


@pytest.mark.parametrize("placed", [("agent",), ("notebook", "policy"), ("agent", "notebook", "policy")])
def test_servers_find_each_other_wherever_they_live(tmp_path: Path, placed: tuple[str, ...]) -> None:
    async def main() -> None:
        async with Fleet(notebook_config(tmp_path, **dict.fromkeys(placed, "process"))) as fleet:
            agent = fleet.wiring.agents["agent"]
            verified = await asyncio.gather(
                *(agent.run(row(f"{index} end"), RolloutContext(f"{index}-0")) for index in range(10))
            )
            assert [entry["reward"] for entry in verified] == [1.0] * 10
            pids = {name: member.pid for name, member in fleet.members.items()}
            urls = [member.url or "" for member in fleet.members.values()]
        assert {name for name, pid in pids.items() if pid != os.getpid()} == set(placed)
        assert not any(pid != os.getpid() and is_alive(pid or 0) for pid in pids.values())
        assert not any(is_listening(url) for url in urls)

    asyncio.run(main())


def test_a_remote_server_is_reached_at_its_url(tmp_path: Path) -> None:
    async def main() -> None:
        async with Fleet(notebook_config(tmp_path), is_served=True) as far:
            config = notebook_config(tmp_path)
            remote = replace(
                config.instances["notebook"], placement="remote", folder=None, url=far.members["notebook"].url
            )
            config = replace(config, instances={**config.instances, "notebook": remote})
            async with Fleet(config) as fleet:
                assert fleet.members["notebook"].pid is None
                verified = await fleet.wiring.agents["agent"].run(row("a"), RolloutContext("0-0"))
                assert verified["reward"] == 1.0

    asyncio.run(main())


def test_servers_are_started_before_and_stopped_after_everything(tmp_path: Path) -> None:
    async def main() -> None:
        async with Fleet(life_config(tmp_path, "a", "b"), is_served=True) as fleet:
            assert diary(tmp_path) == ["a started", "b started"]
            async with aiohttp.ClientSession() as session:
                await session.post(f"{fleet.members['a'].url}/seed_session", json={"_ng_rollout_id": "open"})
        assert diary(tmp_path)[2:] == ["a closed open", "a stopped", "b stopped"]

    asyncio.run(main())


def test_sessions_that_were_left_open_in_process_are_closed_at_the_end(tmp_path: Path) -> None:
    async def main() -> None:
        config = life_config(tmp_path, "a")
        async with Fleet(config) as fleet, fleet.wiring.resources_servers["a"].attach(RolloutContext("open")):
            pass
        assert diary(tmp_path) == ["a started", "a closed open", "a stopped"]
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())


def test_what_stopping_raises_is_logged_and_the_others_are_stopped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with Fleet(life_config(tmp_path, "a", "b", a={"stop_problem": "disk full"})):
            pass

    with caplog.at_level(logging.WARNING):
        asyncio.run(main())
    assert diary(tmp_path)[2:] == ["a stopped", "b stopped"]
    assert "a: stop raised OSError: disk full" in caplog.text


# Fleets that cannot come up


def test_a_server_that_cannot_start_stops_those_that_did(tmp_path: Path) -> None:
    async def main() -> None:
        config = life_config(tmp_path, "a", "b", "c", b={"start_problem": "no database"})
        fleet = Fleet(config, is_served=True)
        with pytest.raises(ConfigError, match=r"^b\.yaml:1: b cannot start: OSError: no database \(.*app\.py:\d+\)"):
            await fleet.start()
        assert diary(tmp_path) == ["a started", "a stopped"]
        assert fleet.members == {}

    asyncio.run(main())


def test_a_taken_port_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    async def main() -> None:
        with bind_in_range("127.0.0.1", 20001, 30000, (), "test") as taken:
            port = taken.getsockname()[1]
            config = notebook_config(tmp_path, notebook="process")
            policy = replace(config.instances["policy"], port=port)
            fleet = Fleet(replace(config, instances={**config.instances, "policy": policy}))
            with pytest.raises(ConfigError, match=rf"^policy\.yaml:1: policy: port {port} on 127\.0\.0\.1 is taken"):
                await fleet.start()

    asyncio.run(main())


def test_ports_stay_in_the_range_and_off_those_that_others_claim(tmp_path: Path) -> None:
    async def main() -> None:
        config = notebook_config(tmp_path)
        agent = replace(config.instances["agent"], port=23003)
        config = replace(
            config,
            instances={**config.instances, "agent": agent},
            settings={"port_range_low": 23001, "port_range_high": 23004, "disallowed_ports": [23002]},
        )
        async with Fleet(config, is_served=True) as fleet:
            assert fleet.members["agent"].port == 23003
            assert {fleet.members[name].port for name in ("notebook", "policy")} == {23001, 23004}

    asyncio.run(main())


counts_children = pytest.mark.skipif(
    not Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").exists(), reason="counts children as Linux lists them"
)


@counts_children
def test_a_process_that_fails_at_import_stops_its_siblings_and_shows_its_last_output(tmp_path: Path) -> None:
    async def main() -> None:
        before = _children()
        config = notebook_config(tmp_path, notebook="process", policy="process")
        write(tmp_path, "resources_servers/notebook/app.py", "print('so far so good')\nimport no_such_package\n")
        fleet = Fleet(config)
        with pytest.raises(ConfigError) as caught:
            await fleet.start()
        text = str(caught.value)
        assert text.startswith("notebook.yaml:1: the process of notebook ended with status 2:\n")
        assert "so far so good" in text
        assert "notebook.yaml:1: resources_servers/notebook/app.py cannot be imported: ModuleNotFoundError" in text
        assert "Traceback" not in text
        assert _children() == before

    asyncio.run(main())


@counts_children
def test_a_start_that_is_cancelled_leaves_nothing_running(tmp_path: Path) -> None:
    async def main() -> None:
        before = _children()
        config = notebook_config(tmp_path, notebook="process", policy="process")
        write(tmp_path, "resources_servers/notebook/app.py", "import time\ntime.sleep(600)\n")
        fleet = Fleet(config)
        starting = asyncio.create_task(fleet.start())
        while len(_children()) < len(before) + 2:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        assert _children() == before

    asyncio.run(main())


def _children() -> list[int]:
    """Our child processes that run."""
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    return [int(pid) for pid in children if is_alive(int(pid))]


def test_a_fleet_that_is_made_has_its_servers_and_starts_none(tmp_path: Path) -> None:
    async def run() -> None:
        fleet = Fleet(notebook_config(tmp_path))
        assert fleet.embedded == {}
        fleet.construct()
        assert set(fleet.embedded) == {"agent", "notebook", "policy"}
        assert all(member.started_at is None for member in fleet.members.values())
        await fleet.stop()

    asyncio.run(run())


def test_starting_goes_on_where_it_was_and_starts_nothing_twice(tmp_path: Path) -> None:
    async def run() -> None:
        fleet = Fleet(notebook_config(tmp_path, notebook="process"))
        await fleet.start_embedded()
        assert fleet.members["notebook"].process is None
        started = fleet.members["policy"].started_at
        await fleet.start()
        process = fleet.members["notebook"].process
        await fleet.start()
        assert fleet.members["policy"].started_at == started
        assert process is not None and fleet.members["notebook"].process is process
        result = await fleet.wiring.agents["agent"].run(row("a b"), RolloutContext("0-0"))
        assert result["reward"] == 1.0
        await fleet.stop()

    asyncio.run(run())
