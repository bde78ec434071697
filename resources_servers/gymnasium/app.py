"""Any environment of Gymnasium that can be played in words: by its id, with observations and actions as text."""

import importlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import gymnasium
from gymnasium.envs.registration import EnvSpec, load_env_creator
from pydantic import Field

from polygym import (
    Action,
    GymnasiumServer,
    GymnasiumServerConfig,
    JsonObject,
    RolloutView,
    Session,
    Step,
    TaskFields,
    Verification,
    dumps,
)
from polygym.protocol.errors import InputError, suggest
from polygym.servers.gymnasium import episode_of
from resources_servers.gymnasium.known import STRANGER_RULES, Guide, guide_of
from resources_servers.gymnasium.rendering import plain_text
from resources_servers.gymnasium.spaces import LARGEST_OBSERVATION, Actions, size_of, value_of


class GymnasiumEnvConfig(GymnasiumServerConfig):
    """Which environment rows are about that name none."""

    env_id: str | None = None
    """As `gymnasium.make` takes it; rows may name others."""
    env_kwargs: JsonObject = Field(default_factory=dict)
    """Arguments of that environment; a row's own are added to them."""
    imports: list[str] = Field(default_factory=list)
    """Modules to import at the start: packages that register environments."""


class GymnasiumTask(TaskFields):
    """One episode."""

    env_id: str | None = None
    """Id of the environment; the configuration's when it is left out."""
    env_kwargs: JsonObject = Field(default_factory=dict)
    """Arguments of the environment."""
    seed: int = Field(default=0, ge=0)
    """Of the reset."""
    acts_by: Literal["text", "tool"] = "text"
    """Whether the model writes `<action>…</action>` or calls the tool `act`."""
    action_names: list[str] = Field(default_factory=list)
    """Names of the actions of a `Discrete` space; those of environments that come with Gymnasium are known."""
    max_episode_steps: int | None = Field(default=None, ge=1)
    """Steps after which the episode is truncated; None leaves it to the environment."""
    return_bounds: tuple[float, float] | None = None
    """Returns that are worth 0 and 1; the reward lies between them. Without, the reward is the return."""
    scored_when: Literal["terminated", "always"] = "terminated"
    """With `return_bounds`: whether an episode that did not come to its own end is worth 0."""


class Play:
    """An environment under way."""

    def __init__(self) -> None:
        self.env: gymnasium.Env[Any, Any] | None = None
        self.actions = Actions(gymnasium.spaces.Discrete(1))
        self.guide: Guide | None = None
        self.is_rendered = False


