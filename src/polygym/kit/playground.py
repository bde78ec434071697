"""Scripted rollouts of a real environment: its agent and resources server, the engine, and a policy that plays scripts.

Everything lives in this process; nothing outside is called.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from polygym.fleet.fleet import Fleet
from polygym.kit.environment import Environment, load_environment
from polygym.kit.scripted_model import Playing, ScriptedModel, StandIn, StandInModel
from polygym.kit.scripts import Script, ScriptError, Turn
from polygym.protocol.failures import RolloutFailure, failure_from_json
from polygym.protocol.json import JsonObject
from polygym.protocol.rollouts import FAILURE_CLASS, rollout_id
from polygym.protocol.tasks import AGENT_REF, TASK_INDEX
from polygym.rollouts.engine import LaneSettings, RetryPolicy
from polygym.rollouts.lanes import configured_lanes
from polygym.rollouts.stream import RolloutStream, StreamSettings
from polygym.servers.resources import ResourcesServer

Turns = Script | Iterable[Turn] | str | Playing
"""What can be played: a script, a list of turns, one answer, or whoever says what the turns are."""

_NO_WAITING: Final = RetryPolicy(wait_for_model_s=0, wait_for_environment_s=0)


class Outcome(NamedTuple):
    """How a scripted rollout ended."""

    record: JsonObject
    """As `Gym.run` gives it: the row with `response` and `reward`, or with `_ng_failure_class` and no reward."""
    script_error: ScriptError | None
    """Why the script could not be played on, if that is how it ended."""

    @property
    def reward(self) -> float | None:
        """The reward; None for a failure."""
        return self.record.get("reward")

    @property
    def failure(self) -> RolloutFailure | None:
        """What failed, if there is no reward."""
        return failure_from_json(self.record) if FAILURE_CLASS in self.record else None


class Playground:
    """An environment brought up: `async with Playground(environment) as playground: await playground.play(row, …)`.

    Raises ConfigError when it cannot be brought up.
    """

    def __init__(self, environment: Environment, *, stand_ins: Mapping[str, StandIn] | None = None) -> None:
        """Set it up; `stand_ins` answer for model servers, by instance name, before those of reference.py."""
        self.environment = environment
        self._fleet = Fleet(environment.config)
        self._stand_ins = {**environment.stand_ins, **(stand_ins or {})}
        self._model = ScriptedModel(environment.policy, self._fleet.wiring)
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Self:
        self._fleet.construct()
        if self.environment.policy not in self._fleet.wiring.models:
            self._fleet.wiring.connect_embedded(self._model)
        for name in self.environment.models | self._stand_ins.keys():
            model = StandInModel(name, self._stand_ins.get(name), self._fleet.wiring)
            self._fleet.wiring.connect_embedded(model)
        await self._fleet.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._fleet.stop()

    @property
    def server(self) -> ResourcesServer[Any, Any]:
        """The resources server."""
        server = self._fleet.embedded[self.environment.server.name]
        assert isinstance(server, ResourcesServer)
        return server

    async def play(self, row: JsonObject, turns: Turns) -> JsonObject:
        """The verified row of one rollout. Raises ScriptError, or RolloutFailure for a rollout without a reward."""
        (outcome,) = await self.play_all([(row, turns)])
        if outcome.script_error is not None:
            raise outcome.script_error
        if outcome.failure is not None:
            raise outcome.failure
        return outcome.record

    async def play_all(
        self, plays: Sequence[tuple[JsonObject, Turns]], *, concurrency: int = 1, pace: Random | None = None
    ) -> list[Outcome]:
        """The outcomes of rollouts, in order; `concurrency` of them are under way at once.

        `pace` makes them take turns in a shuffled order.
        """
        async with self._turn:
            playing = [turns if isinstance(turns, Playing) else Playing(turns) for _, turns in plays]
            self._model.playing = {rollout_id(index, 0): each for index, each in enumerate(playing)}
            self._model.pace = pace
            try:
                records = await self._records([row for row, _ in plays], concurrency)
            finally:
                for each in playing:
                    each.close()
                self._model.playing = {}
        return [Outcome(record, each.error) for record, each in zip(records, playing, strict=True)]

    async def run_policy(self, rows: Sequence[JsonObject], *, concurrency: int = 1) -> list[Outcome]:
        """As `play_all`, with the policy that the environment was loaded with in place of scripts."""
        async with self._turn:
            return [Outcome(record, None) for record in await self._records(rows, concurrency)]

    async def _records(self, rows: Sequence[JsonObject], concurrency: int) -> list[JsonObject]:
        agent = self.environment.agent
        tasks = [{key: value for key, value in row.items() if key != AGENT_REF} for row in rows]
        limits = configured_lanes(self.environment.config)[agent]
        lane = LaneSettings(timeout_s=limits.timeout_s, stage_timeouts_s=limits.stage_timeouts_s, max_attempts=1)
        settings = StreamSettings(
            concurrency=concurrency, ahead=len(rows) + 1, lanes={agent: lane}, retries=_NO_WAITING
        )
        stream = RolloutStream({agent: self._fleet.wiring.agents[agent]}, settings)
        records = [record async for record in stream.rollouts(tasks, 1, agent)]
        return sorted(records, key=lambda record: int(record[TASK_INDEX]))


def play(
    environment: Environment | str | Path,
    row: JsonObject,
    turns: Turns,
    *,
    stand_ins: Mapping[str, StandIn] | None = None,
) -> JsonObject:
    """The verified row of one rollout of `row`, in which the model plays `turns`; not from async code.

    `environment` is a name, a folder, a config file or what `load_environment` gave. `stand_ins` answer for model
    servers other than the policy, by instance name, before those of reference.py. Raises ScriptError when script and
    rollout don't fit together, RolloutFailure when the rollout has no reward, ConfigError when the environment cannot
    be loaded.
    """
    loaded = (
        environment if isinstance(environment, Environment) else load_environment(environment, models=stand_ins or ())
    )

    async def run() -> JsonObject:
        async with Playground(loaded, stand_ins=stand_ins) as playground:
            return await playground.play(row, turns)

    return asyncio.run(run())
