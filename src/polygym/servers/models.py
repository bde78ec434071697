"""One policy endpoint, spoken to in the Responses or the Chat Completions dialect."""

from abc import ABC, abstractmethod

from polygym.protocol.calls import RolloutContext
from polygym.protocol.chat import chat_params_to_responses, response_to_chat_completion
from polygym.protocol.json import JsonObject
from polygym.servers.base import Server, ServerConfig


class ModelServerConfig(ServerConfig):
    """Configuration of a model server."""


class ModelServer(Server, ABC):
    """A policy. Subclasses answer `responses`; the other dialect is converted unless they override it."""

    config: ModelServerConfig

    @abstractmethod
    async def responses(self, params: JsonObject, context: RolloutContext) -> JsonObject:
        """Answer Responses API create params with a Response object. Raises RolloutFailure when the endpoint fails."""

    async def chat_completions(self, params: JsonObject, context: RolloutContext) -> JsonObject:
        """Answer Chat Completions create params with a ChatCompletion object."""
        return response_to_chat_completion(await self.responses(chat_params_to_responses(params), context))

    async def probe(self) -> None:
        """Find out in a moment, and at no cost, whether the endpoint can be called. Called after `start`, before a run.

        Raises RolloutFailure or UserError when it cannot. Servers that have no way to tell leave it as it is.
        """

    def list_models(self) -> list[str]:
        """Names under which the policy can be asked for."""
        return [self.name]
