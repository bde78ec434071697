"""Requests and answers of the Chat Completions dialect.

Messages are dicts, as in the SDK; lists stand where the SDK has iterables, which pydantic would read lazily, and once.
"""

from typing import Annotated, Any, Literal, Optional, Required, TypeAlias, Union

from openai.types.chat import (
    ChatCompletion,
    ChatCompletionAssistantMessageParam,
    ChatCompletionContentPartImageParam,
    ChatCompletionContentPartInputAudioParam,
    ChatCompletionContentPartTextParam,
    ChatCompletionDeveloperMessageParam,
    ChatCompletionMessage,
    ChatCompletionMessageToolCall,
    ChatCompletionMessageToolCallParam,
    ChatCompletionSystemMessageParam,
    ChatCompletionToolMessageParam,
    ChatCompletionToolParam,
    ChatCompletionUserMessageParam,
    completion_create_params,
)
from openai.types.chat.chat_completion import Choice
from openai.types.chat.chat_completion_assistant_message_param import ContentArrayOfContentPart
from openai.types.chat.chat_completion_content_part_param import File
from openai.types.chat.chat_completion_custom_tool_param import ChatCompletionCustomToolParam
from openai.types.chat.chat_completion_message_custom_tool_call import ChatCompletionMessageCustomToolCall
from openai.types.chat.chat_completion_message_custom_tool_call_param import ChatCompletionMessageCustomToolCallParam
from openai.types.responses import FunctionToolParam
from openai.types.responses.response_create_params import Metadata
from openai.types.shared.chat_model import ChatModel
from openai.types.shared_params import FunctionDefinition
from pydantic import BaseModel, BeforeValidator, Field
from typing_extensions import TypedDict

from nemo_gym.openai_types.tokens import TokenIDLogProbMixin, TokenIDLogProbTypedDictMixin, require_whole_tokens


class NeMoGymFunction(BaseModel):
    """The function that a tool call names."""

    arguments: str
    name: str


class NeMoGymChatCompletionMessageToolCall(ChatCompletionMessageToolCall):
    """A tool call in an answer."""

    function: NeMoGymFunction  # type: ignore[assignment]


class NeMoGymChatCompletionMessageCustomToolCall(ChatCompletionMessageCustomToolCall):
    """A call, in an answer, of a tool that takes free text."""


NeMoGymChatCompletionMessageToolCallUnion = Annotated[
    Union[NeMoGymChatCompletionMessageToolCall, NeMoGymChatCompletionMessageCustomToolCall],
    Field(discriminator="type"),
]


class NeMoGymChatCompletionMessage(ChatCompletionMessage):
    """The model's message."""

    tool_calls: Optional[list[NeMoGymChatCompletionMessageToolCallUnion]] = None  # type: ignore[assignment]


class NeMoGymChatCompletionMessageForTraining(NeMoGymChatCompletionMessage, TokenIDLogProbMixin):
    """As its base, with the tokens."""


NeMoGymChatCompletionOutputMessage: TypeAlias = Annotated[
    Union[NeMoGymChatCompletionMessage, NeMoGymChatCompletionMessageForTraining],
    BeforeValidator(require_whole_tokens),
]


class NeMoGymChoice(Choice):
    """One of the answers to a request."""

    message: NeMoGymChatCompletionOutputMessage


class NeMoGymChatCompletion(ChatCompletion):
    """What a model answered."""

    choices: list[NeMoGymChoice]  # type: ignore[assignment]


class NeMoGymFunctionDefinition(FunctionDefinition):
    """A function that the model may call."""


class NeMoGymFunctionToolParam(FunctionToolParam):
    """A function that the model may call, in the Responses dialect."""


class NeMoGymChatCompletionToolParam(ChatCompletionToolParam):
    """A tool that is a function."""

    function: Required[NeMoGymFunctionDefinition]  # type: ignore[misc]


class NeMoGymChatCompletionCustomToolParam(ChatCompletionCustomToolParam):
    """A tool that takes free text."""


NeMoGymChatCompletionToolUnionParam = Annotated[
    Union[NeMoGymChatCompletionToolParam, NeMoGymChatCompletionCustomToolParam], Field(discriminator="type")
]


class NeMoGymChatCompletionContentPartTextParam(ChatCompletionContentPartTextParam):
    """Text."""


class NeMoGymChatCompletionContentPartImageParam(ChatCompletionContentPartImageParam):
    """An image."""


class NeMoGymChatCompletionContentPartInputAudioParam(ChatCompletionContentPartInputAudioParam):
    """Sound."""


class NeMoGymChatCompletionContentPartFileParam(File):
    """A file."""


class NeMoGymChatCompletionContentPartVideoUrlParam(TypedDict, total=False):
    """A video; OpenAI's dialect has none, endpoints do."""

    video_url: Required[Union[str, dict[str, Any]]]
    type: Required[Literal["video_url"]]


