"""Model servers that need no model: one plays a script for each rollout, one stands in for a judge or a user."""

import asyncio
from collections.abc import Callable, Iterable
from random import Random
from typing import Final

from polygym.kit.scripts import (
    LISTEN,
    Script,
    ScriptError,
    ToolCall,
    Turn,
    as_script,
    items_of,
    texts_of_input,
    texts_since,
)
from polygym.protocol.calls import Directory, RolloutContext
from polygym.protocol.failures import FailureClass, RolloutFailure, Stage, describe
from polygym.protocol.json import JsonObject
from polygym.protocol.responses import new_response, new_usage
from polygym.protocol.rollouts import without_attempt
from polygym.servers.models import ModelServer, ModelServerConfig

MODEL_NAME: Final = "script"
_SHOWN: Final = 200

StandIn = Callable[[JsonObject], str | ToolCall]
"""Answers request params of a model server with a text, or with a tool call."""


class Playing:
    """A script under way in one rollout."""

    def __init__(self, script: Script | Iterable[Turn] | str) -> None:
        self._script = as_script(script)
        self._turns = 0
        self._call_ids: list[str] = []
        self._last_turn = ""
        """What the last turn was, in words."""
        self.error: ScriptError | None = None
        """Why it cannot be played on."""

    def answer(self, params: JsonObject) -> list[JsonObject]:
        """The output items of the next turn. Raises ScriptError."""
        try:
            return self._answer(params)
        except ScriptError as error:
            self.error = self.error or error
            raise

    def close(self) -> None:
        """Let the script clean up after itself."""
        self._script.close()

    def _answer(self, params: JsonObject) -> list[JsonObject]:
        came_in = texts_since(params, self._call_ids) if self._turns else texts_of_input(params)
        turn = self._advance(came_in if self._turns else None, came_in)
        while turn is LISTEN:
            turn = self._advance(came_in, came_in)
        self._turns += 1
        items = items_of(turn, self._turns)
        self._call_ids = [str(item.get("call_id")) for item in items if item.get("type") == "function_call"]
        called = [str(item.get("name")) for item in items if item.get("type") == "function_call"]
        self._last_turn = f"called {', '.join(called)}" if called else "was an answer" if items else "was empty"
        return items

    def _advance(self, value: list[str] | None, came_in: list[str]) -> Turn:
        try:
            return next(self._script) if value is None else self._script.send(list(value))
        except StopIteration:
            raise ScriptError(self._end(came_in)) from None
        except Exception as error:
            raise ScriptError(f"the script raised {describe(error)}, after {self._turns} turns") from error

    def _end(self, came_in: list[str]) -> str:
        if not self._turns:
            return "the script ended without a turn; it has to yield at least one"
        text = " | ".join(came_in)
        shown = text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
        return (
            f"the script ended after {self._turns} turns, the last of which {self._last_turn}, and the model is asked"
            f" for another one. What came in: {shown!r}"
        )


class ScriptedModel(ModelServer):
    """A policy that plays one script a rollout."""

    def __init__(self, name: str, directory: Directory) -> None:
        super().__init__(name, ModelServerConfig(), directory)
        self.playing: dict[str, Playing] = {}
        """By rollout id, without its attempt."""
        self.pace: Random | None = None
        """Makes rollouts that run at the same time take turns in a shuffled order; None lets each run on."""

    async def responses(self, params: JsonObject, context: RolloutContext) -> JsonObject:
        """The next turn of the rollout's script. Raises RolloutFailure when it has none."""
        if self.pace is not None:
            for _ in range(self.pace.randint(1, 4)):
                await asyncio.sleep(0)
        playing = self.playing.get(without_attempt(context.rollout_id))
        if playing is None:
            message = f"{self.name}: rollout {context.rollout_id} has no script"
            raise RolloutFailure(FailureClass.MODEL_REJECTED, Stage.MODEL, message)
        try:
            output = playing.answer(params)
        except ScriptError as error:
            raise RolloutFailure(FailureClass.MODEL_REJECTED, Stage.MODEL, str(error)) from error
        return new_response(params, output, model=MODEL_NAME, usage=new_usage(0, 0))


class StandInModel(ModelServer):
    """A model server whose answers are a function of the request."""

    def __init__(self, name: str, reply: StandIn | None, directory: Directory) -> None:
        super().__init__(name, ModelServerConfig(), directory)
        self._reply = reply

    async def responses(self, params: JsonObject, context: RolloutContext) -> JsonObject:
        """What the function says. Raises RolloutFailure when there is none."""
        if self._reply is None:
            message = (
                f"the environment called the model server '{self.name}', which has no stand-in: put it into STAND_INS"
            )
            raise RolloutFailure(FailureClass.MODEL_REJECTED, Stage.MODEL, f"{message} of reference.py")
        output = items_of(self._reply(params), 0)
        return new_response(params, output, model=MODEL_NAME, usage=new_usage(0, 0))
