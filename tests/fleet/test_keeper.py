import asyncio
import json
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from polygym.fleet.fleet import Fleet
from polygym.fleet.keeper import KeepPolicy
from polygym.protocol.calls import RolloutContext
from polygym.protocol.failures import RolloutFailure
from polygym.rollouts.collect import Collection, CollectRequest
from polygym.rollouts.engine import RetryPolicy
from polygym.rollouts.plan import InputFile, PlanRequest
from tests.fleet.components import is_alive, notebook_config
from tests.servers.notebook import row

QUICK = KeepPolicy(first_delay_s=0.05, ask_every_s=0.1, silence_s=2.0)


async def until(condition: Callable[[], Awaitable[bool]], limit_s: float = 40.0) -> None:
    async with asyncio.timeout(limit_s):
        while not await condition():  # noqa: ASYNC110 - it asks another process
            await asyncio.sleep(0.05)


async def can_run(fleet: Fleet) -> bool:
    try:
        verified = await fleet.wiring.agents["agent"].run(row("x"), RolloutContext("0-0"))
    except RolloutFailure as failure:
        if failure.failure_class != "environment_lost":
            raise
        return False
    return "reward" in verified


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_process_that_dies_or_hangs_is_brought_back_at_its_address(tmp_path: Path, how: signal.Signals) -> None:
    async def go() -> None:
        async with Fleet(notebook_config(tmp_path, notebook="process"), keeping=QUICK) as fleet:
            member = fleet.members["notebook"]
            url, pid = member.url, member.pid
            assert pid is not None and await can_run(fleet)
            os.kill(pid, how)

            async def has_come_back() -> bool:
                return member.pid != pid and member.process is not None and not member.process.has_ended

            await until(has_come_back)
            await until(lambda: can_run(fleet))
            assert (member.url, member.is_lost) == (url, False)
            assert not is_alive(pid)

    asyncio.run(go())


def test_a_process_that_does_not_stay_up_is_given_up(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def go() -> None:
        keeping = KeepPolicy(max_restarts=2, first_delay_s=0.01, ask_every_s=0.1)
        async with Fleet(notebook_config(tmp_path, notebook="process"), keeping=keeping) as fleet:
            member = fleet.members["notebook"]
            (tmp_path / "resources_servers" / "notebook" / "app.py").write_text("raise OSError('no disk')")
            assert member.pid is not None
            os.kill(member.pid, signal.SIGKILL)

            async def is_lost() -> bool:
                return member.is_lost

            await until(is_lost)
            assert not await can_run(fleet)

    asyncio.run(go())
    assert "notebook: lost. Its process did not stay up after 2 restarts." in caplog.text
    assert "no disk" in caplog.text


def test_a_run_survives_the_death_of_one_of_its_environments(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text(json.dumps({**row("x"), "agent_ref": {"name": "agent"}}) + "\n")
    plan = PlanRequest([InputFile(source)], ["agent"], num_repeats=60)
    retries = RetryPolicy(first_delay_s=0.05, first_probe_s=0.1)
    request = CollectRequest(plan, tmp_path / "out.jsonl", concurrency=4, retries=retries)

    async def go() -> Any:
        async with Fleet(notebook_config(tmp_path, notebook="process"), keeping=QUICK) as fleet:
            with Collection(request) as collection:
                running = asyncio.create_task(collection.run(fleet.wiring.agents))

                async def has_begun() -> bool:
                    return collection.progress.done >= 10

                await until(has_begun)
                pid = fleet.members["notebook"].pid
                assert pid is not None
                os.kill(pid, signal.SIGKILL)
                await running
                return collection.progress

    progress = asyncio.run(go())
    assert (progress.done, progress.failed) == (60, 0)
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert sorted(one["_ng_rollout_index"] for one in rows) == list(range(60))