NeMoGymChatCompletionContentPartParam = Union[
    NeMoGymChatCompletionContentPartTextParam,
    NeMoGymChatCompletionContentPartImageParam,
    NeMoGymChatCompletionContentPartInputAudioParam,
    NeMoGymChatCompletionContentPartFileParam,
    NeMoGymChatCompletionContentPartVideoUrlParam,
]
_Texts: TypeAlias = Union[str, list[NeMoGymChatCompletionContentPartTextParam]]


class NeMoGymChatCompletionUserMessageParam(ChatCompletionUserMessageParam):
    """A message of the user."""

    content: Required[Union[str, list[NeMoGymChatCompletionContentPartParam]]]  # type: ignore[misc]


class NeMoGymChatCompletionSystemMessageParam(ChatCompletionSystemMessageParam):
    """A message of the system."""

    content: Required[_Texts]  # type: ignore[misc]


class NeMoGymChatCompletionDeveloperMessageParam(ChatCompletionDeveloperMessageParam):
    """A message of the developer."""

    content: Required[_Texts]  # type: ignore[misc]


class NeMoGymChatCompletionToolMessageParam(ChatCompletionToolMessageParam):
    """What a tool gave back."""

    content: Required[_Texts]  # type: ignore[misc]


class NeMoGymChatCompletionMessageToolCallFunctionParam(TypedDict, total=False):
    """The function that an earlier tool call named."""

    arguments: Required[str]
    name: Required[str]


class NeMoGymChatCompletionMessageToolCallParam(ChatCompletionMessageToolCallParam):
    """A tool call of an earlier answer."""

    function: NeMoGymChatCompletionMessageToolCallFunctionParam  # type: ignore[misc]


class NeMoGymChatCompletionMessageCustomToolCallParam(ChatCompletionMessageCustomToolCallParam):
    """A call, in an earlier answer, of a tool that takes free text."""


NeMoGymChatCompletionMessageToolCallUnionParam = Annotated[
    Union[NeMoGymChatCompletionMessageToolCallParam, NeMoGymChatCompletionMessageCustomToolCallParam],
    Field(discriminator="type"),
]


class NeMoGymChatCompletionAssistantMessageParam(ChatCompletionAssistantMessageParam, total=False):
    """An earlier answer."""

    content: Union[str, list[ContentArrayOfContentPart], None]  # type: ignore[misc]
    tool_calls: Optional[list[NeMoGymChatCompletionMessageToolCallUnionParam]]  # type: ignore[misc]


class NeMoGymChatCompletionAssistantMessageForTrainingParam(
    NeMoGymChatCompletionAssistantMessageParam, TokenIDLogProbTypedDictMixin
):
    """An earlier answer, with its tokens, so that an endpoint can go on from those."""


NeMoGymChatCompletionMessageParam: TypeAlias = Annotated[
    Union[
        NeMoGymChatCompletionDeveloperMessageParam,
        NeMoGymChatCompletionSystemMessageParam,
        NeMoGymChatCompletionUserMessageParam,
        NeMoGymChatCompletionAssistantMessageParam,
        NeMoGymChatCompletionToolMessageParam,
        NeMoGymChatCompletionAssistantMessageForTrainingParam,
    ],
    BeforeValidator(require_whole_tokens),
]


class NeMoGymChatCompletionCreateParamsNonStreaming(BaseModel):
    """What a model is asked. The functions of OpenAI's first dialect are not taken."""

    messages: list[NeMoGymChatCompletionMessageParam]
    model: Optional[Union[str, ChatModel]] = None
    audio: Optional[completion_create_params.ChatCompletionAudioParam] = None
    frequency_penalty: Optional[float] = None
    logit_bias: Optional[dict[str, int]] = None
    logprobs: Optional[bool] = None
    max_completion_tokens: Optional[int] = None
    max_tokens: Optional[int] = None
    metadata: Optional[Metadata] = None
    modalities: Optional[list[Literal["text", "audio"]]] = None
    n: Optional[int] = None
    parallel_tool_calls: bool = True
    prediction: Optional[completion_create_params.ChatCompletionPredictionContentParam] = None
    presence_penalty: Optional[float] = None
    reasoning_effort: Optional[completion_create_params.ReasoningEffort] = None
    response_format: Optional[completion_create_params.ResponseFormat] = None
    seed: Optional[int] = None
    service_tier: Optional[Literal["auto", "default", "flex", "scale", "priority"]] = None
    stop: Union[Optional[str], list[str], None] = None
    store: Optional[bool] = None
    stream_options: Optional[completion_create_params.ChatCompletionStreamOptionsParam] = None
    temperature: Optional[float] = None
    tool_choice: Optional[completion_create_params.ChatCompletionToolChoiceOptionParam] = None
    tools: Optional[list[NeMoGymChatCompletionToolUnionParam]] = None
    top_logprobs: Optional[int] = None
    top_p: Optional[float] = None
    user: Optional[str] = None
    web_search_options: Optional[completion_create_params.WebSearchOptions] = None
    stream: Optional[Literal[False]] = None
