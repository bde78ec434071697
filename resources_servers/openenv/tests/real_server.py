"""Serves three environments with the real OpenEnv package, each below its name: `python real_server.py PORT`."""

import sys
from typing import Any

import uvicorn
from fastapi import FastAPI
from fastmcp import FastMCP
from openenv.core.env_server.http_server import create_fastapi_app
from openenv.core.env_server.interfaces import Environment
from openenv.core.env_server.mcp_environment import MCPEnvironment
from openenv.core.env_server.mcp_types import CallToolAction, CallToolObservation
from openenv.core.env_server.types import Action, Observation, State


class Guess(Action):
    number: int


class Hint(Observation):
    hint: str = ""


class Guessing(Environment[Guess, Hint, State]):
    """Find a number; the seed is what it is."""

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self) -> None:
        super().__init__()
        self._state = State()
        self.secret = 0

    def reset(self, seed: int | None = None, episode_id: str | None = None, top: int = 10, **kwargs: Any) -> Hint:
        self.secret = seed or 5
        self._state = State(step_count=0)
        return Hint(hint=f"Between 1 and {top}.")

    def step(self, action: Guess, timeout_s: float | None = None, **kwargs: Any) -> Hint:
        self._state.step_count += 1
        if action.number > 1000:
            raise ValueError("far too large")
        if action.number == self.secret:
            return Hint(hint="Found.", reward=1.0, done=True)
        return Hint(hint="Higher." if action.number < self.secret else "Lower.", reward=-0.1)

    @property
    def state(self) -> State:
        return self._state


class Say(Action):
    message: str


class Heard(Observation):
    echoed_message: str = ""
    length: int = 0


class Echo(Environment[Say, Heard, State]):
    """Says what it hears; a tenth of a point a character."""

    SUPPORTS_CONCURRENT_SESSIONS = True

    def reset(self, seed: int | None = None, episode_id: str | None = None, **kwargs: Any) -> Heard:
        return Heard(echoed_message="ready")

    def step(self, action: Say, timeout_s: float | None = None, **kwargs: Any) -> Heard:
        text = action.message
        return Heard(echoed_message=text, length=len(text), reward=len(text) / 10, done=text == "bye")

    @property
    def state(self) -> State:
        return State()


class Shop(MCPEnvironment):
    """Tools of an MCP server; buying the right thing ends it."""

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self) -> None:
        mcp = FastMCP("shop")

        @mcp.tool
        def price(item: str) -> int:
            """What an item costs."""
            return {"apple": 3, "melon": 9}[item]

        @mcp.tool
        def buy(item: str, count: int = 1) -> str:
            """Buy something."""
            self.bought = item
            return f"{count} {item}"

        super().__init__(mcp)
        self.bought = ""

    def reset(self, seed: int | None = None, episode_id: str | None = None, **kwargs: Any) -> Observation:
        self.bought = ""
        return Observation(metadata={"open": True})

    def step(self, action: Action, timeout_s: float | None = None, **kwargs: Any) -> Observation:
        return self._rewarded(super().step(action, timeout_s=timeout_s, **kwargs))

    async def step_async(self, action: Action, timeout_s: float | None = None, **kwargs: Any) -> Observation:
        return self._rewarded(await super().step_async(action, timeout_s=timeout_s, **kwargs))

    def _rewarded(self, observation: Observation) -> Observation:
        if self.bought and isinstance(observation, CallToolObservation):
            observation.reward, observation.done = float(self.bought == "apple"), True
        return observation

    def _step_impl(self, action: Action, timeout_s: float | None = None, **kwargs: Any) -> Observation:
        return Observation()

    @property
    def state(self) -> State:
        return State()


KINDS: dict[str, tuple[Any, Any, Any]] = {
    "guessing": (Guessing, Guess, Hint),
    "echo": (Echo, Say, Heard),
    "shop": (Shop, CallToolAction, CallToolObservation),
}

if __name__ == "__main__":
    app = FastAPI()
    for name, classes in KINDS.items():
        app.mount(f"/{name}", create_fastapi_app(*classes, max_concurrent_envs=2))
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
