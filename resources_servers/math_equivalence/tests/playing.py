"""Playing many rollouts of an environment at once."""

import asyncio
from collections.abc import Iterable
from typing import Any

from polygym import JsonObject
from polygym.kit import Environment, Playground


def play_all(environment: Environment, plays: Iterable[tuple[JsonObject, Any]]) -> list[JsonObject]:
    """The verified rows of many rollouts, several at a time."""

    async def run() -> list[JsonObject]:
        async with Playground(environment) as playground:
            outcomes = await playground.play_all(list(plays), concurrency=8)
        for outcome in outcomes:
            if outcome.failure is not None:
                raise outcome.failure
        return [outcome.record for outcome in outcomes]

    return asyncio.run(run())
