"""Between the Responses and the Chat Completions dialect, with reasoning in think tags and tokens on the items."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import uuid4

from pydantic import BaseModel

from nemo_gym.chat_transcript import ResponsesConverterState
from nemo_gym.openai_types.chat import (
    NeMoGymChatCompletion,
    NeMoGymChatCompletionCreateParamsNonStreaming,
    NeMoGymChoice,
)
from nemo_gym.openai_types.items import (
    NeMoGymEasyInputMessage,
    NeMoGymFunctionCallOutput,
    NeMoGymResponseFunctionToolCall,
    NeMoGymResponseOutputMessage,
    NeMoGymResponseOutputText,
    NeMoGymResponseReasoningItem,
    NeMoGymSummary,
    training_variant_of,
)
from nemo_gym.openai_types.responses import (
    NeMoGymResponse,
    NeMoGymResponseCreateParamsNonStreaming,
    NeMoGymResponseInputTokensDetails,
    NeMoGymResponseOutputTokensDetails,
    NeMoGymResponseUsage,
)
from nemo_gym.openai_types.tokens import TokenIDLogProbMixin, require_whole_tokens

THINKING: Final = re.compile(r"<think>(.*?)</think>", re.DOTALL)
ECHOED: Final = (
    *("parallel_tool_calls", "tools", "temperature", "top_p", "background", "max_output_tokens", "max_tool_calls"),
    *("previous_response_id", "prompt", "reasoning", "service_tier", "text", "top_logprobs", "truncation", "metadata"),
    *("instructions", "user", "model"),
)
"""Fields of a request that its answer repeats."""
SAMPLED_TYPES: Final = frozenset(
    {
        *("code_interpreter_call", "computer_call", "custom_tool_call", "file_search_call", "function_call"),
        *("image_generation_call", "local_shell_call", "mcp_approval_request", "mcp_call", "mcp_list_tools"),
        *("reasoning", "web_search_call"),
    }
)
"""Items that come from the model's side."""
TOLD_TYPES: Final = frozenset(
    {
        *("computer_call_output", "custom_tool_call_output", "function_call_output", "local_shell_call_output"),
        "mcp_approval_response",
    }
)
"""Items that answer the model. A message belongs to the one who has its role."""
_RESPONSE_OUTPUT_BOUNDARY_TYPES, _RESPONSE_NON_BOUNDARY_TYPES = SAMPLED_TYPES, TOLD_TYPES
INCOMPLETE: Final = {"length": "max_output_tokens", "content_filter": "content_filter"}


class ResponsesConverter(BaseModel):
    """Converts requests and answers, either way."""

    return_token_id_information: bool
    uses_reasoning_parser: bool = True
    """Whether reasoning is in think tags of the content."""

    @staticmethod
    def _wrap_reasoning_in_think_tags(texts: Iterable[str]) -> str:
        return "".join(f"<think>{text}</think>" for text in texts if text)

    def _extract_reasoning_from_content(self, content: str) -> tuple[list[str], str]:
        return THINKING.findall(content), THINKING.sub("", content)

    def responses_to_chat_completion_create_params(
        self, responses_create_params: NeMoGymResponseCreateParamsNonStreaming
    ) -> NeMoGymChatCompletionCreateParamsNonStreaming:
        """A request, in the Chat dialect. Raises NotImplementedError for what that cannot say."""
        given = responses_create_params.model_dump(exclude_unset=True)
        params = {name: value for name, value in given.items() if name not in _REWRITTEN}
        transcript = ResponsesConverterState(return_token_id_information=self.return_token_id_information)
        messages = transcript.read(given["input"], given.get("instructions"))
        for theirs, ours in (("max_tokens", "max_output_tokens"), ("model", "model")):
            if given.get(ours) is not None:
                params[theirs] = given[ours]
        effort = (given.get("reasoning") or {}).get("effort")
        if effort is not None:
            params["reasoning_effort"] = effort
        if tools := given.get("tools"):
            params["tools"] = [_chat_tool(tool) for tool in tools]
        elif params.get("tool_choice") == "required":
            raise ValueError("tool_choice='required' requires at least one tool")
        else:
            params = {name: value for name, value in params.items() if name not in _ABOUT_TOOLS}
        return NeMoGymChatCompletionCreateParamsNonStreaming(messages=messages, **params)

    def chat_completion_to_responses_create_params(
        self, chat_completion_create_params: NeMoGymChatCompletionCreateParamsNonStreaming
    ) -> NeMoGymResponseCreateParamsNonStreaming:
        """A request in the Chat dialect, in the Responses dialect."""
        chat = chat_completion_create_params
        same = ("metadata", "model", "parallel_tool_calls", "service_tier", "store", "temperature", "top_logprobs")
        effort = chat.reasoning_effort
        offered: Any = chat.tools or ()
        tools: Any = [{**tool["function"], "type": "function"} for tool in offered]
        choice: Any = "auto" if chat.tool_choice is None else chat.tool_choice
        return NeMoGymResponseCreateParamsNonStreaming(
            input=self.chat_completions_messages_to_responses_items(chat.messages),
            max_output_tokens=chat.max_completion_tokens,
            reasoning={"effort": effort} if effort is not None else None,
            tool_choice=choice,
            tools=tools,
            **{name: getattr(chat, name) for name in (*same, "top_p", "user", "stream")},
        )

    def chat_completions_messages_to_responses_items(self, messages: Iterable[Any]) -> list[Any]:
        """Messages of the Chat dialect as items."""
        return [item for message in messages for item in self._items_of(message)]

    def _items_of(self, message: Any) -> list[Any]:
        role = message["role"]
        if role == "assistant":
            return self.postprocess_assistant_message_dict(message)
        if role == "tool":
            content = message["content"]
            if isinstance(content, list):
                content = [{"type": "input_text", "text": part["text"]} for part in content]
            return [NeMoGymFunctionCallOutput(call_id=message["tool_call_id"], output=content, status="completed")]
        if role in {"user", "system", "developer"}:
            content = "" if message["content"] is None else message["content"]
            return [NeMoGymEasyInputMessage.model_validate({**message, "content": content})]
        raise NotImplementedError(f"Unrecognized role: {role}!")

    def postprocess_chat_response(self, choice: NeMoGymChoice) -> list[Any]:
        """One answer as items."""
        return self.postprocess_assistant_message_dict(choice.message.model_dump(exclude_none=True))

    def postprocess_assistant_message_dict(self, message_dict: Mapping[str, Any]) -> list[Any]:
        """A message of the model as items: reasoning, text, tool calls; its tokens on the last."""
        thoughts: list[str] = []
        text = message_dict.get("content") or ""
        if self.uses_reasoning_parser:
            thoughts, text = self._extract_reasoning_from_content(text)
        calls = message_dict.get("tool_calls") or []
        items: list[Any] = []
        if thoughts:
            summary = [NeMoGymSummary(text=thought, type="summary_text") for thought in thoughts]
            items.append(NeMoGymResponseReasoningItem(id=f"rs_{uuid4().hex}", summary=summary, type="reasoning"))
        if text or not (items or calls):
            part = NeMoGymResponseOutputText(text=text, annotations=[], type="output_text")
            items.append(NeMoGymResponseOutputMessage(id=f"msg_{uuid4().hex}", content=[part], **_ASSISTANT))
        items += [
            NeMoGymResponseFunctionToolCall(
                name=call["function"]["name"],
                arguments=call["function"]["arguments"],
                call_id=call["id"],
                id=call["id"],
                type="function_call",
                status="completed",
            )
            for call in calls
        ]
        if self.return_token_id_information and (tokens := tokens_in(message_dict)) is not None:
            variant: Any = training_variant_of(type(items[-1]))
            items[-1] = variant(**items[-1].model_dump(), **tokens.model_dump(exclude_none=True))
        return items

    def chat_completion_to_response(
        self,
        responses_create_params: NeMoGymResponseCreateParamsNonStreaming,
        chat_completion: NeMoGymChatCompletion,
    ) -> NeMoGymResponse:
        """An answer, in the Responses dialect; the fields of the request that it repeats come from there."""
        choice = chat_completion.choices[0]
        reason = INCOMPLETE.get(choice.finish_reason)
        choice_of_tools: Any = responses_create_params.tool_choice
        incomplete: Any = {"reason": reason} if reason else None
        return NeMoGymResponse(
            id=f"resp_{uuid4().hex}",
            created_at=chat_completion.created,
            object="response",
            output=[item.model_dump() for item in self.postprocess_chat_response(choice)],
            tool_choice="auto" if choice_of_tools is None else choice_of_tools,
            status="incomplete" if reason else "completed",
            incomplete_details=incomplete,
            usage=_usage_of(chat_completion.usage) if chat_completion.usage else None,
            **{name: getattr(responses_create_params, name) for name in ECHOED},
        )


