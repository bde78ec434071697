"""Fields of a `transformers_model` instance."""

from typing import Literal, Self

from pydantic import Field, model_validator

from polygym import JsonObject, ModelServerConfig


class TransformersModelConfig(ModelServerConfig):
    """Which model is loaded, where it computes, how much at once, and what its answers hold."""

    model: str = Field(min_length=1)
    """Folder, or Hugging Face name, of a causal language model."""
    tokenizer: str | None = None
    """Folder or Hugging Face name of its tokenizer; `model` without it."""
    revision: str | None = None
    """Branch, tag or commit of a Hugging Face name."""
    device: str = "auto"
    """`cpu`, `cuda`, `cuda:1`, …; `auto` is a GPU where there is one."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Type of the weights; `auto` is what they are stored as."""
    attn_implementation: str | None = None
    """Attention of transformers: `sdpa`, `eager`, `flash_attention_2`, …; its own choice without it."""
    trust_remote_code: bool = False
    """Run Python code that comes with the model."""
    load_kwargs: JsonObject = Field(default_factory=dict)
    """Further arguments of `AutoModelForCausalLM.from_pretrained`."""

    max_model_len: int | None = Field(default=None, ge=2)
    """Tokens of prompt and answer together; without it as many as the model has positions for."""
    max_batch_size: int = Field(default=64, ge=1)
    """Answers that are generated at once; further requests wait."""
    max_batch_tokens: int | None = Field(default=None, ge=2)
    """Most tokens in the batch, each answer counted as long as the longest; None for as many as memory holds."""

    return_token_id_information: bool = False
    """Put `prompt_token_ids`, `generation_token_ids` and `generation_log_probs` on the last item of every answer."""
    logprobs_mode: Literal["processed_logprobs", "raw_logprobs"] = "processed_logprobs"
    """Of which distribution: the one sampled from, or the model's own, before temperature, top-p and the like."""

    use_chat_template: bool = True
    """Make prompts with the chat template; without it the one message of the user is the prompt, for base models."""
    chat_template: str | None = None
    """File with a chat template in place of the tokenizer's."""
    chat_template_kwargs: JsonObject | None = None
    """Variables of the chat template for every call; those of the request win."""
    tool_format: Literal["auto", "deepseek", "generic", "hermes", "llama3", "mistral", "qwen_xml"] = "auto"
    """How the model writes tool calls; `auto` tells from the chat template."""
    uses_reasoning_parser: bool = True
    """Keep reasoning apart from the text, where the model puts it between `<think>` and `</think>`."""

    extra_body: JsonObject | None = None
    """Parameters for every call; those of the request win."""
    sampling_overrides: JsonObject | None = None
    """Parameters for every call that win over those of the request."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.chat_template is not None and not self.use_chat_template:
            raise ValueError("chat_template names a file, and use_chat_template: false says not to use it")
        return self
