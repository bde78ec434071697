import asyncio
import logging
import time
from typing import Any

import pytest

from polygym import (
    ResourcesServer,
    ResourcesServerConfig,
    RolloutFailure,
    RolloutView,
    Session,
    TaskFields,
    blocking,
    tool,
)
from polygym.channels.embedded import EmbeddedResources
from polygym.protocol.calls import RolloutContext
from polygym.protocol.responses import new_response


class Slow(ResourcesServer[TaskFields, dict[str, Any]]):
    @tool
    async def wait(self, seconds: float) -> str:
        """Wait."""
        await asyncio.sleep(seconds)
        return "waited"

    @tool
    async def compute(self, seconds: float) -> str:
        """Give way once, then compute without giving way."""
        await asyncio.sleep(0)
        time.sleep(seconds)  # noqa: ASYNC251 - this is the fault
        return "computed"

    @tool
    @blocking
    def read(self, seconds: float) -> str:
        """Block, in a thread."""
        time.sleep(seconds)
        return "read"

    def verify(self, rollout: RolloutView, session: Session[TaskFields, dict[str, Any]]) -> float:
        return 1.0


async def call(name: str, seconds: float, limit_s: float | None, server: str = "slow") -> str:
    resources = EmbeddedResources(Slow(server, ResourcesServerConfig(), None))  # type: ignore[arg-type]
    context = RolloutContext("0-0", limits_s={} if limit_s is None else {"tool": limit_s})
    async with resources.open({"responses_create_params": {"input": []}}, context) as session:
        return (await session.call_tool(name, {"seconds": seconds})).output


def test_a_call_that_takes_longer_than_its_stage_may_is_a_timeout() -> None:
    with pytest.raises(
        RolloutFailure, match=r"slow: tool took longer than 0\.05 s\. Raise stage_timeouts_s\.tool"
    ) as info:
        asyncio.run(call("wait", 30, 0.05))
    assert (info.value.failure_class, info.value.stage) == ("timeout", "tool")


def test_waiting_for_another_calls_block_is_not_billed() -> None:
    async def go() -> list[str]:
        return await asyncio.gather(call("wait", 0.1, 0.3), call("wait", 0.15, 0.3), call("compute", 0.5, None))

    assert asyncio.run(go()) == ["waited", "waited", "computed"]


def test_waiting_for_a_place_in_a_full_pool_is_not_billed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("polygym.servers.blocking.WORKERS", {"thread": 2, "process": 1})

    async def go() -> list[str]:
        return await asyncio.gather(*(call("read", 0.1, 0.4) for _ in range(16)))

    assert asyncio.run(go()) == ["read"] * 16


def test_who_blocks_the_loop_is_named_once(caplog: pytest.LogCaptureFixture) -> None:
    async def go() -> None:
        for _ in range(3):
            await call("compute", 0.15, None, server="culprit")
            await call("read", 0.15, None, server="bystander")

    with caplog.at_level(logging.WARNING, "polygym.blocking"):
        asyncio.run(go())
    assert [record.getMessage().split(" ms")[0].rsplit(" ", 1)[0] for record in caplog.records] == [
        "culprit, tool: blocked everything else for"
    ]


def test_durations_are_recorded_by_stage() -> None:
    async def go() -> dict[str, list[float]]:
        resources = EmbeddedResources(Slow("slow", ResourcesServerConfig(), None))  # type: ignore[arg-type]
        context = RolloutContext("0-0")
        async with resources.open({"responses_create_params": {"input": []}}, context) as session:
            await session.call_tool("wait", {"seconds": 0.02})
            await session.verify(new_response({}, [], model="m"))
        return context.durations_s

    durations = asyncio.run(go())
    assert {stage: len(seconds) for stage, seconds in durations.items()} == {"seed": 1, "tool": 1, "verify": 1}
    assert durations["tool"][0] >= 0.015
