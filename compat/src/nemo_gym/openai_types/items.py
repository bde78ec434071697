"""Items of the Responses dialect: what goes into a model and what comes out, in one union.

Lists stand where the SDK has iterables, which pydantic would read lazily, and once.
"""

from typing import Annotated, Any, Literal, Optional, Required, TypeAlias, Union

from openai.types.responses import (
    ResponseCodeInterpreterToolCall,
    ResponseComputerToolCall,
    ResponseCustomToolCall,
    ResponseFileSearchToolCall,
    ResponseFunctionWebSearch,
    ResponseInputTextParam,
    response_input_item,
    response_output_item,
    response_reasoning_item,
)
from openai.types.responses.response_function_call_output_item_list_param import (
    ResponseFunctionCallOutputItemListParam,
)
from openai.types.responses.response_input_content_param import ResponseInputContentParam
from openai.types.responses.response_output_text_param import Annotation, Logprob
from pydantic import BaseModel, BeforeValidator, Field
from typing_extensions import TypedDict

from nemo_gym.openai_types.narrowing import Member, narrowed
from nemo_gym.openai_types.tokens import TokenIDLogProbMixin, require_whole_tokens

Progress: TypeAlias = Literal["in_progress", "completed", "incomplete"]


class NeMoGymSummary(response_reasoning_item.Summary):
    """One part of a reasoning summary."""


class NeMoGymResponseReasoningItem(BaseModel):
    """Reasoning. Without `status`, which endpoints leave null and then refuse to be sent."""

    id: str
    summary: list[NeMoGymSummary]
    type: Literal["reasoning"] = "reasoning"
    encrypted_content: Optional[str] = None
    content: Optional[list[response_reasoning_item.Content]] = None


class NeMoGymResponseOutputText(BaseModel):
    """Text that the model wrote."""

    annotations: list[Annotation]
    text: str
    type: Literal["output_text"] = "output_text"
    logprobs: Optional[list[Logprob]] = None


class NeMoGymResponseOutputRefusal(BaseModel):
    """The model's refusal."""

    refusal: str
    type: Literal["refusal"] = "refusal"


NeMoGymContent: TypeAlias = Union[NeMoGymResponseOutputText, NeMoGymResponseOutputRefusal]


class NeMoGymResponseOutputMessage(BaseModel):
    """A message of the model."""

    id: str
    content: list[NeMoGymContent]
    role: Literal["assistant"] = "assistant"
    status: Progress = "completed"
    type: Literal["message"] = "message"


class NeMoGymInputVideoPart(TypedDict, total=False):
    """A video; OpenAI's dialect has none."""

    type: Required[Literal["input_video"]]
    video_url: Union[str, dict[str, Any]]
    video: Union[str, dict[str, Any]]


def _require_one_video(value: Any) -> Any:
    if not isinstance(value, dict) or value.get("type") != "input_video":
        return value
    given = [name for name in ("video_url", "video") if name in value]
    if len(given) != 1:
        raise ValueError("input_video requires exactly one of video_url or video")
    [name] = given
    address = value[name].get("url") if isinstance(value[name], dict) else value[name]
    if not isinstance(address, str) or not address.strip():
        raise ValueError(f"input_video.{name} must contain a non-empty URL")
    return value


NeMoGymResponseInputContentPart: TypeAlias = Annotated[
    Union[ResponseInputContentParam, NeMoGymInputVideoPart], BeforeValidator(_require_one_video)
]
NeMoGymResponseInputContentList: TypeAlias = list[NeMoGymResponseInputContentPart]


class NeMoGymEasyInputMessage(BaseModel):
    """A message in its short form."""

    content: Union[str, NeMoGymResponseInputContentList]
    role: Literal["user", "assistant", "system", "developer"]
    type: Literal["message"] = "message"


class NeMoGymMessage(BaseModel):
    """A message to the model, in its long form."""

    content: NeMoGymResponseInputContentList
    role: Literal["user", "system", "developer"]
    status: Progress = "completed"
    type: Literal["message"] = "message"


