"""The Gymnasium agent: shows the model an observation, hands its turn to the environment's `step`, and so on."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal, NamedTuple

from pydantic import Field

from polygym import (
    AgentServer,
    AgentServerConfig,
    Conversation,
    FailureClass,
    JsonObject,
    ResourcesSession,
    RolloutContext,
    RolloutFailure,
    Stage,
    dumps,
    function_call_output,
    input_items,
)
from polygym.channels.finish import run_to_end
from polygym.protocol.calls import ToolResult
from polygym.protocol.json import loads
from polygym.protocol.tasks import PARAMS
from polygym.servers.resources import check_reward

log = logging.getLogger("polygym.gymnasium_agent")


class GymnasiumAgentConfig(AgentServerConfig):
    """How long an episode may take, and how it begins."""

    max_steps: int | None = Field(default=100, ge=1)
    """Model calls per episode; None for no limit. At the limit the episode is truncated, and verified."""
    begin_with: Literal["seed_session", "reset"] = "seed_session"
    """`reset` for environments of other implementations that know neither /seed_session nor /verify.

    The agent then adds up the rewards itself.
    """


class Outcome(NamedTuple):
    """What one turn of the model led to."""

    tool_outputs: list[JsonObject]
    """`{call_id, output}` of the turn's tool calls."""
    observation: Any
    """Text or content parts; None when there is nothing to say."""
    reward: float
    terminated: bool
    truncated: bool
    info: JsonObject

    def items(self) -> list[JsonObject]:
        """The outcome as the model sees it: outputs of its tool calls, then a user message."""
        shown = [function_call_output(each["call_id"], each["output"]) for each in self.tool_outputs]
        return shown if self.observation is None else [*shown, user_message(self.observation)]


class GymnasiumAgent(AgentServer):
    """Model and environment in turns, until the episode is over."""

    config: GymnasiumAgentConfig

    async def run(self, row: JsonObject, context: RolloutContext) -> JsonObject:
        """One episode; the verified row, whose `responses_create_params` hold the first observation as well."""
        if self.config.begin_with == "reset":
            return await self._run_from_reset(row, context)
        async with self.directory.resources(self.config.resources_server).open(row, context) as session:
            params = _with_observation(session.row[PARAMS], session.seed.get("observation"))
            response = await self.act(params, session, context)
            return {**await session.verify(response), PARAMS: params}

    async def act(self, params: JsonObject, session: ResourcesSession, context: RolloutContext) -> JsonObject:
        """The last Response, with everything from the first answer to the last observation in `output`.

        It is incomplete when the model said so, when its turn held no answer, and at `max_steps`.
        """
        conversation = self._conversation(params, session, context)
        while (response := await conversation.ask()) is not None:
            outcome = await self._step({"response": response}, session)
            conversation.produced += outcome.items()
            if outcome.terminated or outcome.truncated:
                break
        return conversation.response()

    def _conversation(self, params: JsonObject, session: ResourcesSession, context: RolloutContext) -> Conversation:
        model = self.directory.model(self.config.model_server)
        return Conversation(model, params, session, context, max_steps=self.config.max_steps)

    async def _step(self, body: JsonObject, session: ResourcesSession) -> Outcome:
        """One turn's outcome. Raises RolloutFailure."""
        answer = self._answer(await session.call_tool("step", body), "step", FailureClass.TOOL_ERROR, Stage.TOOL)
        try:
            info = answer.get("info") or {}
            return Outcome(
                [
                    {"call_id": str(each["call_id"]), "output": each["output"]}
                    for each in info.get("tool_outputs") or ()
                ],
                answer.get("observation"),
                check_reward(answer.get("reward", 0.0)),
                answer.get("terminated") is True,
                answer.get("truncated") is True,
                info,
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            message = f"{self.config.resources_server.name}: step gave no step: {error!r}: {dumps(answer)[:400]!r}"
            raise RolloutFailure(FailureClass.TOOL_ERROR, Stage.TOOL, message) from error

    def _answer(self, result: ToolResult, route: str, failure_class: FailureClass, stage: Stage) -> JsonObject:
        """The environment's answer as an object. Raises RolloutFailure for an error, or for anything else."""
        problem = f"{self.config.resources_server.name}: {route} answered {result.output[:400]}"
        try:
            answer = None if result.is_error else loads(result.output)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            message = f"{problem}. gymnasium_agent is for environments with reset and step."
            raise RolloutFailure(failure_class, stage, message)
        return answer

    async def _run_from_reset(self, row: JsonObject, context: RolloutContext) -> JsonObject:
        """One episode with an environment that has only the routes /reset and /step."""
        async with self.directory.resources(self.config.resources_server).attach(context) as session:
            result = await session.call_tool("reset", row)
            reset = self._answer(result, "reset", FailureClass.SEED_ERROR, Stage.SEED)
            params = _with_observation(row[PARAMS], reset.get("observation"))
            conversation = self._conversation(params, session, context)
            rewards: list[float] = []
            outcome: Outcome | None = None
            async with _closing(session, reset):
                while (response := await conversation.ask()) is not None:
                    outcome = await self._step({**row, "response": response}, session)
                    rewards.append(outcome.reward)
                    conversation.produced += outcome.items()
                    if outcome.terminated or outcome.truncated:
                        break
        is_terminated = outcome is not None and outcome.terminated
        return {
            **row,
            PARAMS: params,
            "response": conversation.response(),
            "reward": float(sum(rewards)),
            "steps": len(rewards),
            "terminated": is_terminated,
            "truncated": not is_terminated,
            "info": outcome.info if outcome is not None else {},
        }


def user_message(observation: Any) -> JsonObject:
    """An observation as the model sees it."""
    return {"type": "message", "role": "user", "content": observation}


def _with_observation(params: JsonObject, observation: Any) -> JsonObject:
    if observation is None:
        return params
    return {**params, "input": [*input_items(params["input"]), user_message(observation)]}


@asynccontextmanager
async def _closing(session: ResourcesSession, reset: JsonObject) -> AsyncIterator[None]:
    """On the way out, release an episode whose environment says that it wants to be told."""
    try:
        yield
    finally:
        if (reset.get("info") or {}).get("supports_explicit_close") is True:
            await run_to_end(_close(session))


async def _close(session: ResourcesSession) -> None:
    try:
        await session.call_tool("close", {})
    except RolloutFailure as failure:
        log.warning("an episode could not be closed: %s", failure)
