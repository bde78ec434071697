"""The random baseline: a policy that calls tools with random arguments, or answers that it knows nothing.

What a random policy is to a gym. It needs no endpoint, no key and no network, and a seed repeats it.
"""

import hashlib
from random import Random
from typing import Any, NamedTuple

from pydantic import Field

from polygym import (
    FailureClass,
    JsonObject,
    ModelServer,
    ModelServerConfig,
    RolloutContext,
    RolloutFailure,
    Stage,
    dumps,
    function_call,
    input_items,
    new_response,
    new_usage,
    output_message,
    without_attempt,
)
from responses_api_models.random_model.random_arguments import random_arguments
from responses_api_models.random_model.random_strings import WORDS
from responses_api_models.random_model.schema_check import UnsatisfiableError

MODEL_NAME = "random"
MOST_PARALLEL_CALLS = 3


class RandomModelConfig(ModelServerConfig):
    """How the baseline behaves."""

    seed: int = 0
    """The same seed gives the same answer to the same conversation of the same rollout."""
    tool_call_probability: float = Field(default=0.7, ge=0, le=1)
    """How often it calls a tool where it may."""
    parallel_call_probability: float = Field(default=0.2, ge=0, le=1)
    """How often it calls more than one at once where it may."""
    max_tool_calls: int = Field(default=6, ge=0)
    """Tool outputs in a conversation after which it answers, even if a tool call is asked for."""


class ToolChoice(NamedTuple):
    """What a request's `tool_choice` leaves open."""

    tools: list[JsonObject]
    """Function tools that may be called."""
    is_forced: bool
    """Whether one must be called."""


class RandomModel(ModelServer):
    """Answers at random. An answer depends on the seed, the rollout's id without its attempt, and the conversation."""

    config: RandomModelConfig

    async def responses(self, params: JsonObject, context: RolloutContext) -> JsonObject:
        """A Response with tool calls or one message.

        Raises RolloutFailure `model_rejected` for a request that is none, and a `tool_choice` that cannot be met.
        """
        _check(params)
        conversation = input_items(params["input"])
        rng = self._random(conversation, context)
        output = self._calls(params, conversation, rng) or [_answer(rng)]
        asked = _words([conversation, params.get("instructions"), params.get("tools")])
        response = new_response(params, output, model=MODEL_NAME, usage=new_usage(asked, _words(output)))
        return {**response, "id": _id("resp", rng)}

    def list_models(self) -> list[str]:
        """The baseline's name."""
        return [MODEL_NAME]

    def _random(self, conversation: list[JsonObject], context: RolloutContext) -> Random:
        state = dumps([self.config.seed, without_attempt(context.rollout_id), conversation])
        return Random(int.from_bytes(hashlib.sha256(state).digest()))

    def _calls(self, params: JsonObject, conversation: list[JsonObject], rng: Random) -> list[JsonObject]:
        """The tool calls of this turn; none when it is to answer."""
        choice = read_tool_choice(params)
        done = sum(item.get("type") == "function_call_output" for item in conversation)
        wants_to = rng.random() < self.config.tool_call_probability
        if not choice.tools or done >= self.config.max_tool_calls or not (wants_to or choice.is_forced):
            return []
        is_parallel = rng.random() < self.config.parallel_call_probability
        if params.get("parallel_tool_calls") is False:
            is_parallel = False
        count = rng.randint(2, MOST_PARALLEL_CALLS) if is_parallel else 1
        return [call for call in (_call(choice.tools, rng) for _ in range(count)) if call is not None]


def _check(params: JsonObject) -> None:
    """Raises RolloutFailure for a request whose parts are not what they have to be."""
    if not isinstance(params.get("input"), str | list):
        raise _rejected("'input' must be a string or a list of items")
    if isinstance(params["input"], list):
        _objects(params["input"], "input")
    _objects(params.get("tools"), "tools")


def _objects(value: Any, name: str) -> list[JsonObject]:
    """`value`, which must be a list of objects; null is an empty one. Raises RolloutFailure."""
    entries = [] if value is None else value
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise _rejected(f"'{name}' must be a list of objects")
    return entries


def read_tool_choice(params: JsonObject) -> ToolChoice:
    """Which tools `tool_choice` allows, and whether it asks for one. Hosted tools are nobody's to call here.

    Raises RolloutFailure `model_rejected` when it names a function that is not offered.
    """
    offered = {
        str(tool["name"]): tool
        for tool in params.get("tools") or ()
        if tool.get("type", "function") == "function" and "name" in tool
    }
    choice = params.get("tool_choice") or "auto"
    if not isinstance(choice, dict):
        return ToolChoice([] if choice == "none" else list(offered.values()), choice == "required")
    if choice.get("type") == "function":
        named, is_forced = [str(choice.get("name"))], True
    elif choice.get("type") == "allowed_tools":
        named, is_forced = (
            [str(tool.get("name")) for tool in _objects(choice.get("tools"), "tool_choice.tools")],
            choice.get("mode") == "required",
        )
    else:
        return ToolChoice([], False)
    missing = [name for name in named if name not in offered]
    if missing:
        raise _rejected(f"tool_choice names {missing[0]!r}, which is not among the tools {sorted(offered)}")
    return ToolChoice([offered[name] for name in named], is_forced)


def _rejected(problem: str) -> RolloutFailure:
    return RolloutFailure(FailureClass.MODEL_REJECTED, Stage.MODEL, f"{problem}.")


def _call(tools: list[JsonObject], rng: Random) -> JsonObject | None:
    """A call of one of the tools; one whose schema cannot be satisfied is passed over. None when that leaves none."""
    for tool in rng.sample(tools, len(tools)):
        try:
            arguments = random_arguments(tool.get("parameters"), rng)
        except UnsatisfiableError:
            continue
        return function_call(tool["name"], dumps(arguments).decode(), call_id=_id("call", rng), item_id=_id("fc", rng))
    return None


def _answer(rng: Random) -> JsonObject:
    guess = rng.choice([str(rng.randint(0, 100)), rng.choice("ABCD"), rng.choice(["yes", "no"]), rng.choice(WORDS)])
    text = f"I am the random baseline, not a language model. My random answer: {guess}"
    return output_message(text, message_id=_id("msg", rng))


def _id(prefix: str, rng: Random) -> str:
    return f"{prefix}_{rng.getrandbits(128):032x}"


def _words(value: Any) -> int:
    """Words in all texts of a JSON value: a rough count of tokens."""
    if isinstance(value, str):
        return len(value.split())
    if isinstance(value, dict):
        return sum(map(_words, value.values()))
    if isinstance(value, list):
        return sum(map(_words, value))
    return 0
