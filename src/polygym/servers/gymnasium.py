"""The reset/step protocol: environments as Gymnasium knows them, whose actions are the model's texts or tool calls.

An agent that knows the protocol (`gymnasium_agent`) shows the model the observation of `reset`, hands each of its turns
to the tool `step`, and shows the observation of that, until the episode is over.
"""

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, TypeAlias

from pydantic import Field

from polygym.protocol.awaiting import is_awaitable, settled
from polygym.protocol.calls import Directory, ToolResult
from polygym.protocol.failures import FailureClass, RolloutFailure, Stage, describe, raise_inside
from polygym.protocol.items import FunctionCall
from polygym.protocol.json import JsonObject, dumps
from polygym.protocol.responses import check_response
from polygym.protocol.views import RolloutView
from polygym.servers.base import ServerConfig
from polygym.servers.episodes import OVER, Action, Episode, Observation, ReturnKind, Step, actions_of, shown
from polygym.servers.resources import ResourcesServer, ResourcesServerConfig, Verification, check_reward, tool_error
from polygym.servers.sessions import Session, StateT, TaskT
from polygym.servers.tools import ToolError, render

STEP: Final = "step"
"""Name under which `call_tool` takes a whole turn of the model: `{"response": <Response>}`."""
StepResult: TypeAlias = Step | tuple[Observation, float, bool, bool, JsonObject]


class GymnasiumServerConfig(ResourcesServerConfig):
    """Configuration of an environment with reset and step."""

    episode_return: ReturnKind = "sum"
    """How the rewards of the steps become one: their sum, the last one, or their discounted sum."""
    discount: float = Field(default=1.0, ge=0, le=1)
    """Factor by which a reward counts less for each step before it, with `episode_return: discounted`."""
    max_episode_steps: int | None = Field(default=None, ge=1)
    """Steps after which the episode is truncated; None leaves it to the environment."""
    unfinished_reward: float | None = Field(default=None, allow_inf_nan=False)
    """Reward of an episode that the agent gave up before the environment ended it; None for the return so far."""


@dataclass(slots=True)
class EpisodeSession(Session[TaskT, StateT]):
    """A session that keeps its episode's record."""

    episode: Episode = field(default_factory=Episode)


