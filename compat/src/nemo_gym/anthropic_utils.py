"""Anthropic's requests and answers as pydantic models. Needs the extra `anthropic`, for its types."""

from typing import List, Literal, Optional, Union

from anthropic.types import (
    CacheControlEphemeralParam,
    Message,
    MessageParam,
    MetadataParam,
    ModelParam,
    OutputConfigParam,
    TextBlockParam,
    ThinkingConfigParam,
    ToolChoiceParam,
    ToolUnionParam,
)
from pydantic import BaseModel, ConfigDict


class NeMoGymAnthropicMessageCreateParamsNonStreaming(BaseModel):
    """A request of the Messages dialect, without streaming. Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")

    max_tokens: int
    messages: List[MessageParam]
    model: ModelParam
    cache_control: Optional[CacheControlEphemeralParam] = None
    container: Optional[str] = None
    inference_geo: Optional[str] = None
    metadata: Optional[MetadataParam] = None
    output_config: Optional[OutputConfigParam] = None
    service_tier: Optional[Literal["auto", "standard_only"]] = None
    stop_sequences: Optional[List[str]] = None
    stream: Optional[Literal[False]] = None
    system: Optional[Union[str, List[TextBlockParam]]] = None
    temperature: Optional[float] = None
    thinking: Optional[ThinkingConfigParam] = None
    tool_choice: Optional[ToolChoiceParam] = None
    tools: Optional[List[ToolUnionParam]] = None
    top_k: Optional[int] = None
    top_p: Optional[float] = None


class NeMoGymAnthropicMessage(Message):
    """An answer of the Messages dialect."""
