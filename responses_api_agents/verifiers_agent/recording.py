"""The policy's calls in one rollout, as the library makes them in Chat Completions, and what they add up to.

Earlier answers come back as the text that Chat Completions has for them. They are recognised and asked again as the
model gave them, so that reasoning and token ids are not lost.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from polygym import JsonObject, RolloutContext, RolloutFailure, add_usage, dumps, input_items, new_response
from polygym.protocol.calls import Model
from polygym.protocol.chat import chat_params_to_responses, response_to_chat_completion

OURS: Final = frozenset({"input", "tools", "tool_choice", "parallel_tool_calls", "instructions"})
"""Create params of the row that are the library's to say."""
TRANSPORT: Final = ("stream", "stream_options", "model")


@dataclass(frozen=True, slots=True)
class ModelCall:
    """One call of the policy."""

    messages: tuple[bytes, ...]
    """The conversation up to and including the answer, each message in a form for comparing."""
    request: JsonObject
    """Create params, as the model server got them."""
    response: JsonObject
    earlier: "ModelCall | None"
    """The call that this one goes on from."""

    @property
    def items(self) -> list[JsonObject]:
        """The whole conversation."""
        return [*input_items(self.request["input"]), *self.response["output"]]

    @property
    def length(self) -> int:
        """Calls in its conversation."""
        return 1 if self.earlier is None else 1 + self.earlier.length

    @property
    def first(self) -> "ModelCall":
        """The call that its conversation began with."""
        return self if self.earlier is None else self.earlier.first


class Recording:
    """What one rollout asks the policy, and gets."""

    def __init__(self, model: Model, params: JsonObject, context: RolloutContext, defaults: JsonObject) -> None:
        self._model = model
        self._context = context
        self._params = params
        given = {name: value for name, value in params.items() if name not in OURS and value is not None}
        self._settings = {**defaults, **given}
        """Sampling settings of the run, which win over the library's."""
        self.calls: list[ModelCall] = []
        self.failure: RolloutFailure | None = None
        """The last failure of the model server."""

    async def answer(self, body: JsonObject) -> JsonObject:
        """The ChatCompletion to a chat request. Raises RolloutFailure, or ValueError for a request that is none."""
        request = chat_params_to_responses({name: each for name, each in body.items() if name not in TRANSPORT})
        messages: list[JsonObject] = body["messages"]
        keys = tuple(map(_key, messages))
        earlier = self._continued_by(keys)
        if earlier is not None:
            tail = messages[len(earlier.messages) :]
            request["input"] = [*earlier.items, *chat_params_to_responses({"messages": tail})["input"]]
        request = {**request, **self._settings}
        try:
            response = await self._model.responses(request, self._context)
        except RolloutFailure as failure:
            self.failure = failure
            raise
        completion = response_to_chat_completion(response)
        reply = completion["choices"][0]["message"]
        self.calls.append(ModelCall((*keys, _key(reply)), request, response, earlier))
        return completion

    def params(self) -> JsonObject:
        """The row's create params, with what the longest conversation began with and the tools it was offered."""
        if not self.calls:
            return self._params
        request = self._main().first.request
        tools = {"tools": request["tools"]} if request.get("tools") else {}
        return {**self._params, "input": input_items(request["input"]), **tools}

    def response(self, conversation: Sequence[JsonObject] = ()) -> JsonObject:
        """The Response of the rollout: everything that was said after the first request, in its longest conversation.

        `conversation` may hold messages that came after the last call: outputs of tools, say. Calls that belong to
        other conversations are counted under `metadata.other_model_calls`.
        """
        if not self.calls:
            return new_response(self._params, [], model="")
        last = self._main()
        usage: JsonObject | None = None
        for call in self.calls:
            usage = add_usage(usage, call.response.get("usage"))
        keys = tuple(map(_key, conversation))
        tail = conversation[len(last.messages) :] if keys[: len(last.messages)] == last.messages else ()
        after = chat_params_to_responses({"messages": list(tail)})["input"] if tail else []
        output = [*last.items[len(input_items(last.first.request["input"])) :], *after]
        others = {"other_model_calls": str(len(self.calls) - last.length)} if len(self.calls) > last.length else {}
        metadata = {**(last.response.get("metadata") or {}), **others}
        return {**last.response, "output": output, "usage": usage, "metadata": metadata or None}

    def _main(self) -> ModelCall:
        """The last call of the longest conversation, the later one of two that are as long."""
        return max(reversed(self.calls), key=lambda call: call.length)

    def _continued_by(self, keys: tuple[bytes, ...]) -> ModelCall | None:
        """The call whose conversation, answer included, `keys` go on from."""
        for call in reversed(self.calls):
            if len(call.messages) < len(keys) and keys[: len(call.messages)] == call.messages:
                return call
        return None


def _key(message: JsonObject) -> bytes:
    """What of a message survives the way through a library: role, text, tool calls."""
    calls = [
        [each.get("id"), each["function"]["name"], each["function"]["arguments"]]
        for each in message.get("tool_calls") or ()
        if isinstance(each, dict) and "function" in each
    ]
    return dumps([message.get("role"), _text(message.get("content")), calls, message.get("tool_call_id")])


def _text(content: Any) -> Any:
    """Content that is one text, as that text; an empty one as none."""
    if isinstance(content, list) and all(isinstance(each, dict) and each.get("type") == "text" for each in content):
        content = "".join(str(each.get("text") or "") for each in content)
    return content or None
