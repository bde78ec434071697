"""Policies for the tests of what model servers stream."""

import asyncio
from typing import Any

from polygym.protocol.calls import RolloutContext
from polygym.protocol.items import function_call, output_message
from polygym.protocol.json import JsonObject, loads
from polygym.protocol.responses import new_id, new_response, new_usage
from polygym.servers.models import ModelServer

TOKENS: JsonObject = {"prompt_token_ids": [1, 2], "generation_token_ids": [3], "generation_log_probs": [-0.5]}


class Adder(ModelServer):
    """Thinks, says so, and calls `add` until it has been told two sums; then says the last."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.asked: list[JsonObject] = []
        """The params of each call."""
        self.rollouts: list[str] = []
        """The rollout of each call."""

    async def responses(self, params: JsonObject, context: RolloutContext) -> JsonObject:
        self.asked.append(params)
        self.rollouts.append(context.rollout_id)
        items = params["input"] if isinstance(params["input"], list) else []
        sums = [item["output"] for item in items if item.get("type") == "function_call_output"]
        thought: JsonObject = {
            "id": new_id("rs"),
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": f"{len(sums)} sums so far"}],
            "encrypted_content": f"sealed {len(sums)}",
        }
        if len(sums) < 2:
            arguments = f'{{"a": {len(sums)}, "b": 2}}'
            said = output_message("I shall add.", message_id=new_id("msg"))
            call = function_call("add", arguments, call_id=f"call_{len(sums)}", item_id=new_id("fc"))
            output = [thought, said, call]
        else:
            output = [thought, output_message(f"It is {sums[-1]}.", message_id=new_id("msg"))]
        output[-1] |= TOKENS
        return new_response(params, output, model="adder", usage=new_usage(3, 2))


def add(arguments: str | object) -> str:
    """The tool."""
    numbers = loads(arguments) if isinstance(arguments, str) else arguments
    assert isinstance(numbers, dict)
    return str(numbers["a"] + numbers["b"])


class Slow(ModelServer):
    """Answers when it is let go, or raises then; remembers whether it was cancelled."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.begun = asyncio.Event()
        self.go = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.error: Exception | None = None

    async def responses(self, params: JsonObject, context: RolloutContext) -> JsonObject:
        self.begun.set()
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        if self.error is not None:
            raise self.error
        return new_response(params, [output_message("done", message_id="msg_1")], model="slow", usage=new_usage(1, 1))