class GymnasiumServer(ResourcesServer[TaskT, StateT]):
    """An environment with `reset` and `step`.

    `reset` gives the first observation. An action is a tool call of the model, or the text of a turn without one:
    a call of a method marked `@tool` is carried out by that method, which returns a `Step` or just what the model is to
    see; every other action goes to `step`. Raise `ToolError` for an action that makes no sense: the model sees the
    text and may try again, and no step has been made. The reward is the episode's return.
    """

    config: GymnasiumServerConfig
    route_aliases: ClassVar[Mapping[str, str]] = {"reset": "seed_session", "close": "close_session"}

    def __init__(self, name: str, config: ServerConfig, directory: Directory) -> None:
        super().__init__(name, config, directory)
        self._has_catch_all = type(self).step is not GymnasiumServer.step
        for taken in {STEP, *self.route_aliases} & self.tools.keys():
            raise TypeError(f"tool name {taken!r}: that is part of the reset/step protocol; choose another")
        if not self.tools and not self._has_catch_all:
            raise TypeError(f"{type(self).__qualname__} has neither a `step` nor a `@tool`: it knows no action")

    def reset(
        self, session: Session[TaskT, StateT]
    ) -> tuple[Observation, JsonObject] | Awaitable[tuple[Observation, JsonObject]]:
        """Begin the episode of `session.task`: the first observation, or None, and further information.

        Sync or async. The observation follows the task's prompt as a user message.
        """
        return None, {}

    def step(self, action: Action, session: Session[TaskT, StateT]) -> StepResult | Awaitable[StepResult]:
        """Carry out one action. Sync or async. An error other than ToolError is a failure of the environment."""
        names = ", ".join(session.offered if session.offered is not None else self.tools)
        raise ToolError(f"Act by calling one of the tools: {names}.")

    # What the framework calls.

    def new_session(self, task: TaskT, rollout_id: str) -> EpisodeSession[TaskT, StateT]:
        """A session that is not seeded yet."""
        plain = super().new_session(task, rollout_id)
        return EpisodeSession(plain.rollout_id, plain.task, plain.state)

    async def seed_session(self, session: Session[TaskT, StateT]) -> JsonObject:
        """Reset: `{observation, info}`."""
        given = await self._run(self.reset, session)
        given = await given if is_awaitable(given) else given
        if not (isinstance(given, tuple) and len(given) == 2 and isinstance(given[1], dict)):
            raise TypeError(f"reset must return (observation, info), not {given!r}")
        episode_of(session).info = given[1]
        return {"observation": shown(given[0]), "info": {"supports_explicit_close": True, **given[1]}}

    def verify(
        self, rollout: RolloutView, session: Session[TaskT, StateT]
    ) -> float | Verification | Awaitable[float | Verification]:
        """The episode's return. Override it for more, and build on `episode_result`."""
        return self.episode_result(session)

    def episode_result(self, session: Session[TaskT, StateT]) -> Verification:
        """The episode's return as it is configured, its named parts, and what is known about the episode."""
        episode, kind, discount = episode_of(session), self.config.episode_return, self.config.discount
        value = episode.returned(kind, discount)
        unfinished = self.config.unfinished_reward
        ending = "terminated" if episode.terminated else "truncated" if episode.truncated else "given up"
        return Verification(
            reward=value if episode.is_over or unfinished is None else unfinished,
            components=episode.returned_components(kind, discount),
            fields={
                "episode_return": value,
                "steps": episode.steps,
                "invalid_actions": episode.invalid_actions,
                "terminated": episode.terminated,
                "truncated": not episode.terminated,
                "info": episode.info,
            },
            explanation=f"{ending} after {episode.steps} steps, {kind} of rewards {value:g}",
        )

    def may_offer(self, name: str) -> bool:
        """Every name: `step` decides."""
        return True

    async def call_tool(self, name: str, arguments: JsonObject, session: Session[TaskT, StateT]) -> ToolResult:
        """Carry out a whole turn (`step`, with `response`), or one action of an agent that only knows tools.

        A turn answers `{observation, reward, terminated, truncated, info}` as JSON; outputs of tool calls are in
        `info.tool_outputs`. Raises RolloutFailure `tool_error` when the environment's own code fails.
        """
        if name == STEP:
            response = arguments.get("response")
            problem = check_response(response)
            if problem is not None:
                return tool_error(f"'response' must be the model's Response: {problem}")
            return ToolResult(dumps(await self.take_turn(response, session)).decode(), is_error=False)  # type: ignore[arg-type]
        action = Action("", FunctionCall("", name, dumps(arguments).decode()))
        step, is_error = await self._act(action, session)
        return ToolResult(_text(step.observation), is_error)

    async def take_turn(self, response: JsonObject, session: Session[TaskT, StateT]) -> JsonObject:
        """Carry out the actions of one turn of the model. Once the episode is over, further calls are refused."""
        outputs: list[JsonObject] = []
        last, reward = Step(), 0.0
        for action in actions_of(response):
            step, _ = await self._act(action, session)
            reward += step.reward
            last = step
            if action.call is not None:
                outputs.append({"call_id": action.call.call_id, "output": _output(step.observation)})
        episode = episode_of(session)
        info = dict(last.info or {})
        if outputs:
            info["tool_outputs"] = outputs
        return {
            "observation": None if outputs else last.observation,
            "reward": reward,
            "terminated": episode.terminated,
            "truncated": episode.truncated,
            "info": info,
        }

    async def _act(self, action: Action, session: Session[TaskT, StateT]) -> tuple[Step, bool]:
        """One action: what it led to, the observation ready to be shown, and whether it was refused."""
        episode = episode_of(session)
        if episode.is_over:
            return _refusal(action, OVER), True
        try:
            step = self._checked(await self._perform(action, session), action, episode)
            episode.record(step)
        except RolloutFailure as failure:
            raise_inside(failure, Stage.TOOL, self.name)
        except ToolError as error:
            episode.invalid_actions += 1
            return _refusal(action, str(error)), True
        except Exception as error:
            what = f"tool {action.name}" if action.name in self.tools else "step"
            message = f"{self.name}: {what} raised {describe(error)}"
            raise RolloutFailure(FailureClass.TOOL_ERROR, Stage.TOOL, message) from error
        return step, False

    async def _perform(self, action: Action, session: Session[TaskT, StateT]) -> Any:
        if action.call is not None:
            try:
                arguments = action.call.parse()
            except ValueError as error:
                raise ToolError(f"Invalid tool call arguments: {error}") from error
            own = self.tools.get(action.name)
            if session.offered is not None:
                self._check_offered(action.name, own, arguments, session)
            if own is not None:
                value = await settled(own.invoke(self, arguments, session))
                return value if isinstance(value, Step) else Step(value)
            if self.tools and session.offered is None:
                raise ToolError(self._unknown(action.name, session))
        value = await self._run(self.step, action, session)
        return await value if is_awaitable(value) else value

    def _checked(self, value: Any, action: Action, episode: Episode) -> Step:
        """`value` as a step, its observation ready to be shown. Raises TypeError or ValueError for what is none."""
        if not (isinstance(value, tuple) and len(value) == 5):
            raise TypeError(f"step must return (observation, reward, terminated, truncated, info), not {value!r}")
        observation, reward, terminated, truncated, info = value
        if not isinstance(info, dict | None):
            raise TypeError(f"a step's info must be a dict, not {type(info).__name__}")
        dumps(info)
        is_last = episode.steps + 1 == self.config.max_episode_steps and not terminated
        step = Step(shown(observation), check_reward(reward), bool(terminated), bool(truncated) or is_last, info)
        if step.observation is None and not step.is_over and action.call is None:
            raise TypeError("step gave no observation although the episode goes on; the model has to be told something")
        return step


def episode_of(session: Session[Any, Any]) -> Episode:
    """The record of a session's episode."""
    assert isinstance(session, EpisodeSession)
    return session.episode


def _refusal(action: Action, message: str) -> Step:
    return Step(message if action.call is None else render({"error": message}))


def _output(observation: Observation) -> str | list[JsonObject]:
    """A shown observation as the output of a tool call, which cannot be left out."""
    return "" if observation is None else observation


def _text(observation: Observation) -> str:
    return render("" if observation is None else observation)
