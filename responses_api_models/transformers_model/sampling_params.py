"""How the tokens of one answer are chosen and when it ends, read from the parameters of a chat request."""

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from polygym import JsonObject
from polygym.servers.base import explain_validation

GREEDY_BELOW: Final = 1e-5
"""Temperature; vLLM's limit. Divided by less, logits are no numbers any more."""

Texts = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(max_length=32)]


class SamplingParams(BaseModel):
    """Names and meanings are vLLM's and OpenAI's. What a request leaves out is the model's plain distribution."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    temperature: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    """0 takes the likeliest token, and so does what is below `GREEDY_BELOW`."""
    top_p: float = Field(default=1.0, gt=0, le=1)
    top_k: int = Field(default=0, ge=-1)
    """0 and -1 are off."""
    min_p: float = Field(default=0.0, ge=0, le=1)
    max_tokens: int | None = Field(default=None, ge=1)
    """Tokens of the answer; None for as many as the context holds."""
    stop: Texts = ()
    """Texts that end the answer, which does not hold them."""
    stop_token_ids: tuple[int, ...] = ()
    """Tokens that end the answer, besides the model's own."""
    ignore_eos: bool = False
    """Go on after the model's own end."""
    seed: int | None = None
    presence_penalty: float = Field(default=0.0, ge=-2, le=2)
    frequency_penalty: float = Field(default=0.0, ge=-2, le=2)
    repetition_penalty: float = Field(default=1.0, ge=0.01, le=10)
    logit_bias: dict[int, Annotated[float, Field(ge=-100, le=100)]] = Field(default_factory=dict)
    """Added to the logits of these tokens."""
    logprobs: bool = False
    """Whether the answer says how likely its tokens were, in OpenAI's form."""
    top_logprobs: int = Field(default=0, ge=0, le=64)
    """Likeliest tokens to name beside each."""

    @field_validator("temperature")
    @classmethod
    def _greedy(cls, given: float) -> float:
        return given if given >= GREEDY_BELOW else 0.0

    @field_validator("stop", "stop_token_ids", mode="before")
    @classmethod
    def _several(cls, given: object) -> object:
        return (given,) if isinstance(given, str) else tuple(given) if isinstance(given, list) else given

    @field_validator("logit_bias", mode="before")
    @classmethod
    def _bias(cls, given: object) -> object:
        """JSON has texts for keys."""
        return {int(token): value for token, value in given.items()} if isinstance(given, dict) else given

    @property
    def changes_logits(self) -> bool:
        """Whether anything but temperature and truncation bears on the distribution."""
        is_penalized = self.presence_penalty or self.frequency_penalty or self.repetition_penalty != 1
        return bool(is_penalized or self.logit_bias)


_OF_THE_PROMPT: Final = ("messages", "tools", "tool_choice", "chat_template_kwargs", "reasoning_effort")
_WITHOUT_EFFECT: Final = (
    *("model", "stream", "stream_options", "parallel_tool_calls", "include", "metadata", "user", "store"),
    *("service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_retention"),
)
"""What says nothing about the answer's text, or is dealt with elsewhere."""
_ONLY: Final = {
    "n": (1,),
    "best_of": (1,),
    "response_format": ({"type": "text"},),
    "modalities": (["text"],),
    "truncation": ("disabled",),
    "tool_choice": ("auto", "none"),
}
"""Parameters of which only these values can be honoured."""
_KNOWN: Final = frozenset({*SamplingParams.model_fields, *_OF_THE_PROMPT, *_WITHOUT_EFFECT, *_ONLY})


def sampling_params(body: JsonObject, vocabulary_size: int) -> SamplingParams:
    """What `body`, a chat request without nulls, asks of a model that knows so many tokens.

    `max_completion_tokens` counts as `max_tokens`. Raises ValueError that names what is malformed, and what cannot be
    honoured: an answer must not differ from what was asked without a word.
    """
    if "max_completion_tokens" in body:
        body = {**body, "max_tokens": body["max_completion_tokens"]}
        del body["max_completion_tokens"]
    unknown = [name for name in body if name not in _KNOWN]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is no parameter that this server can honour")
    for name, possible in _ONLY.items():
        if name in body and body[name] not in possible:
            raise ValueError(f"{name!r} must be {possible[0]!r}, {body[name]!r} cannot be honoured")
    try:
        params = SamplingParams.model_validate(body)
    except ValidationError as error:
        raise ValueError(explain_validation(error)) from error
    for token in (*params.logit_bias, *params.stop_token_ids):
        if not 0 <= token < vocabulary_size:
            raise ValueError(f"the model knows no token {token}; it has {vocabulary_size}")
    return params