class NeMoGymFunctionCallOutput(BaseModel):
    """What a tool gave back."""

    call_id: str
    output: Union[str, ResponseFunctionCallOutputItemListParam]
    type: Literal["function_call_output"] = "function_call_output"
    id: Optional[str] = None
    status: Optional[Progress] = None


class NeMoGymResponseFunctionToolCall(BaseModel):
    """A call of a tool."""

    arguments: str
    call_id: str
    name: str
    type: Literal["function_call"] = "function_call"
    id: Optional[str] = None
    status: Optional[Progress] = None


class NeMoGymResponseMcpCall(response_output_item.McpCall):
    """A tool call that the endpoint made itself over MCP; endpoints leave out some of its fields."""

    type: Literal["mcp_call"] = "mcp_call"
    id: Optional[str] = None  # type: ignore[assignment]
    server_label: Optional[str] = None  # type: ignore[assignment]
    status: Optional[str] = None  # type: ignore[assignment]


class NeMoGymResponseMcpListTools(response_output_item.McpListTools):
    """The tools of an MCP server that the endpoint talks to, as it lists them."""

    type: Literal["mcp_list_tools"] = "mcp_list_tools"
    tools: list[Any] = Field(default_factory=list)
    id: Optional[str] = None  # type: ignore[assignment]
    server_label: Optional[str] = None  # type: ignore[assignment]


class NeMoGymResponseMcpApprovalRequest(response_output_item.McpApprovalRequest):
    """The endpoint asks whether it may call an MCP tool."""

    type: Literal["mcp_approval_request"] = "mcp_approval_request"
    id: Optional[str] = None  # type: ignore[assignment]
    server_label: Optional[str] = None  # type: ignore[assignment]


class NeMoGymResponseFileSearchToolCall(ResponseFileSearchToolCall):
    """A search in files, done by the endpoint."""


class NeMoGymResponseFunctionWebSearch(ResponseFunctionWebSearch):
    """A web search, done by the endpoint."""


class NeMoGymResponseComputerToolCall(ResponseComputerToolCall):
    """An action on a computer, for the caller to do."""


class NeMoGymImageGenerationCall(response_output_item.ImageGenerationCall):
    """An image, made by the endpoint."""


class NeMoGymResponseCodeInterpreterToolCall(ResponseCodeInterpreterToolCall):
    """Code, run by the endpoint."""


class NeMoGymLocalShellCall(response_output_item.LocalShellCall):
    """A shell command, for the caller to run."""


class NeMoGymResponseCustomToolCall(ResponseCustomToolCall):
    """A call of a tool that takes free text."""


class NeMoGymComputerCallOutput(response_input_item.ComputerCallOutput):
    """What an action on a computer led to."""


class NeMoGymResponseCustomToolCallOutput(response_input_item.ResponseCustomToolCallOutput):
    """What a tool that takes free text gave back."""


class NeMoGymLocalShellCallOutput(response_input_item.LocalShellCallOutput):
    """What a shell command gave back."""


class NeMoGymMcpApprovalResponse(response_input_item.McpApprovalResponse):
    """Whether the endpoint may call the MCP tool."""


class NeMoGymResponseInputText(ResponseInputTextParam):
    """Text for the model."""


class NeMoGymEasyInputMessageForTraining(NeMoGymEasyInputMessage, TokenIDLogProbMixin):
    """As its base, sampled by the policy."""


class NeMoGymMessageForTraining(NeMoGymMessage, TokenIDLogProbMixin):
    """As its base, sampled by the policy."""


class NeMoGymResponseOutputMessageForTraining(NeMoGymResponseOutputMessage, TokenIDLogProbMixin):
    """As its base, sampled by the policy."""


class NeMoGymResponseFunctionToolCallForTraining(NeMoGymResponseFunctionToolCall, TokenIDLogProbMixin):
    """As its base, sampled by the policy."""


