"""Requests and answers of the Responses dialect, and what they cost."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal, Optional, Union

from openai.types.responses import Response
from openai.types.responses.response_create_params import (
    Metadata,
    Reasoning,
    ResponseIncludable,
    ResponsePromptParam,
    ResponsesModel,
    ResponseTextConfigParam,
    ToolChoice,
    ToolParam,
)
from openai.types.responses.response_usage import InputTokensDetails, OutputTokensDetails, ResponseUsage
from pydantic import BaseModel, ConfigDict, Field, model_validator

from nemo_gym.openai_types.items import NeMoGymResponseInput, NeMoGymResponseOutputItem
from nemo_gym.openai_types.narrowing import function_tool, narrowed


class NeMoGymResponseCreateParamsNonStreaming(BaseModel):
    """What a model is asked. Unknown keys are refused."""

    model_config = ConfigDict(extra="forbid")

    background: Optional[bool] = None
    include: Optional[list[ResponseIncludable]] = None
    input: Union[str, NeMoGymResponseInput]
    instructions: Optional[str] = None
    max_output_tokens: Optional[int] = None
    max_tool_calls: Optional[int] = None
    metadata: Optional[Metadata] = None
    model: Optional[ResponsesModel] = None
    parallel_tool_calls: bool = True
    previous_response_id: Optional[str] = None
    prompt: Optional[ResponsePromptParam] = None
    reasoning: Optional[Reasoning] = None
    service_tier: Optional[Literal["auto", "default", "flex", "scale", "priority"]] = None
    store: Optional[bool] = None
    temperature: Optional[float] = None
    text: Optional[ResponseTextConfigParam] = None
    tool_choice: ToolChoice = "auto"
    tools: list[Annotated[ToolParam, narrowed(function_tool)]] = Field(default_factory=list)
    top_logprobs: Optional[int] = None
    top_p: Optional[float] = None
    truncation: Optional[Literal["auto", "disabled"]] = None
    user: Optional[str] = None
    stream: Optional[Literal[False]] = None


class NeMoGymResponseInputTokensDetails(InputTokensDetails):
    """Input tokens in detail; null where the endpoint does not say."""

    cached_tokens: Optional[int]  # type: ignore[assignment]


class NeMoGymResponseOutputTokensDetails(OutputTokensDetails):
    """Output tokens in detail; null where the endpoint does not say."""

    reasoning_tokens: Optional[int]  # type: ignore[assignment]


class NeMoGymResponseUsage(ResponseUsage):
    """Tokens that an answer took."""

    input_tokens_details: NeMoGymResponseInputTokensDetails
    output_tokens_details: NeMoGymResponseOutputTokensDetails

    @classmethod
    def sum_from_list(cls, usages: Iterable["NeMoGymResponseUsage"]) -> "NeMoGymResponseUsage":
        """The sum; zeros of none. A detail that one of them does not know is unknown in the sum."""
        total = cls._of(0, 0, 0, 0, 0)
        for usage in usages:
            total = total + usage
        return total

    def __add__(self, other: "NeMoGymResponseUsage") -> "NeMoGymResponseUsage":
        return self._of(
            self.input_tokens + other.input_tokens,
            _known_sum(_cached(self), _cached(other)),
            self.output_tokens + other.output_tokens,
            _known_sum(_reasoning(self), _reasoning(other)),
            self.total_tokens + other.total_tokens,
        )

    @classmethod
    def _of(
        cls, inputs: int, cached: int | None, outputs: int, reasoning: int | None, total: int
    ) -> "NeMoGymResponseUsage":
        return NeMoGymResponseUsage(
            input_tokens=inputs,
            input_tokens_details=NeMoGymResponseInputTokensDetails(cached_tokens=cached),
            output_tokens=outputs,
            output_tokens_details=NeMoGymResponseOutputTokensDetails(reasoning_tokens=reasoning),
            total_tokens=total,
        )


def _cached(usage: NeMoGymResponseUsage) -> int | None:
    return usage.input_tokens_details.cached_tokens


def _reasoning(usage: NeMoGymResponseUsage) -> int | None:
    return usage.output_tokens_details.reasoning_tokens


def _known_sum(left: int | None, right: int | None) -> int | None:
    return None if left is None or right is None else left + right


def accumulate_response_usage(
    total: NeMoGymResponseUsage | None, additional: NeMoGymResponseUsage | None
) -> NeMoGymResponseUsage | None:
    """The sum of two usages, either of which may be absent; neither is changed."""
    if total is None or additional is None:
        return total if additional is None else additional.model_copy(deep=True)
    result = total.model_copy(deep=True)
    result.input_tokens += additional.input_tokens
    result.output_tokens += additional.output_tokens
    result.total_tokens += additional.total_tokens
    inputs, outputs = result.input_tokens_details, result.output_tokens_details
    if inputs is not None and additional.input_tokens_details is not None:
        inputs.cached_tokens = _known_sum(inputs.cached_tokens, _cached(additional))
    if outputs is not None and additional.output_tokens_details is not None:
        outputs.reasoning_tokens = _known_sum(outputs.reasoning_tokens, _reasoning(additional))
    return result


_ENVELOPE: dict[str, Any] = {"parallel_tool_calls": True, "tool_choice": "auto", "tools": []}
"""Fields of an answer that some clients leave out, and what they take to be meant."""


class NeMoGymResponse(Response):
    """What a model answered."""

    output: list[NeMoGymResponseOutputItem]  # type: ignore[assignment]
    usage: Optional[NeMoGymResponseUsage] = None

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, value: Any) -> Any:
        """Clients send answers without the fields of the envelope that echo the request: those take defaults."""
        if isinstance(value, dict) and not _ENVELOPE.keys() <= value.keys():
            return {**_ENVELOPE, **value}
        return value
