"""An OpenEnv environment that somebody else serves, by its URL: its episodes, its actions, its rewards."""

import asyncio
from dataclasses import replace
from typing import Any, Final, Literal

import aiohttp
from pydantic import Field

from polygym import (
    Action,
    FailureClass,
    GymnasiumServer,
    GymnasiumServerConfig,
    JsonObject,
    RolloutFailure,
    RolloutView,
    Session,
    Stage,
    Step,
    TaskFields,
    ToolError,
    Verification,
)
from polygym.protocol.waiting import waiting_for_capacity
from polygym.servers.episodes import OVER
from resources_servers.openenv.actions import Actions, is_mcp, shown
from resources_servers.openenv.client import (
    CAPACITY,
    INVALID,
    LostError,
    OpenEnvError,
    OpenEnvSession,
    action_schema,
    connect,
)

NOTHING: Final = "(no observation)"


class OpenEnvConfig(GymnasiumServerConfig):
    """Where the environment is, and how its episodes begin."""

    environment_url: str | None = None
    """`http://host:port` of an OpenEnv server; rows may name others."""
    reset_arguments: JsonObject = Field(default_factory=dict)
    """For every reset; a row's own are added to them."""
    observation_field: str | None = None
    """Field of observations that the model sees; None for all that is in them."""
    max_sessions: int | None = Field(default=None, ge=1)
    """Sessions at once; further rollouts wait. Set it to what the environment's server allows."""
    errors: Literal["shown", "failure"] = "shown"
    """What an error of the environment in a step is: told to the model, which may have caused it, or a failure."""


class OpenEnvTask(TaskFields):
    """One episode."""

    environment_url: str | None = None
    """The configuration's when it is left out."""
    seed: int | None = None
    """Of the reset."""
    reset_arguments: JsonObject = Field(default_factory=dict)
    acts_by: Literal["tool", "text"] = "tool"
    """Whether the model calls tools or writes `<action>{…}</action>`."""


class Link:
    """The way to one episode."""

    def __init__(self) -> None:
        self.session: OpenEnvSession | None = None
        self.actions = Actions(None)
        self.has_place = False
        self.is_done = False


class OpenEnvServer(GymnasiumServer[OpenEnvTask, Link]):
    """One connection a rollout."""

    config: OpenEnvConfig

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._client: aiohttp.ClientSession | None = None
        self._places = asyncio.Semaphore(self.config.max_sessions) if self.config.max_sessions else None
        self._schemas: dict[str, JsonObject | None] = {}

    async def stop(self) -> None:
        """Close what is left of the connections."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def reset(self, session: Session[OpenEnvTask, Link]) -> tuple[Any, JsonObject]:
        """Connect and reset. Raises RolloutFailure `environment_lost` when nobody answers, or no session is free."""
        task, link = session.task, session.state
        url = (task.environment_url or self.config.environment_url or "").rstrip("/")
        if not url:
            raise ValueError("neither the row nor the configuration has an 'environment_url'")
        try:
            await self._open(url, link)
            assert link.session is not None
            seed = {} if task.seed is None else {"seed": task.seed}
            result = await link.session.reset({**self.config.reset_arguments, **seed, **task.reset_arguments})
            schema = self._schemas[url]
            link.actions = Actions(schema, await self._mcp_tools(link.session) if is_mcp(schema) else None)
        except LostError as error:
            raise self._lost(Stage.SEED, str(error)) from error
        except OpenEnvError as error:
            if error.code == CAPACITY:
                hint = f"{error}. Set max_sessions to what the server allows."
                raise self._lost(Stage.SEED, hint) from error
            raise
        link.is_done = bool(result.get("done"))
        return shown(result.get("observation"), self.config.observation_field) or None, {}

    async def _open(self, url: str, link: Link) -> None:
        if self._places is not None:
            with waiting_for_capacity():
                await self._places.acquire()
            link.has_place = True
        if self._client is None:
            connector = aiohttp.TCPConnector(limit=0)
            self._client = aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=None))
        if url not in self._schemas:
            self._schemas[url] = await action_schema(self._client, url)
        link.session = await connect(self._client, url)

    async def _mcp_tools(self, session: OpenEnvSession) -> list[JsonObject]:
        listed = await session.step({"type": "list_tools"})
        tools: list[JsonObject] = listed["observation"]["tools"]
        return tools

    def offered_tools(self, session: Session[OpenEnvTask, Link]) -> list[JsonObject]:
        """The environment's own tools, or one that takes an action."""
        return session.state.actions.tools() if session.task.acts_by == "tool" else []

    async def step(self, action: Action, session: Session[OpenEnvTask, Link]) -> Step:
        """Send the action on."""
        link = session.state
        assert link.session is not None
        if link.is_done:
            return Step(OVER, 0.0, terminated=True)
        try:
            result = await link.session.step(link.actions.payload(action))
        except LostError as error:
            raise self._lost(Stage.TOOL, str(error)) from error
        except OpenEnvError as error:
            if self.config.errors == "failure" and error.code != INVALID:
                raise
            raise ToolError(error.message) from error
        observation = shown(result.get("observation"), self.config.observation_field) or NOTHING
        reward, is_done = float(result.get("reward") or 0.0), bool(result.get("done"))
        metadata = result.get("metadata")
        return Step(observation, reward, terminated=is_done, info=metadata or {})

    async def verify(self, rollout: RolloutView, session: Session[OpenEnvTask, Link]) -> Verification:
        """The return, and the environment's last state."""
        verification, link = self.episode_result(session), session.state
        assert link.session is not None
        try:
            state = await link.session.state()
        except LostError as error:
            raise self._lost(Stage.VERIFY, str(error)) from error
        return replace(verification, fields={**verification.fields, "state": state})

    async def close_session(self, session: Session[OpenEnvTask, Link]) -> None:
        """Hang up."""
        link = session.state
        if link.session is not None:
            await link.session.close()
        if link.has_place and self._places is not None:
            self._places.release()

    def _lost(self, stage: Stage, message: str) -> RolloutFailure:
        return RolloutFailure(FailureClass.ENVIRONMENT_LOST, stage, f"{self.name}: {message}")
