"""Anthropic's Messages dialect: requests read into the Responses dialect, and answers written in it."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from uuid import uuid4

from nemo_gym.openai_types.items import (
    NeMoGymEasyInputMessage,
    NeMoGymFunctionCallOutput,
    NeMoGymResponseFunctionToolCall,
    NeMoGymResponseReasoningItem,
    NeMoGymSummary,
)
from nemo_gym.openai_types.responses import NeMoGymResponse, NeMoGymResponseCreateParamsNonStreaming

IMAGE_TYPES: Final = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
NO_PARAMETERS: Final[dict[str, Any]] = {"type": "object", "properties": {}}
_SAME_MEANING: Final = {
    "model": "model",
    "max_tokens": "max_output_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
}


def read_message_request(body: Mapping[str, Any]) -> NeMoGymResponseCreateParamsNonStreaming:
    """A request. Raises NotImplementedError, ValueError for what it cannot be in the Responses dialect."""
    params: dict[str, Any] = {"input": [item for message in body.get("messages", ()) for item in _items_of(message)]}
    if instructions := _instructions(body.get("system")):
        params["instructions"] = instructions
    params |= {ours: body[theirs] for theirs, ours in _SAME_MEANING.items() if body.get(theirs) is not None}
    if tools := body.get("tools"):
        params["tools"] = [_tool(tool) for tool in tools]
    if (choice := body.get("tool_choice")) is not None:
        params["tool_choice"] = _tool_choice(choice)
    return NeMoGymResponseCreateParamsNonStreaming(**params)


def _instructions(system: Any) -> str:
    if isinstance(system, str | None):
        return system or ""
    return "\n".join(block["text"] for block in system if block.get("type") == "text" and block.get("text"))


def _items_of(message: Mapping[str, Any]) -> Iterator[Any]:
    """A message's text and images together, its other blocks as items of their own, in order."""
    role, content = message["role"], message.get("content", "")
    if isinstance(content, str):
        yield NeMoGymEasyInputMessage(role=role, content=content, type="message")
        return
    parts: list[Any] = []
    for block in content:
        if (part := _part(block)) is not None:
            parts.append(part)
            continue
        yield from _message(role, parts)
        parts = []
        yield _item(block)
    yield from _message(role, parts)


def _message(role: Any, parts: list[Any]) -> Iterator[NeMoGymEasyInputMessage]:
    if parts:
        is_text = len(parts) == 1 and parts[0]["type"] == "input_text"
        yield NeMoGymEasyInputMessage(role=role, content=parts[0]["text"] if is_text else parts, type="message")


def _part(block: Mapping[str, Any]) -> dict[str, Any] | None:
    """A block that is a part of a message; None for another."""
    if block.get("type") == "text":
        return {"type": "input_text", "text": block.get("text", "")}
    if block.get("type") != "image":
        return None
    source = block.get("source") or {}
    if source.get("type") != "base64":
        raise NotImplementedError("Anthropic ingress supports base64 image sources only.")
    if source["media_type"] not in IMAGE_TYPES:
        raise ValueError(f"Unsupported Anthropic image media type. Supported types: {sorted(IMAGE_TYPES)}.")
    return {
        "type": "input_image",
        "image_url": f"data:{source['media_type']};base64,{source['data']}",
        "detail": "auto",
    }


def _item(block: Mapping[str, Any]) -> Any:
    match block.get("type"):
        case "tool_use":
            return tool_call_of(block)
        case "tool_result":
            output = _result_text(block.get("content", ""))
            return NeMoGymFunctionCallOutput(call_id=block["tool_use_id"], output=output, type="function_call_output")
        case "thinking":
            return reasoning_of(block)
        case other:
            raise NotImplementedError(f"Unsupported Anthropic content block type for ingress: {other}")


def tool_call_of(block: Mapping[str, Any]) -> NeMoGymResponseFunctionToolCall:
    """A tool call."""
    return NeMoGymResponseFunctionToolCall(
        arguments=json.dumps(block.get("input", {})),
        call_id=block["id"],
        id=block["id"],
        name=block["name"],
        status="completed",
        type="function_call",
    )


def reasoning_of(block: Mapping[str, Any]) -> NeMoGymResponseReasoningItem:
    """Reasoning, with its signature as the encrypted content."""
    text = str(block.get("thinking") or block.get("text", ""))
    return NeMoGymResponseReasoningItem(
        id=f"rs_{uuid4().hex}",
        summary=[NeMoGymSummary(text=text, type="summary_text")],
        encrypted_content=block.get("signature"),
        type="reasoning",
    )


