"""Answers with its input. Can be told to fail, or to wait for a file."""

import asyncio
from pathlib import Path

from polygym import (
    FailureClass,
    JsonObject,
    ModelServer,
    ModelServerConfig,
    RolloutContext,
    RolloutFailure,
    Stage,
    new_id,
    new_response,
    output_message,
)


class EchoConfig(ModelServerConfig):
    gate: Path | None = None
    """Nothing fails or waits any more once this file is there."""
    fails_at: str | None = None
    waits_at: str | None = None
    """An input, or `*` for all."""


class Echo(ModelServer):
    config: EchoConfig

    async def responses(self, params: JsonObject, context: RolloutContext) -> JsonObject:
        asked = params["input"]
        is_open = self.config.gate is not None and self.config.gate.exists()
        if asked == self.config.fails_at and not is_open:
            raise RolloutFailure(FailureClass.CONTEXT_EXCEEDED, Stage.MODEL, f"{asked} is too long")
        if self.config.gate is not None and self.config.waits_at in ("*", asked):
            self.config.gate.with_suffix(".waiting").touch()
            while not self.config.gate.exists():  # noqa: ASYNC110 - the test in another process cannot set an event
                await asyncio.sleep(0.01)
        return new_response(params, [output_message(asked, message_id=new_id("msg"))], model="echo")
