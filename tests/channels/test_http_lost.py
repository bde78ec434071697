import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from polygym import RolloutFailure
from polygym.channels.answers import json_response
from polygym.channels.http import HttpModel, HttpResources
from polygym.fleet.fleet import Fleet
from polygym.protocol.calls import RolloutContext
from polygym.protocol.failures import FailureClass, Stage
from polygym.protocol.json import JsonObject
from tests.channels.loopback import http_endpoint, raw_endpoint, unused_url
from tests.channels.test_http import connected
from tests.fleet.components import notebook_config
from tests.servers.notebook import row

# Servers that are lost


def test_a_server_that_is_not_there_is_a_lost_environment_at_the_stage_of_the_call() -> None:
    async def main() -> None:
        url = await unused_url()
        async with connected(url) as connection:
            with pytest.raises(RolloutFailure, match=f"env: no answer from {url}/v1/responses") as caught:
                await HttpModel(connection).responses({"input": "a"}, RolloutContext("0-0"))
            assert (caught.value.failure_class, caught.value.stage) == (FailureClass.ENVIRONMENT_LOST, Stage.MODEL)
            assert caught.value.is_retryable

    asyncio.run(main())


def test_a_server_that_hangs_up_is_a_lost_environment_and_closing_does_not_hide_it() -> None:
    async def main() -> None:
        async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            return

        async with raw_endpoint(hang_up) as url, connected(url) as connection:
            for path in ("/run", "/v1/responses"):
                with pytest.raises(RolloutFailure) as caught:
                    await connection.post(path, {}, RolloutContext("0-0"), Stage.ROLLOUT)
                assert caught.value.failure_class is FailureClass.ENVIRONMENT_LOST

        async def seeds_only(request: web.Request) -> web.StreamResponse:
            if request.path == "/seed_session":
                return json_response({})
            assert request.transport is not None
            request.transport.abort()
            return web.Response()

        async with http_endpoint(seeds_only) as url, connected(url) as connection:
            with pytest.raises(RolloutFailure) as caught:
                async with HttpResources(connection).open(row("a"), RolloutContext("0-0")) as session:
                    await session.call_tool("look", {})
            assert (caught.value.failure_class, caught.value.stage) == (FailureClass.ENVIRONMENT_LOST, Stage.TOOL)

    asyncio.run(main())


# An environment in a process of its own, its agent and model here


def test_the_same_rollouts_come_out_of_an_environment_in_its_own_process(tmp_path: Path) -> None:
    async def play(**placements: Any) -> list[Any]:
        async with Fleet(notebook_config(tmp_path, **placements)) as fleet:
            contexts = [RolloutContext(f"{index}-0") for index in range(20)]
            answers = await asyncio.gather(
                *(fleet.wiring.agents["agent"].run(row(f"{index} ünd {index}"), contexts[index]) for index in range(20))
            )
            durations = [{stage: len(times) for stage, times in context.durations_s.items()} for context in contexts]
        return [_comparable(verified) for verified in answers] + durations

    async def main() -> None:
        embedded = await play()
        assert await play(notebook="process") == embedded
        assert all(entry["reward"] == 1.0 for entry in embedded[:20])

    asyncio.run(main())


def _comparable(verified: JsonObject) -> JsonObject:
    """A verified row without what is new in every rollout."""
    items = [
        {key: value for key, value in item.items() if key not in ("id", "call_id")}
        for item in verified["response"]["output"]
    ]
    return {**verified, "response": items}


def test_rollouts_of_a_killed_environment_are_lost_and_not_stuck(tmp_path: Path) -> None:
    async def main() -> None:
        async with Fleet(notebook_config(tmp_path, notebook="process")) as fleet:
            process = fleet.members["notebook"].process
            assert process is not None and process.pid is not None
            resources = fleet.wiring.resources_servers["notebook"]
            async with resources.open(row("a"), RolloutContext("0-0")) as session:
                os.kill(process.pid, signal.SIGKILL)
                assert await process.wait() == -signal.SIGKILL
                with pytest.raises(RolloutFailure) as caught:
                    await session.call_tool("write", {"text": "a"})
            assert (caught.value.failure_class, caught.value.stage) == (FailureClass.ENVIRONMENT_LOST, Stage.TOOL)

            with pytest.raises(RolloutFailure) as caught:
                await fleet.wiring.agents["agent"].run(row("a"), RolloutContext("0-1"))
            assert (caught.value.failure_class, caught.value.stage) == (FailureClass.ENVIRONMENT_LOST, Stage.SEED)

    asyncio.run(main())
