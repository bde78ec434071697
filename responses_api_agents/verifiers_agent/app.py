"""An agent that has an environment of the verifiers library play and score its own rollouts, with our policy."""

import asyncio
from importlib import import_module
from typing import Literal

from pydantic import Field

from polygym import (
    AgentServer,
    AgentServerConfig,
    FailureClass,
    JsonObject,
    ResourcesServerRef,
    ResourcesSession,
    RolloutContext,
    RolloutFailure,
    Stage,
)
from polygym.metrics.aggregate import aggregate
from polygym.protocol.errors import InputError
from polygym.protocol.tasks import PARAMS
from polygym.servers.resources import check_reward
from responses_api_agents.verifiers_agent.bridge import Bridge
from responses_api_agents.verifiers_agent.classic import ClassicEnvironment
from responses_api_agents.verifiers_agent.played import LibraryEnvironment
from responses_api_agents.verifiers_agent.recording import Recording
from responses_api_agents.verifiers_agent.tasksets import TasksetEnvironment

Split = Literal["train", "eval"]


class VerifiersAgentConfig(AgentServerConfig):
    """Which environment is played."""

    resources_server: ResourcesServerRef = ResourcesServerRef(name="none")
    """None: dataset, loop and rubric are the library's."""
    vf_env_id: str | None = None
    """Id of an installed environment or taskset; rows may name others."""
    vf_env_args: JsonObject = Field(default_factory=dict)
    """Its arguments: those of `load_environment`, or from verifiers 0.3 on the fields of its `env` configuration."""
    split: Split = "train"
    """Which dataset `task_idx` counts in, where an environment has two."""
    model_name: str = "policy"
    """What the library calls the model. The model server decides which one it is."""
    max_tokens: int | None = Field(default=None, ge=1)
    """Output tokens of a call, when the row says nothing."""
    temperature: float | None = None
    top_p: float | None = None


class VerifiersAgent(AgentServer):
    """The library's loop in place of one of ours. Each environment is loaded once."""

    config: VerifiersAgentConfig

    async def start(self) -> None:
        """Open the endpoint that the library calls."""
        self._bridge = Bridge()
        self._environments: dict[str, LibraryEnvironment] = {}
        self._loading = asyncio.Lock()
        await self._bridge.start()

    async def stop(self) -> None:
        """Close the environments and the endpoint."""
        for environment in self._environments.values():
            await environment.close()
        await self._bridge.stop()

    async def run(self, row: JsonObject, context: RolloutContext) -> JsonObject:
        """One rollout; the row with `response`, `reward`, `metrics`, and what the model was really asked.

        Raises RolloutFailure: the model server's own, else what the library's error means.
        """
        environment = await self._environment(row)
        model = self.directory.model(self.config.model_server)
        recording = Recording(model, row[PARAMS], context, self._defaults())
        try:
            played = await environment.play(row, recording, self._bridge)
        except InputError as error:
            raise RolloutFailure(FailureClass.SEED_ERROR, Stage.SEED, f"{self.name}: {error}") from error
        if played.problem is not None:
            raise recording.failure or played.problem.failure()
        return {
            **row,
            **played.fields,
            PARAMS: recording.params(),
            "response": recording.response(played.conversation),
            "reward": check_reward(played.reward),
            "metrics": played.metrics,
        }

    async def act(self, params: JsonObject, session: ResourcesSession, context: RolloutContext) -> JsonObject:
        """Not to be had: the library plays whole tasks."""
        message = f"{self.name} plays whole tasks: call /run with a row"
        raise RolloutFailure(FailureClass.AGENT_ERROR, Stage.AGENT, message)

    async def responses(self, params: JsonObject, context: RolloutContext) -> JsonObject:
        """Not to be had: the library plays whole tasks."""
        message = f"{self.name} plays whole tasks: call /run with a row"
        raise RolloutFailure(FailureClass.AGENT_ERROR, Stage.AGENT, message)

    async def aggregate_metrics(self, verify_responses: list[JsonObject]) -> JsonObject:
        """Statistics of rewards and metrics."""
        flat = [
            {**row, **{f"metrics/{name}": each for name, each in row.get("metrics", {}).items()}}
            for row in verify_responses
        ]
        return aggregate(flat)

    async def _environment(self, row: JsonObject) -> LibraryEnvironment:
        env_id = row.get("vf_env_id") or self.config.vf_env_id
        if not env_id:
            message = f"{self.name}: neither the row nor the configuration has a 'vf_env_id'"
            raise RolloutFailure(FailureClass.SEED_ERROR, Stage.SEED, message)
        async with self._loading:
            if env_id not in self._environments:
                loading = asyncio.to_thread(load_library_environment, env_id, self.config)
                try:
                    self._environments[env_id] = await loading
                except (Exception, SystemExit) as error:
                    message = f"{self.name}: {env_id} cannot be loaded: {type(error).__name__}: {error}"
                    raise RolloutFailure(FailureClass.SEED_ERROR, Stage.SEED, message) from error
        return self._environments[env_id]

    def _defaults(self) -> JsonObject:
        config = self.config
        given = {"max_output_tokens": config.max_tokens, "temperature": config.temperature, "top_p": config.top_p}
        return {name: value for name, value in given.items() if value is not None}


def load_library_environment(env_id: str, config: VerifiersAgentConfig) -> LibraryEnvironment:
    """The environment, by whichever generation of the library is installed. Raises what loading it raises."""
    if hasattr(import_module("verifiers"), "load_environment"):
        return ClassicEnvironment(env_id, config.vf_env_args, config.split, config.model_name)
    return TasksetEnvironment(env_id, config.vf_env_args, config.model_name)
