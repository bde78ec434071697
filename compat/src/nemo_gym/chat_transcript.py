"""Items of the Responses dialect, one after the other, as messages of the Chat dialect.

What the model said in one turn (reasoning, text, tool calls) becomes one message; it is buffered until somebody else
speaks.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, Field

from nemo_gym.openai_types.chat import NeMoGymChatCompletionMessageParam, NeMoGymChatCompletionMessageToolCallParam
from nemo_gym.openai_types.tokens import TokenIDLogProbMixin, require_whole_tokens


class ResponsesConverterState(BaseModel):
    """The messages so far, and the turn that is not finished."""

    return_token_id_information: bool
    messages: list[NeMoGymChatCompletionMessageParam] = Field(default_factory=list)
    content_buffer: str = ""
    tool_calls_buffer: list[NeMoGymChatCompletionMessageToolCallParam] = Field(default_factory=list)
    assistant_item_buffered: bool = False
    token_information: TokenIDLogProbMixin | None = None

    def read(self, items: str | Iterable[dict[str, Any]], instructions: str | None) -> list[Any]:
        """All items; the instructions and the first system messages are one system message at the start."""
        if isinstance(items, str):
            items = [{"role": "user", "type": "message", "content": [{"type": "input_text", "text": items}]}]
        for item in items:
            self.add(item)
        self.flush_assistant()
        if instructions:
            texts = [instructions]
            while self.messages and self.messages[0]["role"] in {"system", "developer"}:
                texts.append(_text_of(self.messages.pop(0)["content"]))
            self.messages.insert(0, {"role": "system", "content": "\n\n".join(texts)})
        return self.messages

    def add(self, item: Mapping[str, Any]) -> None:
        """One item. Raises NotImplementedError for one that no message can hold."""
        kind = item.get("type") or ("message" if item.get("role") else None)
        match kind:
            case "message":
                self._add_message(item)
            case "reasoning":
                self.assistant_item_buffered = True
                texts = [part["text"] for part in item.get("summary") or ()]
                self.content_buffer += "".join(f"<think>{text}</think>" for text in texts if text)
            case "function_call":
                self._add_call(item["call_id"], item["name"], item["arguments"])
            case "function_call_output":
                self._say("tool", _tool_content(item), tool_call_id=item["call_id"])
            case _:
                raise NotImplementedError(
                    f"{kind!r} has no Chat Completions representation; use a model server that passes Responses "
                    "requests through."
                )
        if self.return_token_id_information:
            require_whole_tokens(item)
            if "prompt_token_ids" in item:
                self.token_information = TokenIDLogProbMixin.model_validate(item)

    def _add_message(self, item: Mapping[str, Any]) -> None:
        role, content = item["role"], item.get("content")
        if role != "assistant":
            if isinstance(content, list):
                content = [_chat_part(part) for part in content]
            extra = {"tool_call_id": item["tool_call_id"]} if role == "tool" else {}
            if role not in {"tool", "user", "system", "developer"}:
                raise NotImplementedError(f"Unrecognized role for message: `{role}`")
            self._say(role, content, **extra)
            return
        self.assistant_item_buffered = True
        if not isinstance(content, str | list | None):
            raise NotImplementedError(
                f"The content of a message must be str or list[dict], not {type(content).__name__!r}: {content!r}"
            )
        self.content_buffer += _text_of(content)
        for call in item.get("tool_calls") or ():
            self._add_call(call["id"], call["function"]["name"], call["function"]["arguments"])

    def _add_call(self, call_id: str, name: str, arguments: str) -> None:
        self.assistant_item_buffered = True
        call: Any = {"id": call_id, "function": {"name": name, "arguments": arguments}, "type": "function"}
        self.tool_calls_buffer.append(call)

    def _say(self, role: str, content: Any, **extra: Any) -> None:
        self.flush_assistant()
        message: Any = {"role": role, "content": content, **extra}
        self.messages.append(message)

    def flush_assistant(self) -> None:
        """Finish the model's turn, if there is one."""
        tokens, self.token_information = self.token_information, None
        if not self.assistant_item_buffered:
            return
        message: Any = {"role": "assistant", "content": self.content_buffer or None}
        if self.tool_calls_buffer:  # endpoints refuse an empty list
            message["tool_calls"] = self.tool_calls_buffer
        if self.return_token_id_information and tokens is not None:
            message |= tokens.model_dump(exclude_none=True)
        self.messages.append(message)
        self.content_buffer, self.tool_calls_buffer, self.assistant_item_buffered = "", [], False


def _text_of(content: str | list[Any] | None) -> str:
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content or () if isinstance(part, Mapping))


def _chat_part(part: Mapping[str, Any]) -> dict[str, Any]:
    match part["type"]:
        case "input_text":
            return {"type": "text", "text": part["text"]}
        case "input_image":
            url = _url_of(part.get("image_url"), "input_image requires a non-empty image_url")
            return {"type": "image_url", "image_url": {"url": url, "detail": part.get("detail", "auto")}}
        case "input_video":
            name = "video_url" if "video_url" in part else "video"
            url = _url_of(part[name], f"input_video.{name} requires a non-empty URL")
            return {"type": "video_url", "video_url": {"url": url}}
        case other:
            raise NotImplementedError(f"Unsupported part param type: {other}")


def _url_of(value: Any, complaint: str) -> str:
    url = value.get("url") if isinstance(value, Mapping) else value
    if not url:
        raise ValueError(complaint)
    return str(url)


def _tool_content(item: Mapping[str, Any]) -> str | list[dict[str, Any]]:
    output = item["output"]
    if isinstance(output, str):
        return output
    if others := sorted({part.get("type", "<missing>") for part in output} - {"input_text"}):
        raise NotImplementedError(
            f"The function_call_output of call {item['call_id']!r} has parts that a Chat Completions tool message "
            f"cannot represent: content part type(s) {', '.join(map(repr, others))}"
        )
    return [{"type": "text", "text": part["text"]} for part in output]