class NeMoGymResponseReasoningItemForTraining(NeMoGymResponseReasoningItem, TokenIDLogProbMixin):
    """As its base, sampled by the policy."""


RESPONSES_TO_TRAIN: dict[type[BaseModel], type[BaseModel]] = {
    variant.__bases__[0]: variant
    for variant in (
        NeMoGymEasyInputMessageForTraining,
        NeMoGymMessageForTraining,
        NeMoGymResponseOutputMessageForTraining,
        NeMoGymResponseFunctionToolCallForTraining,
        NeMoGymResponseReasoningItemForTraining,
    )
}
"""The kinds of items that a policy samples, and their variants with token fields."""


def training_variant_of(item_cls: type[BaseModel]) -> type[BaseModel]:
    """The variant of an item's class with token fields. Raises NotImplementedError when it has none."""
    variant = RESPONSES_TO_TRAIN.get(item_cls)
    if variant is None:
        raise NotImplementedError(
            f"{item_cls.__name__} has no ForTraining variant: token ids belong on items that a policy samples "
            f"({', '.join(sorted(base.__name__ for base in RESPONSES_TO_TRAIN))})."
        )
    return variant


_ONLY_OF_ITS_TYPE: dict[str, type[BaseModel]] = {
    "function_call": NeMoGymResponseFunctionToolCall,
    "function_call_output": NeMoGymFunctionCallOutput,
    "reasoning": NeMoGymResponseReasoningItem,
}


def _choose(item: dict[str, Any]) -> Member | None:
    """The commonest kinds. A message with a text is a short one, one with the model's parts is the model's."""
    kind = item.get("type")
    chosen = _ONLY_OF_ITS_TYPE.get(kind) if isinstance(kind, str) else None
    if kind == "message":
        content = item.get("content")
        if isinstance(content, str):
            chosen = NeMoGymEasyInputMessage
        elif isinstance(content, list) and content and all(map(_is_models_part, content)):
            chosen = NeMoGymResponseOutputMessage
    if chosen is not None and "prompt_token_ids" in item:
        chosen = RESPONSES_TO_TRAIN.get(chosen, chosen)
    return None if chosen is None else chosen.__pydantic_validator__


def _is_models_part(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") in ("output_text", "refusal")


NeMoGymResponseInputItem = Annotated[
    Union[
        NeMoGymEasyInputMessage,
        NeMoGymMessage,
        NeMoGymResponseOutputMessage,
        NeMoGymResponseFunctionToolCall,
        NeMoGymFunctionCallOutput,
        NeMoGymResponseReasoningItem,
        NeMoGymResponseMcpCall,
        NeMoGymResponseMcpListTools,
        NeMoGymResponseMcpApprovalRequest,
        NeMoGymResponseFileSearchToolCall,
        NeMoGymResponseFunctionWebSearch,
        NeMoGymResponseComputerToolCall,
        NeMoGymImageGenerationCall,
        NeMoGymResponseCodeInterpreterToolCall,
        NeMoGymLocalShellCall,
        NeMoGymResponseCustomToolCall,
        NeMoGymComputerCallOutput,
        NeMoGymResponseCustomToolCallOutput,
        NeMoGymLocalShellCallOutput,
        NeMoGymMcpApprovalResponse,
        NeMoGymEasyInputMessageForTraining,
        NeMoGymMessageForTraining,
        NeMoGymResponseOutputMessageForTraining,
        NeMoGymResponseFunctionToolCallForTraining,
        NeMoGymResponseReasoningItemForTraining,
    ],
    narrowed(_choose),
    BeforeValidator(require_whole_tokens),
]
NeMoGymResponseInput: TypeAlias = list[NeMoGymResponseInputItem]


def _require_type(value: Any) -> Any:
    if isinstance(value, dict) and "type" not in value:
        raise ValueError("Responses API output items must include a type discriminator")
    return value


NeMoGymResponseOutputItem = Annotated[NeMoGymResponseInputItem, BeforeValidator(_require_type)]
