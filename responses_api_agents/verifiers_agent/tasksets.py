"""Environments of verifiers 0.3 and later: a taskset, played by a harness program in a runtime, scored by its tasks."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack
from importlib import import_module
from typing import Any

from polygym import JsonObject
from polygym.protocol.errors import InputError
from responses_api_agents.verifiers_agent.bridge import Bridge
from responses_api_agents.verifiers_agent.played import LibraryEnvironment, Played, Problem
from responses_api_agents.verifiers_agent.recording import Recording

PLAIN_AGENT: JsonObject = {"harness": {"id": "null"}, "runtime": {"type": "subprocess"}}
"""The seat of a taskset that names none: a chat loop that runs nothing of the model's on this machine."""


class TasksetEnvironment(LibraryEnvironment):
    """A taskset and its agents."""

    def __init__(self, env_id: str, arguments: JsonObject, model_name: str) -> None:
        self._v1 = import_module("verifiers.v1")
        loaders = import_module("verifiers.v1.utils.loaders")
        config = {**arguments, "taskset": {**arguments.get("taskset", {}), "id": env_id}}
        is_plain = loaders.environment_class(env_id, config.get("id") or "") is self._v1.SingleAgentEnv
        if is_plain and "agent" not in config and loaders.default_harness_id(env_id) == "bash":
            config["agent"] = PLAIN_AGENT
        self._env: Any = self._v1.load_environment(self._v1.resolve_env_config(config))
        self._model_name = model_name
        self._tasks: list[Any] = []
        self._stream: Iterator[Any] = iter(self._env.taskset)
        self._serving = AsyncExitStack()
        self._is_serving = False
        self._starting = asyncio.Lock()

    async def play(self, row: JsonObject, recording: Recording, bridge: Bridge) -> Played:
        """One episode. Its reward is the first agent's; those of several agents are among the metrics."""
        task = self._task(row)
        async with self._starting:
            if not self._is_serving:
                await self._serving.enter_async_context(self._env.serving())
                self._is_serving = True
        client = self._v1.EvalClientConfig(base_url=bridge.url, api_key_var="POLYGYM_NO_KEY")
        context = self._v1.ModelContext(model=self._model_name, client=client)
        with ExitStack() as known:
            episode = await self._env.run_slot(
                self._env.slots(task)[0],
                context,
                on_trace=lambda trace: known.enter_context(bridge.known_as(trace.id, recording)),
            )
        return _played(episode)

    def rows(self) -> Iterator[JsonObject]:
        """A row for each task, in the order of the taskset, which may be endless."""
        for index, task in enumerate(self._env.taskset):
            data = task.data.model_dump(mode="json")
            prompt = data.get("prompt") or ""
            system = [{"role": "system", "content": data["system_prompt"]}] if data.get("system_prompt") else []
            asked = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
            yield {"task_idx": index, "responses_create_params": {"input": [*system, *asked]}}

    async def close(self) -> None:
        """Take down what episodes share."""
        await self._serving.aclose()

    def _task(self, row: JsonObject) -> Any:
        """The task that a row counts to; the taskset is read that far, once."""
        index = row.get("task_idx")
        if not isinstance(index, int) or isinstance(index, bool) or index < 0:
            raise InputError(f"'task_idx' must be a number from 0, this is {index!r}")
        while len(self._tasks) <= index:
            task = next(self._stream, None)
            if task is None:
                raise InputError(f"'task_idx' is {index}, and the taskset has {len(self._tasks)} tasks")
            self._tasks.append(task)
        return self._tasks[index]


def _played(episode: Any) -> Played:
    errors = [*episode.errors, *(error for trace in episode.traces if not trace.ok for error in trace.errors)]
    if not episode.ok:
        last = errors[-1] if errors else None
        kind = "TimeoutError" if episode.is_timeout or any(trace.is_timeout for trace in episode.traces) else None
        message = "the episode did not end well" if last is None else last.message
        return Played(0.0, problem=Problem(kind or (last.type if last is not None else "EpisodeError"), message))
    first, *others = episode.traces
    metrics = _metrics(first)
    for trace in others:
        metrics |= {f"{trace.agent.name}/{name}": value for name, value in _metrics(trace).items()}
        metrics[f"{trace.agent.name}/reward"] = float(trace.reward)
    return Played(float(first.reward), metrics, {"stop_condition": first.stop_condition, "episode_id": episode.id})


def _metrics(trace: Any) -> dict[str, float]:
    """Metrics and named rewards of one agent."""
    rewards = {name: reward.value for name, reward in trace.rewards.items() if reward is not None}
    named = {**rewards, **trace.metrics}
    return {name: float(value) for name, value in named.items() if value is not None}
