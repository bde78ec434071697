import asyncio
from pathlib import Path
from typing import Any

import pytest

from polygym.config.load import load_config
from polygym.fleet.fleet import Fleet
from polygym.protocol.calls import RolloutContext
from polygym.protocol.errors import ConfigError
from polygym.protocol.failures import RolloutFailure

ROW = {"responses_create_params": {"input": "count"}, "start": 2, "expected": 8}
ANSWER = {
    "id": "resp_1",
    "created_at": 1,
    "model": "m",
    "object": "response",
    "output": [
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "done", "annotations": []}],
        }
    ],
}


def fleet_of(root: Path, **fields: Any) -> Fleet:
    server = {"entrypoint": "app.py", "domain": "games", "step": 3, **fields}
    initial = {"counter": {"resources_servers": {"counter": server}}}
    return Fleet(load_config(initial=initial, search_dirs=[root], cwd=root))


@pytest.mark.parametrize("placement", ["embedded", "process"])
def test_an_environment_written_for_nemo_gym_keeps_rollouts_apart_and_scores_them(root: Path, placement: str) -> None:
    async def rollout(fleet: Fleet, index: int) -> tuple[str, float]:
        resources = fleet.wiring.resources_servers["counter"]
        async with resources.open(ROW, RolloutContext(f"{index}-0")) as session:
            result = await session.call_tool("add", {"times": index})
            return result.output, (await session.verify(ANSWER))["reward"]

    async def main() -> list[tuple[str, float]]:
        async with fleet_of(root, placement=placement) as fleet:
            return await asyncio.gather(*(rollout(fleet, index) for index in (1, 2, 3)))

    assert asyncio.run(main()) == [('{"count":5}', 0.0), ('{"count":8}', 1.0), ('{"count":11}', 0.0)]


def test_a_tool_that_raises_tells_the_model_what(root: Path) -> None:
    async def main() -> tuple[str, bool]:
        async with (
            fleet_of(root) as fleet,
            fleet.wiring.resources_servers["counter"].open(ROW, RolloutContext("0-0")) as session,
        ):
            result = await session.call_tool("add", {"times": -1})
            return result.output, result.is_error

    output, is_error = asyncio.run(main())
    assert is_error and "only upwards" in output


def test_a_row_that_does_not_fit_is_a_failure_of_seeding(root: Path) -> None:
    async def main() -> None:
        async with fleet_of(root) as fleet:
            row = {"responses_create_params": {"input": "count"}}
            async with fleet.wiring.resources_servers["counter"].open(row, RolloutContext("0-0")):
                pass

    with pytest.raises(RolloutFailure, match="start") as caught:
        asyncio.run(main())
    assert caught.value.failure_class == "seed_error"


def test_a_wrong_field_is_named_before_anything_starts(root: Path) -> None:
    async def main() -> None:
        async with fleet_of(root, step="many"):
            pass

    with pytest.raises(ConfigError, match="step"):
        asyncio.run(main())