class GymnasiumEnvServer(GymnasiumServer[GymnasiumTask, Play]):
    """One environment object a rollout."""

    config: GymnasiumEnvConfig

    async def start(self) -> None:
        """Import what registers environments. Raises InputError when that fails."""
        for module in ("gymnasium.envs.toy_text", *self.config.imports):
            try:
                importlib.import_module(module)
            except ImportError as error:
                raise InputError(f"{self.name}: imports: {module} cannot be imported: {error}") from error

    def reset(self, session: Session[GymnasiumTask, Play]) -> tuple[str, JsonObject]:
        """Make the environment and reset it: the rules, how to act, and the first observation."""
        task, play = session.task, session.state
        env_id = task.env_id or self.config.env_id
        if env_id is None:
            raise InputError("neither the row nor the configuration has an 'env_id'.")
        play.guide = guide_of(env_id)
        play.env, play.is_rendered = make_env(
            env_id, {**self.config.env_kwargs, **task.env_kwargs}, task.max_episode_steps
        )
        names = task.action_names or _names(play)
        play.actions = Actions(play.env.action_space, names)
        if not play.is_rendered and size_of(play.env.observation_space) > LARGEST_OBSERVATION:
            raise InputError(
                f"{env_id} renders no text, and its observations are too large: {play.env.observation_space}."
            )
        observation, info = play.env.reset(seed=task.seed)
        rules = play.guide.rules if play.guide is not None else STRANGER_RULES
        how = "Call act with it" if task.acts_by == "tool" else "Write it as <action>…</action>"
        acting = f"In every turn, choose an action: {play.actions.description}. {how}."
        return f"{rules}\n{acting}\n\n{self._shown(play, observation)}", value_of(info)

    def offered_tools(self, session: Session[GymnasiumTask, Play]) -> Sequence[JsonObject]:
        """The tool `act`, where actions are tool calls."""
        return [session.state.actions.tool] if session.task.acts_by == "tool" else []

    def step(self, action: Action, session: Session[GymnasiumTask, Play]) -> Step:
        """Do what the model says, if it is an action."""
        play = session.state
        assert play.env is not None
        observation, reward, terminated, truncated, info = play.env.step(play.actions.read(action))
        text = f"{self._shown(play, observation)}\nReward: {float(reward):g}"
        return Step(text, float(reward), bool(terminated), bool(truncated), value_of(info))

    def _shown(self, play: Play, observation: Any) -> str:
        """The rendered text if there is one, and the observation in words or values."""
        assert play.env is not None
        parts = [plain_text(str(play.env.render()))] if play.is_rendered else []
        guide = play.guide
        if guide is not None and guide.describe is not None:
            parts.append(guide.describe(play.env.unwrapped, observation))
        else:
            value = value_of(observation)
            if guide is not None and isinstance(value, list) and len(value) == len(guide.values):
                value = dict(zip(guide.values, value, strict=True))
            parts.append(f"Observation: {value if isinstance(value, str) else dumps(value).decode()}")
        return "\n".join(parts)

    def verify(self, rollout: RolloutView, session: Session[GymnasiumTask, Play]) -> Verification:
        """The return, or where it lies between the row's bounds."""
        verification, bounds = self.episode_result(session), session.task.return_bounds
        if bounds is None:
            return verification
        is_scored = session.task.scored_when == "always" or episode_of(session).terminated
        low, high = bounds
        value: float = verification.fields["episode_return"]
        share = (value - low) / (high - low) if high > low else float(value >= high)
        return replace(verification, reward=min(max(share, 0.0), 1.0) if is_scored else 0.0)

    def close_session(self, session: Session[GymnasiumTask, Play]) -> None:
        """Close the environment."""
        if session.state.env is not None:
            session.state.env.close()


def make_env(
    env_id: str, kwargs: JsonObject, max_episode_steps: int | None = None
) -> tuple[gymnasium.Env[Any, Any], bool]:
    """The environment, and whether it renders text. Raises InputError when Gymnasium cannot make it."""
    if ":" in env_id:
        raise InputError(f"env_id {env_id!r}: name the module before ':' under 'imports' of the configuration instead.")
    try:
        spec = gymnasium.spec(env_id)
    except gymnasium.error.Error as error:
        raise InputError(f"Gymnasium has no environment {env_id!r}. {suggest(env_id, gymnasium.registry)}") from error
    is_rendered = "ansi" in _render_modes(spec)
    options: dict[str, Any] = {"render_mode": "ansi"} if is_rendered else {}
    if max_episode_steps is not None:
        options["max_episode_steps"] = max_episode_steps
    try:
        return gymnasium.make(spec, disable_env_checker=True, **options, **kwargs), is_rendered
    except Exception as error:
        raise InputError(f"Gymnasium cannot make {env_id} with {kwargs}: {type(error).__name__}: {error}") from error


def _render_modes(spec: EnvSpec) -> Sequence[str]:
    entry = spec.entry_point
    creator = load_env_creator(entry) if isinstance(entry, str) else entry
    modes: Sequence[str] = getattr(creator, "metadata", {}).get("render_modes", ())
    return modes


def _names(play: Play) -> Sequence[str]:
    """The names of known actions, unless the environment at hand has others."""
    assert play.env is not None
    space = play.env.action_space
    names = play.guide.actions if play.guide is not None else ()
    return names if isinstance(space, gymnasium.spaces.Discrete) and len(names) == space.n else ()
