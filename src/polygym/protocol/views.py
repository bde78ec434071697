"""Typed views of one rollout, made where someone reads them: what the model was asked and everything it did."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

from polygym.protocol import items
from polygym.protocol.json import JsonObject

ValueT = TypeVar("ValueT")


class _once(Generic[ValueT]):  # noqa: N801 - a decorator
    """As `functools.cached_property`, without the lock that it takes before Python 3.12: half of a verifier's time."""

    def __init__(self, compute: "Callable[[RolloutView], ValueT]") -> None:
        self._compute = compute
        self.__doc__ = compute.__doc__

    @overload
    def __get__(self, view: None, owner: type) -> "_once[ValueT]": ...
    @overload
    def __get__(self, view: "RolloutView", owner: type) -> ValueT: ...
    def __get__(self, view: "RolloutView | None", owner: type) -> "_once[ValueT] | ValueT":
        if view is None:
            return self
        value = view.__dict__[self._compute.__name__] = self._compute(view)
        return value


class RolloutView:
    """What a verifier reads of a rollout. The underlying `params` and `response` stay as they came."""

    def __init__(self, params: JsonObject, response: JsonObject) -> None:
        self.params = params
        """`responses_create_params` of the task."""
        self.response = response
        """The final Response; its `output` holds the items of every step, tool outputs included."""

    @_once
    def output(self) -> list[JsonObject]:
        """Items that model and tools produced, in order; what is no item is left out."""
        output = self.response.get("output")
        return [item for item in output if isinstance(item, dict)] if isinstance(output, list) else []

    @_once
    def output_text(self) -> str:
        """Text of all assistant messages, joined."""
        return items.output_text(self.output)

    @_once
    def final_text(self) -> str:
        """Text of the last assistant message; empty when the rollout ended without one."""
        return items.text_of(self.messages[-1].get("content")) if self.messages else ""

    @_once
    def messages(self) -> list[JsonObject]:
        """The assistant messages."""
        return [
            item
            for item in self.output
            if item.get("role") == "assistant" and (item.get("type") or "message") == "message"
        ]

    @_once
    def function_calls(self) -> list[items.FunctionCall]:
        """Tool calls, in order, whether or not their arguments parse."""
        return items.function_calls(self.output)

    @_once
    def tool_outputs(self) -> dict[str, Any]:
        """What each tool call got back, by `call_id`: a string, or a list of content parts."""
        return {
            str(item.get("call_id", "")): item.get("output")
            for item in self.output
            if item.get("type") == "function_call_output"
        }

    @_once
    def user_messages(self) -> list[JsonObject]:
        """What the user said after the task's own messages, where the rollout is a conversation."""
        return [item for item in self.output if items.is_message(item) and item.get("role") == "user"]

    @_once
    def reasoning(self) -> str:
        """Reasoning text and summaries, a line break between parts."""
        found: list[str] = []
        for item in self.output:
            if item.get("type") == "reasoning":
                content = item.get("content") or item.get("summary") or ()
                parts = [{"text": content}] if isinstance(content, str) else content
                if isinstance(parts, list | tuple):
                    found += [str(part.get("text") or "") for part in parts if isinstance(part, dict)]
        return "\n".join(found)

    @property
    def is_complete(self) -> bool:
        """False when the rollout was cut short: length, content filter, too many steps, a turn without an answer."""
        return not self.response.get("incomplete_details") and self.response.get("status") != "incomplete"

    def called(self, tool: str) -> bool:
        """Whether the model called that tool at least once, whatever the arguments and whatever came of it."""
        return any(call.name == tool for call in self.function_calls)

    def calls_of(self, tool: str) -> list[items.FunctionCall]:
        """The calls of that tool, in order."""
        return [call for call in self.function_calls if call.name == tool]

    def output_of(self, call: items.FunctionCall) -> str | None:
        """The text that a call got back; None for one that was never carried out."""
        output = self.tool_outputs.get(call.call_id)
        return None if output is None else items.text_of(output)
