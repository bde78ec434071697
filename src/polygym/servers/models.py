"""One policy endpoint, spoken to in the Responses, the Chat Completions or the Messages dialect."""

from abc import ABC, abstractmethod

from polygym.protocol.calls import RolloutContext
from polygym.protocol.chat import chat_params_to_responses, response_to_chat_completion
from polygym.protocol.failures import FailureClass, RolloutFailure, Stage
from polygym.protocol.json import JsonObject
from polygym.protocol.messages import messages_params_to_responses, response_to_message, without_messages_fields
from polygym.servers.base import Server, ServerConfig


class ModelServerConfig(ServerConfig):
    """Configuration of a model server."""


class ModelServer(Server, ABC):
    """A policy. Subclasses answer `responses`; the other dialects are converted unless they override them."""

    config: ModelServerConfig

    @abstractmethod
    async def responses(self, params: JsonObject, context: RolloutContext) -> JsonObject:
        """Answer Responses API create params with a Response object. Raises RolloutFailure when the endpoint fails."""

    async def chat_completions(self, params: JsonObject, context: RolloutContext) -> JsonObject:
        """Answer Chat Completions create params with a ChatCompletion object. Raises RolloutFailure."""
        try:
            asked = chat_params_to_responses(params)
        except ValueError as error:
            raise _refusal(self.name, str(error)) from error
        response = await self.responses(asked, context)
        try:
            return response_to_chat_completion(response)
        except ValueError as error:
            raise _unusable(self.name, error) from error

    async def messages(self, params: JsonObject, context: RolloutContext) -> JsonObject:
        """Answer Messages create params with a Message object. Raises RolloutFailure.

        What only an Anthropic endpoint knows, such as `cache_control` and `thinking`, stays here.
        """
        try:
            asked = without_messages_fields(messages_params_to_responses(params))
        except ValueError as error:
            raise _refusal(self.name, str(error)) from error
        response = await self.responses(asked, context)
        try:
            return response_to_message(response)
        except ValueError as error:
            raise _unusable(self.name, error) from error

    async def count_message_tokens(self, params: JsonObject, context: RolloutContext) -> JsonObject:
        """`{"input_tokens": N}` for Messages create params. Raises RolloutFailure where that cannot be known."""
        message = "tokens cannot be counted before a call of this policy; the answer's usage has them"
        raise _refusal(self.name, message, http_status=404)

    async def probe(self) -> None:
        """Find out in a moment, and at no cost, whether the endpoint can be called. Called after `start`, before a run.

        Raises RolloutFailure or UserError when it cannot. Servers that have no way to tell leave it as it is.
        """

    def list_models(self) -> list[str]:
        """Names under which the policy can be asked for."""
        return [self.name]


def _refusal(server: str, problem: str, http_status: int = 400) -> RolloutFailure:
    return RolloutFailure(FailureClass.MODEL_REJECTED, Stage.MODEL, f"{server}: {problem}", http_status=http_status)


def _unusable(server: str, error: ValueError) -> RolloutFailure:
    message = f"{server}: the answer cannot be given in the caller's dialect: {error}"
    return RolloutFailure(FailureClass.MODEL_BAD_RESPONSE, Stage.MODEL, message)