_REWRITTEN: Final = frozenset({"input", "instructions", "model", "max_output_tokens", "reasoning", "tools"})
_ABOUT_TOOLS: Final = frozenset({"tool_choice", "parallel_tool_calls"})
_ASSISTANT: Final[dict[str, Any]] = {"role": "assistant", "status": "completed", "type": "message"}


def tokens_in(message: Mapping[str, Any]) -> TokenIDLogProbMixin | None:
    """The tokens that a message or item carries. Raises ValueError when it has some of the fields only."""
    require_whole_tokens(message)
    return TokenIDLogProbMixin.model_validate(message) if "prompt_token_ids" in message else None


def _chat_tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    function = {name: value for name, value in tool.items() if name not in {"type", "strict"}}
    return {"type": "function", "function": function}


def _usage_of(usage: Any) -> NeMoGymResponseUsage:
    cached = _usage_detail(
        usage, "prompt_tokens_details", "cached_tokens", "cached_input_tokens", "cache_read_input_tokens"
    )
    reasoning = _usage_detail(usage, "completion_tokens_details", "reasoning_tokens", "reasoning_output_tokens")
    return NeMoGymResponseUsage(
        input_tokens=usage.prompt_tokens,
        input_tokens_details=NeMoGymResponseInputTokensDetails(cached_tokens=cached),
        output_tokens=usage.completion_tokens,
        output_tokens_details=NeMoGymResponseOutputTokensDetails(reasoning_tokens=reasoning),
        total_tokens=usage.total_tokens,
    )


def _usage_detail(usage: Any, detail_group: str, detail_name: str, *top_level_aliases: str) -> int | None:
    """A count that endpoints put into a group of details, or beside it under other names; None where there is none."""
    places = [(_field(usage, detail_group), detail_name), *((usage, alias) for alias in top_level_aliases)]
    counts = (_field(place, name) for place, name in places)
    return next((count for count in counts if type(count) is int and count >= 0), None)


def _field(place: Any, name: str) -> Any:
    return place.get(name) if isinstance(place, Mapping) else getattr(place, name, None)


def split_responses_input_output_items(items: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """What the model was told before it said anything, and everything from its first item on."""
    for index, item in enumerate(items):
        kind = getattr(item, "type", None)
        if kind in SAMPLED_TYPES or (kind == "message" and getattr(item, "role", None) == "assistant"):
            return list(items[:index]), list(items[index:])
    return list(items), []


VLLMConverter = ResponsesConverter
VLLMConverterResponsesToChatCompletionsState = ResponsesConverterState
