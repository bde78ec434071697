"""`python -m polygym.kit.elsewhere`: plays the reference on rows from standard input, for a checker in another process.

Standard output gets what the checker compares, as one JSON list.
"""

import asyncio
import sys

from polygym.kit.checks.subject import comparable
from polygym.kit.environment import load_environment
from polygym.kit.playground import Playground
from polygym.protocol.json import JsonObject, dumps, loads


async def play_reference(order: JsonObject) -> list[JsonObject]:
    """The comparable parts of a rollout of each row of an order."""
    environment = load_environment(order["environment"], search_dirs=order["search_dirs"])
    async with Playground(environment) as playground:
        outcomes = await playground.play_all([(row, environment.solve(row)) for row in order["rows"]])
    return [comparable(outcome) for outcome in outcomes]


if __name__ == "__main__":
    sys.stdout.buffer.write(dumps(asyncio.run(play_reference(loads(sys.stdin.buffer.read())))))
