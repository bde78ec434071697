"""The policy's part in a rollout: it answers, its tool calls are carried out, and so on until it calls no more.

What the agents of this repository share. Whether somebody speaks to the policy again after its turn is theirs to say.
"""

from polygym.protocol.calls import Model, ResourcesSession, RolloutContext
from polygym.protocol.items import (
    TEXT_PARTS,
    FunctionCall,
    function_call_output,
    function_calls,
    input_items,
    text_of,
    user_message,
)
from polygym.protocol.json import JsonObject, dumps
from polygym.protocol.responses import TERMINATION_REASON, add_usage, new_response


class Conversation:
    """What the policy was asked, and all that it, its tools and its user have said since."""

    def __init__(
        self,
        model: Model,
        params: JsonObject,
        session: ResourcesSession,
        context: RolloutContext,
        *,
        max_steps: int | None = None,
    ) -> None:
        self.asked = input_items(params["input"])
        """Items of the task."""
        self.produced: list[JsonObject] = []
        """Items since then, in order: of the model, of its tools, and messages of the user."""
        self.usage: JsonObject | None = None
        """Summed over the policy's calls."""
        self.is_complete = False
        """Whether the policy's last turn came to its end, so that somebody may speak to it."""
        self._model = model
        self._params = params
        self._session = session
        self._context = context
        self._max_steps = max_steps
        self._steps = 0
        self._last: JsonObject | None = None

    async def ask(self) -> JsonObject | None:
        """Call the model once, with all that has been said: its Response, or None where its turn cannot go on.

        That is when the model says that it is incomplete, when it holds nothing but reasoning or no word at all
        (`metadata.ng_termination_reason` is then `incomplete_reasoning` or `empty_output`), and at `max_steps` model
        calls, which are counted over all turns. Raises RolloutFailure.
        """
        params = self._next_params()
        return None if params is None else self._take_in(await self._model.responses(params, self._context))

    def _next_params(self) -> JsonObject | None:
        """What the model is asked next; None at `max_steps`."""
        if self._steps == self._max_steps:
            self._last = _incomplete(self._latest(), "max_steps", incomplete_details={"reason": "max_steps"})
            return None
        return {**self._params, "input": self.asked + self.produced}

    def _take_in(self, response: JsonObject) -> JsonObject | None:
        """`response`, or None when the turn cannot go on after it."""
        self._steps += 1
        output: list[JsonObject] = response["output"]
        self.produced += output
        self.usage = add_usage(self.usage, response.get("usage"))
        self._last = response
        if response.get("incomplete_details") or response.get("status") == "incomplete":
            return None
        self._last = _judge_last_step(response, output)
        return response if self._last is response else None

    async def take_turn(self) -> JsonObject:
        """Let the model go on, and carry out its tool calls, until it calls no more: `response()` after that.

        `is_complete` says whether it got that far. Tool calls run in the order in which the model wrote them: they
        share one state. Raises RolloutFailure.
        """
        self.is_complete = False
        while (params := self._next_params()) is not None:
            # Not by `ask`: every wake-up goes through all the coroutines on the way, one less is a hundredth.
            response = self._take_in(await self._model.responses(params, self._context))
            if response is None:
                break
            calls = function_calls(response["output"])
            if not calls:
                self.is_complete = True
                break
            for call in calls:
                self.produced.append(function_call_output(call.call_id, await self._call_tool(call)))
        return self.response()

    def hear(self, text: str) -> None:
        """Add a message of the user."""
        self.produced.append(user_message(text))

    def end(self, reason: str) -> None:
        """Note why nobody speaks to the policy again, under `metadata.ng_termination_reason`."""
        self._last = _with_reason(self._latest(), reason)

    def response(self) -> JsonObject:
        """The last Response, with the items of every step in `output` and the summed `usage`."""
        return {**self._latest(), "output": self.produced, "usage": self.usage}

    def _latest(self) -> JsonObject:
        return self._last or new_response(self._params, [], model="")

    async def _call_tool(self, call: FunctionCall) -> str | list[JsonObject]:
        """What the model gets to see: the tool's output, or why its arguments could not be read."""
        try:
            arguments = call.parse()
        except ValueError as error:
            return dumps({"error": f"Invalid tool call arguments: {error}"}).decode()
        return (await self._session.call_tool(call.name, arguments)).for_model()


def _judge_last_step(response: JsonObject, output: list[JsonObject]) -> JsonObject:
    """`response`, marked as incomplete when there is no answer in it."""
    for item in output:
        if item["type"] != "reasoning" and not _is_empty_message(item):
            return response
    is_thinking = bool(output) and all(item["type"] == "reasoning" for item in output)
    return _incomplete(response, "incomplete_reasoning" if is_thinking else "empty_output")


def _is_empty_message(item: JsonObject) -> bool:
    """Whether an item is a message without a word; a refusal or an image is an answer."""
    if item["type"] != "message":
        return False
    content = item.get("content")
    if not isinstance(content, list):
        return not text_of(content).strip()
    for part in content:
        if not isinstance(part, dict) or part.get("type") not in TEXT_PARTS or str(part.get("text") or "").strip():
            return False
    return True


def _incomplete(response: JsonObject, reason: str, **fields: JsonObject) -> JsonObject:
    return {**_with_reason(response, reason), "status": "incomplete", **fields}


def _with_reason(response: JsonObject, reason: str) -> JsonObject:
    return {**response, "metadata": {**(response.get("metadata") or {}), TERMINATION_REASON: reason}}
