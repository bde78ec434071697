"""Between the Responses dialect and Anthropic's Messages dialect, in both directions, as one object."""

from collections.abc import Iterator
from typing import Any, Optional

from nemo_gym.messages_dialect import message_as_events, read_message_request, write_message
from nemo_gym.messages_requests import read_message, write_message_request
from nemo_gym.openai_types.responses import NeMoGymResponse, NeMoGymResponseCreateParamsNonStreaming


class AnthropicConverter:
    """Converts requests and answers. What the other dialect cannot say raises NotImplementedError or ValueError."""

    def responses_to_anthropic(
        self,
        body: NeMoGymResponseCreateParamsNonStreaming,
        model: str,
        max_tokens: int,
        thinking: Optional[dict[str, Any]],
        thinking_budget_tokens: Optional[int],
        extra_body: dict[str, Any],
    ) -> dict[str, Any]:
        """A request for an Anthropic endpoint; `max_tokens` counts where the request says none."""
        return write_message_request(
            body,
            model=model,
            max_tokens=max_tokens,
            thinking=thinking,
            thinking_budget_tokens=thinking_budget_tokens,
            extra_body=extra_body,
        )

    def anthropic_to_responses(
        self, anthropic_response: dict[str, Any], request_body: NeMoGymResponseCreateParamsNonStreaming, model: str
    ) -> NeMoGymResponse:
        """An Anthropic endpoint's answer."""
        return read_message(anthropic_response, request_body, model)

    def anthropic_request_to_responses(self, anthropic_body: dict[str, Any]) -> NeMoGymResponseCreateParamsNonStreaming:
        """A request of an Anthropic client."""
        return read_message_request(anthropic_body)

    def responses_to_anthropic_response(self, response: NeMoGymResponse, model: str) -> dict[str, Any]:
        """An answer for an Anthropic client."""
        return write_message(response, model)

    def anthropic_response_to_sse(self, anthropic_response: dict[str, Any]) -> Iterator[str]:
        """A complete answer as the events of a stream."""
        return message_as_events(anthropic_response)
