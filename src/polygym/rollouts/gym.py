"""The gym as a Python object: open it from configuration, run tasks, take finished rollouts as they come.

`Gym` is for async code; `PlainGym` does the same for scripts and notebooks, on an event loop in a thread of its own.
"""

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterable, Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from polygym.config.components import ComponentKind, Selector
from polygym.config.load import load_config
from polygym.config.model import RunConfig
from polygym.fleet.fleet import Fleet
from polygym.protocol.calls import Agent
from polygym.protocol.json import JsonObject
from polygym.rollouts.lanes import configured_lanes
from polygym.rollouts.stream import RolloutStream, StreamSettings
from polygym.servers.base import Server

ResultT = TypeVar("ResultT")
Tasks = Iterable[JsonObject] | AsyncIterable[JsonObject]


def configure(
    config_paths: Sequence[str] = (),
    *,
    environments: Sequence[str] = (),
    benchmarks: Sequence[str] = (),
    resources_servers: Sequence[str] = (),
    model_type: str | None = None,
    agent_type: str | None = None,
    overrides: Sequence[str] = (),
    search_dirs: Sequence[str | Path] = (),
    settings: JsonObject | None = None,
) -> RunConfig:
    """A configuration, as the command line makes one of the options of the same names.

    `settings` are top-level values such as `{"policy_model_name": "…", "policy_base_url": "…"}`. Raises ConfigError.
    """
    named: list[tuple[ComponentKind, str]] = [
        *(("environment", name) for name in environments),
        *(("benchmark", name) for name in benchmarks),
        *(("resources-server", name) for name in resources_servers),
        *((("model-type", model_type),) if model_type else ()),
        *((("agent-type", agent_type),) if agent_type else ()),
    ]
    return load_config(
        config_paths=config_paths,
        selectors=[Selector(kind, name) for kind, name in named],
        overrides=overrides,
        search_dirs=search_dirs,
        settings=settings,
    )


class Gym:
    """The servers of a configuration, brought up: `async with Gym(configure(...)) as gym`."""

    def __init__(self, config: RunConfig, settings: StreamSettings | None = None) -> None:
        self.config = config
        settings = settings or StreamSettings()
        self._settings = replace(settings, lanes={**configured_lanes(config), **settings.lanes})
        self._fleet = Fleet(config)

    async def __aenter__(self) -> Self:
        await self._fleet.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._fleet.stop()

    @property
    def agents(self) -> Mapping[str, Agent]:
        """The agents that tasks may name, by instance name."""
        return self._fleet.wiring.agents

    @property
    def embedded(self) -> Mapping[str, Server]:
        """The servers of this process, by instance name: a trainer finds the one that holds its policy here."""
        return self._fleet.embedded

    def run(self, tasks: Tasks, *, num_repeats: int = 1, agent: str | None = None) -> AsyncGenerator[JsonObject, None]:
        """Rollout records in the order in which rollouts end; plain dicts, the caller's own.

        A record has `rollout_state`: `scored` and `masked` ones have `reward` and `response`, `failed` and `unresolved`
        ones `_ng_failure_class` and no reward. `tasks` may be endless; no more are taken than the consumer keeps up
        with. Closing the iterator cancels what is in flight. `agent` runs tasks that name none. Raises InputError for a
        task that cannot be run.
        """
        return RolloutStream(self.agents, self._settings).rollouts(tasks, num_repeats, agent)

    def run_groups(
        self, tasks: Tasks, *, num_repeats: int, agent: str | None = None
    ) -> AsyncGenerator[list[JsonObject], None]:
        """As `run`, the records of a task together, by repeat, when the last has ended; failed members included.

        `polygym.read_group(group)` gives statistics over the scored members.
        """
        return RolloutStream(self.agents, self._settings).groups(tasks, num_repeats, agent)


_END: Final = object()


class PlainGym:
    """`Gym` without async: `with PlainGym(configure(...)) as gym: for rollout in gym.run(tasks): …`."""

    def __init__(self, config: RunConfig, settings: StreamSettings | None = None) -> None:
        self._gym = Gym(config, settings)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="polygym", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._do(self._gym.__aenter__())
        except BaseException:
            self._end_loop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._do(self._gym.__aexit__(kind, error, trace))
        finally:
            self._end_loop()

    @property
    def embedded(self) -> Mapping[str, Server]:
        """As `Gym.embedded`."""
        return self._gym.embedded

    def run(
        self, tasks: Iterable[JsonObject], *, num_repeats: int = 1, agent: str | None = None
    ) -> Iterator[JsonObject]:
        """As `Gym.run`. Rollouts go on while the caller works on one, as far as they may be ahead."""
        return self._iterate(self._gym.run(tasks, num_repeats=num_repeats, agent=agent))

    def run_groups(
        self, tasks: Iterable[JsonObject], *, num_repeats: int, agent: str | None = None
    ) -> Iterator[list[JsonObject]]:
        """As `Gym.run_groups`."""
        return self._iterate(self._gym.run_groups(tasks, num_repeats=num_repeats, agent=agent))

    def _iterate(self, source: AsyncGenerator[ResultT, None]) -> Iterator[ResultT]:
        async def advance() -> Any:
            return await anext(source, _END)

        async def close() -> None:
            await source.aclose()

        try:
            while (item := self._do(advance())) is not _END:
                yield item
        finally:
            self._do(close())

    def _do(self, work: Coroutine[Any, Any, ResultT]) -> ResultT:
        """Run something on the loop's thread and wait for it; Ctrl-C while waiting cancels it."""
        ended = threading.Event()

        async def watched() -> ResultT:
            try:
                return await work
            finally:
                ended.set()

        future = asyncio.run_coroutine_threadsafe(watched(), self._loop)
        try:
            return future.result()
        except KeyboardInterrupt:
            future.cancel()
            ended.wait()
            raise

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
