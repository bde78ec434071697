"""Fields of a `vllm_model` instance."""

from typing import Literal

from pydantic import Field, field_validator, model_validator
from typing_extensions import Self

from polygym import JsonObject, ModelServerConfig
from polygym.channels.endpoint import parse_base_url


class VLLMModelConfig(ModelServerConfig):
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
    """Make that prompt with the tokenizer's chat template, in this process. Needs the package transformers."""
    tokenizer: str | None = None
    """Folder or Hugging Face name of that tokenizer; `model` without it."""

    timeout_s: float | None = Field(default=None, gt=0)
    """Seconds one attempt may take; None for no limit."""
    max_attempts: int = Field(default=5, ge=1)
    """Attempts per call for overload, rate limits and lost connections, the first included."""
    max_concurrent_requests: int | None = Field(default=None, ge=1)
    """Calls under way at once, for endpoints that must not be saturated; None for no limit."""

    @field_validator("base_url")
    @classmethod
    def _is_reachable_by_http(cls, given: str | list[str]) -> str | list[str]:
        urls = [given] if isinstance(given, str) else given
        if not urls:
            raise ValueError("the list of base URLs is empty")
        for url in urls:
            parse_base_url(url)
        return given

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.render_chat_template and not self.use_completions_api:
            raise ValueError("render_chat_template: true needs use_completions_api: true")
        if self.earlier_tokens == "prompt" and not self.render_chat_template:
            raise ValueError("earlier_tokens: prompt needs render_chat_template: true")
        if self.earlier_tokens in ("required_prefix_token_ids", "input_ids") and self.use_completions_api:
            raise ValueError(f"earlier_tokens: {self.earlier_tokens} is for chat completions; 'prompt' is the other's")
        if self.earlier_tokens in _EXACT and not self.return_token_id_information:
            raise ValueError(f"earlier_tokens: {self.earlier_tokens} needs return_token_id_information: true")
        return self


_EXACT = ("required_prefix_token_ids", "input_ids", "prompt")
"""Values of `earlier_tokens` with which this server says itself which ids a prompt begins with."""
