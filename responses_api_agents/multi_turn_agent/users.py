"""The simulated users that a policy can talk with: the environment's own, the row's script, a model in a role."""

from time import perf_counter
from typing import Any, Final, Protocol

from pydantic import BaseModel, Field

from polygym import (
    Conversation,
    FailureClass,
    JsonObject,
    ResourcesSession,
    RolloutContext,
    RolloutFailure,
    Stage,
    add_usage,
)
from polygym.protocol.calls import Model
from polygym.protocol.failures import raise_inside
from polygym.protocol.items import is_message, output_text, text_of

SYSTEM_PROMPT: Final = """You play a person who talks with an assistant, and you never leave that role.

Who you are: {persona}
What you want: {goal}

Write what this person says next, and nothing else. Keep it short and in everyday words. When you are asked for \
something that is said above, tell it; what is not said above you do not know. Do not do the assistant's work.
When you have got what you want, or see that you will not get it, write {stop_token} instead of a message."""
"""What a user model is told, unless the configuration or the row says otherwise."""
OPENING: Final = "(The assistant is waiting for your first message.)"
SILENCE: Final = "(The assistant has said nothing.)"


class UserFields(BaseModel):
    """A row's `user`: what the person knows and wants, or what they say, whatever happens."""

    script: list[str] = Field(default_factory=list)
    """Messages after the one in the task's input, for `user: script`."""
    persona: str = "somebody who needs help"
    """Who the person is, in words that stand after "Who you are:"."""
    goal: str = "what your first message says"
    """What the person wants and knows."""
    system_prompt: str | None = None
    """The user model's whole instruction, in place of the agent's `user_system_prompt`; taken as it is."""


class User(Protocol):
    """Somebody who talks with the policy."""

    async def reply(self, conversation: Conversation) -> str | None:
        """The next message; None when there is nothing left to say. Raises RolloutFailure."""
        ...


class EnvironmentUser:
    """The resources server decides, in its `next_user_message`."""

    def __init__(self, session: ResourcesSession) -> None:
        self._session = session

    async def reply(self, conversation: Conversation) -> str | None:
        """What the environment says to the rollout so far."""
        response = conversation.response()
        return await self._session.next_user_message({**response, "output": list(response["output"])})


class ScriptedUser:
    """Says the row's messages, one after the other, whatever the policy answers."""

    def __init__(self, script: list[str]) -> None:
        self._left = iter(script)

    async def reply(self, conversation: Conversation) -> str | None:
        """The next message of the script."""
        return next(self._left, None)


class ModelUser:
    """A model in a role. It sees the messages, never the tools, and its calls count for nobody's model but its own."""

    def __init__(
        self, model: Model, name: str, params: JsonObject, instruction: str, stop_token: str, context: RolloutContext
    ) -> None:
        self.usage: JsonObject | None = None
        """Summed over its calls."""
        self._model = model
        self._name = name
        self._params = params
        self._instruction = instruction
        self._stop_token = stop_token
        self._context = context
        limit_s = context.limits_s.get(Stage.USER)
        limits_s = {} if limit_s is None else {str(Stage.MODEL): limit_s}
        self._own = RolloutContext(f"{context.rollout_id}.user", limits_s=limits_s)

    async def reply(self, conversation: Conversation) -> str | None:
        """What the model says. Raises RolloutFailure of stage `user` when it fails or says nothing."""
        started = perf_counter()
        try:
            text = await self._ask(conversation)
        except RolloutFailure as failure:
            raise_inside(failure, Stage.USER, self._name)
        finally:
            self._context.record(Stage.USER, perf_counter() - started)
        return None if self._stop_token in text else text

    async def _ask(self, conversation: Conversation) -> str:
        seen = as_the_user_sees(conversation.asked + conversation.produced)
        asked = [{"type": "message", "role": "system", "content": self._instruction}, *seen]
        response = await self._model.responses({**self._params, "input": asked}, self._own)
        self.usage = add_usage(self.usage, response.get("usage"))
        text = output_text(response.get("output") or ()).strip()
        if not text:
            message = f"it gave no text: {response.get('incomplete_details') or response.get('status')}"
            raise RolloutFailure(FailureClass.MODEL_BAD_RESPONSE, Stage.MODEL, message)
        return text


def as_the_user_sees(items: list[JsonObject]) -> list[JsonObject]:
    """The conversation from the other side: what the user said is the assistant's, and the other way round."""
    seen: list[Any] = []
    for item in items:
        role = _OTHER_SIDE.get(item["role"]) if is_message(item) else None
        text = text_of(item.get("content"))
        if role is not None and text:
            seen.append({"type": "message", "role": role, "content": text})
    if not seen or seen[-1]["role"] != "user":
        seen.append({"type": "message", "role": "user", "content": SILENCE if seen else OPENING})
    return seen


_OTHER_SIDE: Final = {"user": "assistant", "assistant": "user"}
