"""Rows of an environment's generator: drawn from a seed, checked, no two alike."""

import asyncio
from collections.abc import Iterator
from hashlib import blake2b
from itertools import count as count_from
from pathlib import Path
from random import Random
from typing import Any, Final, Self

from polygym.channels.embedded import EmbeddedResources
from polygym.fleet.loader import make_instance, register_roots
from polygym.fleet.wiring import Wiring
from polygym.kit.environment import Environment, RowMaker, load_environment
from polygym.protocol.calls import RolloutContext
from polygym.protocol.errors import ConfigError, InputError
from polygym.protocol.failures import RolloutFailure, describe
from polygym.protocol.json import JsonObject, dumps, loads
from polygym.protocol.tasks import AGENT_REF, PARAMS, TOOLS, parse_task
from polygym.rollouts.keys import Numbering
from polygym.servers.resources import ResourcesServer

DRAWS: Final = 100
"""Draws in a row that may repeat earlier rows before there are taken to be no more distinct ones."""
NUMBERING_FIELDS: Final = frozenset({"id", "uid", "uuid", "index", "task_id"})
"""Fields in which two rows may differ and still be the same task."""


def generate_rows(
    environment: Environment | str | Path, count: int, seed: int = 0, difficulty: float = 0.5
) -> list[JsonObject]:
    """As `iterate_rows`, in a list."""
    return list(iterate_rows(environment, count, seed, difficulty))


def iterate_rows(
    environment: Environment | str | Path, count: int, seed: int = 0, difficulty: float = 0.5
) -> Iterator[JsonObject]:
    """`count` distinct rows of an environment's `make_row`, checked, with the tools that the environment offers.

    Row `index` depends on `seed`, `index` and `difficulty` (0 to 1), whatever `count` is; a row that repeats an earlier
    one is drawn again. Raises ConfigError for an environment without a generator, or one that makes rows it cannot
    take; InputError when there are no more distinct rows.
    """
    with Generator(environment if isinstance(environment, Environment) else load_environment(environment)) as generator:
        yield from generator.rows(count, seed, difficulty)


class Generator:
    """An environment's `make_row`, and the tools for its rows: `with Generator(environment) as generator: …`."""

    def __init__(self, environment: Environment) -> None:
        """Take it up. Raises ConfigError when there is none."""
        self.make_row: RowMaker = environment.make_row
        self.place = environment.folder / "generate.py"
        self.tools = _Tools(environment)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.tools.close()

    def rows(self, count: int, seed: int, difficulty: float) -> Iterator[JsonObject]:
        """As `iterate_rows`."""
        if count < 0:
            raise InputError(f"{count} rows cannot be generated; give a number of 0 or more.")
        if not 0.0 <= difficulty <= 1.0:
            raise InputError(f"difficulty {difficulty} is not between 0.0 and 1.0.")
        source = _Source(self, seed, difficulty)
        return (source.next_row(index) for index in range(count))


class _Source:
    """The rows of one environment, seed and difficulty, in order."""

    def __init__(self, generator: Generator, seed: int, difficulty: float) -> None:
        self._make_row = generator.make_row
        self._place = generator.place
        self._tools = generator.tools
        self._seed = seed
        self._difficulty = difficulty
        self._numbering = Numbering()

    def next_row(self, index: int) -> JsonObject:
        """Row `index`; to be called with 0, 1, 2 and so on."""
        for draw in count_from():
            row = self._draw(index, draw)
            if self._is_new(row):
                return self._checked(row, index)
            if draw + 1 == DRAWS:
                break
        raise InputError(
            f"{self._place}: {DRAWS} draws in a row have repeated earlier rows: after {index} rows of seed {self._seed}"
            f" and difficulty {self._difficulty} there are no more distinct ones. Ask for fewer."
        )

    def _draw(self, index: int, draw: int) -> JsonObject:
        rng = Random(f"{self._seed}:{index}:{draw}")  # seeds with the text's digest, the same in every process
        try:
            made = self._make_row(index, rng, self._difficulty)
        except Exception as error:
            raise ConfigError(f"{self._place}: make_row({index}, …) raised {describe(error)}") from error
        if not isinstance(made, dict):
            raise ConfigError(f"{self._place}: make_row({index}, …) gave a {type(made).__name__}, not a row (a dict).")
        try:
            row: JsonObject = loads(dumps(made))
        except TypeError as error:
            raise ConfigError(f"{self._place}: make_row({index}, …) gave a row that is no JSON: {error}") from error
        return row

    def _is_new(self, row: JsonObject) -> bool:
        told_apart = {key: value for key, value in row.items() if key not in NUMBERING_FIELDS}
        digest = blake2b(dumps(told_apart), digest_size=8).digest()
        known = len(self._numbering)
        return self._numbering.number(int.from_bytes(digest)) == known

    def _checked(self, row: JsonObject, index: int) -> JsonObject:
        origin = f"{self._place}: make_row({index}, …)"
        try:
            parse_task(row, index=index, origin=origin)
            self._tools.server.task_of(row)
        except InputError as error:
            message = str(error) if str(error).startswith(origin) else f"{origin}: {error}"
            raise ConfigError(message) from error
        if AGENT_REF in row:
            raise ConfigError(f"{origin}: the row has an '{AGENT_REF}'; leave it out, whoever runs the row chooses.")
        if TOOLS not in row[PARAMS] and (tools := self._offered(row, origin)):
            row[PARAMS][TOOLS] = tools
        return row

    def _offered(self, row: JsonObject, origin: str) -> list[JsonObject]:
        try:
            return self._tools.of(row)
        except RolloutFailure as failure:
            raise ConfigError(f"{origin}: no session can be seeded for the row: {failure.message}") from failure


def _resources_server(environment: Environment) -> ResourcesServer[Any, Any]:
    """The environment's server, made and not started."""
    register_roots(environment.config.roots)
    server = make_instance(environment.server, Wiring())
    assert isinstance(server, ResourcesServer)
    return server


class _Tools:
    """What rollouts of single rows offer the model."""

    def __init__(self, environment: Environment) -> None:
        self.server = _resources_server(environment)
        self._is_chosen = type(self.server).offered_tools is not ResourcesServer.offered_tools
        self._runner: asyncio.Runner | None = None

    def of(self, row: JsonObject) -> list[JsonObject]:
        """The tools for `row`: a session is seeded where the environment chooses them by task."""
        if not self._is_chosen:
            return self.server.tool_definitions()
        if self._runner is None:
            self._runner = asyncio.Runner()
            self._runner.run(self.server.start())
        return self._runner.run(self._offered(row))

    async def _offered(self, row: JsonObject) -> list[JsonObject]:
        async with EmbeddedResources(self.server).open(row, RolloutContext("0-0")) as session:
            tools: list[JsonObject] = session.seed.get(TOOLS) or []
            return tools

    def close(self) -> None:
        """Stop the server, if it was started."""
        if self._runner is not None:
            self._runner.run(self.server.stop())
            self._runner.close()
            self._runner = None
