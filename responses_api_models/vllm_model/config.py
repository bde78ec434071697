"""Fields of a `vllm_model` instance."""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from polygym import JsonObject
from polygym.channels.endpoint_model import EndpointConfig, reachable_urls


class VLLMModelConfig(EndpointConfig):
    """Where the endpoint is, how it is called, and what it is asked to return."""

    base_url: str | list[str]
    """URL that `/chat/completions` is appended to, `/v1` included; several share the rollouts."""
    api_key: str | None = None
    """Sent as bearer token; none is sent without it."""
    model: str = Field(min_length=1)
    """Name of the model; replaces the one in a request."""
    default_headers: dict[str, str] = Field(default_factory=dict)
    """Sent with every call."""

    return_token_id_information: bool = False
    """Put `prompt_token_ids`, `generation_token_ids` and `generation_log_probs` on the last item of every answer."""
    request_prompt_and_generation_token_ids: bool = True
    """Ask for the ids with `return_token_ids`. Without it the prompt's come from `/tokenize`, a second call."""
    earlier_tokens: Literal["on_messages", "required_prefix_token_ids", "input_ids", "prompt", "omitted"] = (
        "on_messages"
    )
    """How the endpoint learns the ids that earlier turns had, with `return_token_id_information`."""

    uses_reasoning_parser: bool = True
    """Keep reasoning apart from the text, also where the endpoint leaves it there between `<think>` and `</think>`."""
    uses_interleaved_reasoning: bool = True
    """Send the reasoning of earlier turns."""
    preserve_reasoning_in_assistant_content: bool = False
    """Send it inside the text, between `<think>` and `</think>`, instead of in a field of its own."""
    replace_developer_role_with_system: bool = False
    """For chat templates that know no developer."""

    chat_template_kwargs: JsonObject | None = None
    """Variables of the chat template for every call; those of the request win."""
    extra_body: JsonObject | None = None
    """Parameters for every call; those of the request win."""
    sampling_overrides: JsonObject | None = None
    """Parameters for every call that win over those of the request."""
    audio_root: str | None = None
    """Folder of relative `metadata.audio_path`s."""

    use_completions_api: bool = False
    """Call `/completions` with a prompt instead of `/chat/completions` with messages."""
    render_chat_template: bool = False
    """Make that prompt with the tokenizer's chat template, in this process. Needs the extra `chat-template`."""
    tokenizer: str | None = None
    """Folder or Hugging Face name of that tokenizer; `model` without it."""
    tool_format: str | None = None
    """How the model writes tool calls in its text, such as `hermes`; `auto` looks into the chat template.

    Without it a text completion's calls stay text.
    """

    @field_validator("base_url")
    @classmethod
    def _is_reachable_by_http(cls, given: str | list[str]) -> str | list[str]:
        return reachable_urls(given)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.render_chat_template and not self.use_completions_api:
            raise ValueError("render_chat_template: true needs use_completions_api: true")
        if self.tool_format is not None and not self.render_chat_template:
            raise ValueError("tool_format needs render_chat_template: true")
        if self.earlier_tokens == "prompt" and not self.render_chat_template:
            raise ValueError("earlier_tokens: prompt needs render_chat_template: true")
        if self.earlier_tokens in ("required_prefix_token_ids", "input_ids") and self.use_completions_api:
            raise ValueError(f"earlier_tokens: {self.earlier_tokens} is for chat completions; 'prompt' is the other's")
        if self.earlier_tokens in _EXACT and not self.return_token_id_information:
            raise ValueError(f"earlier_tokens: {self.earlier_tokens} needs return_token_id_information: true")
        return self


_EXACT = ("required_prefix_token_ids", "input_ids", "prompt")
"""Values of `earlier_tokens` with which this server says itself which ids a prompt begins with."""