def _result_text(content: Any) -> str:
    if isinstance(content, str):
        return content
    for block in content:
        if block.get("type") != "text":
            raise NotImplementedError(
                f"Unsupported Anthropic tool_result content block for ingress: {block.get('type')}"
            )
    return "\n".join(block.get("text", "") for block in content)


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "function",
        "name": tool["name"],
        "description": tool.get("description"),
        "parameters": tool.get("input_schema") or NO_PARAMETERS,
        "strict": False,
    }


def _tool_choice(choice: Mapping[str, Any]) -> Any:
    kind = choice.get("type")
    if kind == "tool":
        return {"type": "function", "name": choice["name"]}
    if kind not in {"auto", "none", "any"}:
        raise NotImplementedError(f"Unsupported Anthropic tool_choice for ingress: {choice}")
    return "required" if kind == "any" else kind


def write_message(response: NeMoGymResponse, model: str) -> dict[str, Any]:
    """An answer as a message. Tokens and log-probabilities have no place in it."""
    items = [item if isinstance(item, dict) else item.model_dump() for item in response.output or ()]
    usage = response.usage
    return {
        "id": f"msg_{uuid4().hex}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [block for item in items for block in _blocks(item)],
        "stop_reason": _stop_reason(response, items),
        "usage": {
            "input_tokens": usage.input_tokens if usage else 0,
            "output_tokens": usage.output_tokens if usage else 0,
        },
    }


def _blocks(item: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    match item.get("type") or "message":
        case "message":
            return [_text_block(part) for part in item.get("content", ())]
        case "reasoning":
            return thinking_blocks(item)
        case "function_call":
            return [tool_use(item)]
        case other:
            raise NotImplementedError(f"Unsupported Responses output item for Anthropic response: {other}")


def _text_block(part: Mapping[str, Any]) -> dict[str, Any]:
    if part.get("type") not in {"output_text", "refusal"}:
        raise NotImplementedError(f"Unsupported output_text part for Anthropic response: {part.get('type')}")
    return {"type": "text", "text": part.get("text") or part.get("refusal") or ""}


def thinking_blocks(item: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A reasoning item as blocks; the dialect wants a signature, even an empty one."""
    signature = item.get("encrypted_content") or ""
    return [{"type": "thinking", "thinking": part["text"], "signature": signature} for part in item.get("summary", ())]


def tool_use(item: Mapping[str, Any]) -> dict[str, Any]:
    """A function call as a block. Raises ValueError when its arguments are no object."""
    arguments = json.loads(item["arguments"] or "{}")
    if not isinstance(arguments, dict):
        raise ValueError(f"Anthropic tool_use input must be a JSON object, got {type(arguments).__name__}")
    return {"type": "tool_use", "id": item["call_id"], "name": item["name"], "input": arguments}


def _stop_reason(response: NeMoGymResponse, items: Iterable[Mapping[str, Any]]) -> str:
    reason = response.incomplete_details.reason if response.incomplete_details is not None else None
    if reason is not None and (known := {"max_output_tokens": "max_tokens", "content_filter": "refusal"}.get(reason)):
        return known
    return "tool_use" if any(item.get("type") == "function_call" for item in items) else "end_turn"


def message_as_events(message: Mapping[str, Any]) -> Iterator[str]:
    """A complete message as the events of a stream."""
    yield _event({"type": "message_start", "message": {"usage": {}, **message, "content": []}})
    for index, block in enumerate(message.get("content", ())):
        shell, delta = _opened(block)
        yield _event({"type": "content_block_start", "index": index, "content_block": shell})
        yield _event({"type": "content_block_delta", "index": index, "delta": delta})
        yield _event({"type": "content_block_stop", "index": index})
    ending = {name: message.get(name) for name in ("stop_reason", "stop_sequence")}
    usage = {"output_tokens": (message.get("usage") or {}).get("output_tokens", 0)}
    yield _event({"type": "message_delta", "delta": ending, "usage": usage})
    yield _event({"type": "message_stop"})


def _opened(block: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A block without its content, and the content."""
    match block.get("type"):
        case "text":
            return {"type": "text", "text": ""}, {"type": "text_delta", "text": block.get("text", "")}
        case "thinking":
            thought = block.get("thinking", "")
            return {"type": "thinking", "thinking": ""}, {"type": "thinking_delta", "thinking": thought}
        case "tool_use":
            arguments = json.dumps(block.get("input", {}))
            return {**block, "input": {}}, {"type": "input_json_delta", "partial_json": arguments}
        case other:
            raise NotImplementedError(f"Unsupported Anthropic block for SSE synthesis: {other}")


def _event(payload: Mapping[str, Any]) -> str:
    return f"event: {payload['type']}\ndata: {json.dumps(payload)}\n\n"
