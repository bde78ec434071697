"""To an endpoint that speaks Anthropic's Messages dialect: requests written for it, and its answers read."""

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from time import time
from typing import Any, Final, Optional
from uuid import uuid4

from nemo_gym.messages_dialect import IMAGE_TYPES, NO_PARAMETERS, reasoning_of, thinking_blocks, tool_call_of, tool_use
from nemo_gym.openai_types.items import NeMoGymResponseOutputMessage, NeMoGymResponseOutputText
from nemo_gym.openai_types.responses import (
    NeMoGymResponse,
    NeMoGymResponseCreateParamsNonStreaming,
    NeMoGymResponseInputTokensDetails,
    NeMoGymResponseOutputTokensDetails,
    NeMoGymResponseUsage,
)
from nemo_gym.responses_converter import ECHOED

TEXT_PARTS: Final = frozenset({"input_text", "output_text", "text"})
WITHOUT_SAMPLING: Final = ("claude-opus-4-7", "claude-opus-4-8")
"""Models, by a part of their name, that refuse `temperature`, `top_p` and `top_k`."""
CUT_SHORT: Final = {
    "max_tokens": "max_output_tokens",
    "model_context_window_exceeded": "max_output_tokens",
    "refusal": "content_filter",
}


def write_message_request(
    params: NeMoGymResponseCreateParamsNonStreaming,
    *,
    model: str,
    max_tokens: int,
    thinking: Optional[dict[str, Any]],
    thinking_budget_tokens: Optional[int],
    extra_body: Mapping[str, Any],
) -> dict[str, Any]:
    """A request. Raises NotImplementedError, ValueError for what the dialect or the model cannot take."""
    given = params.model_dump(exclude_unset=True)
    items = [{"role": "user", "content": given["input"]}] if isinstance(given["input"], str) else given["input"]
    told = [text_of(item.get("content", "")) for item in items if _is_instruction(item)]
    system = [{"type": "text", "text": text} for text in (given.get("instructions"), *told) if text]
    body = {
        **extra_body,
        "model": model,
        "max_tokens": given.get("max_output_tokens") or max_tokens,
        "messages": _messages(item for item in items if not _is_instruction(item)),
        **({"system": system} if system else {}),
        **{name: given[name] for name in ("temperature", "top_p") if given.get(name) is not None},
        **({"tools": [_tool(tool) for tool in given["tools"]]} if given.get("tools") else {}),
        **tool_choice_of(given.get("tool_choice")),
        **_thinking(extra_body, thinking, thinking_budget_tokens),
    }
    sampling = [name for name in ("temperature", "top_p", "top_k") if body.get(name) is not None]
    if sampling and any(part in model for part in WITHOUT_SAMPLING):
        raise ValueError(f"{model} does not support configurable sampling: leave out {', '.join(sampling)}.")
    return body


def _is_instruction(item: Mapping[str, Any]) -> bool:
    return (item.get("type") or "message") == "message" and item.get("role") in {"system", "developer"}


def text_of(content: Any) -> str:
    """The text of a message that may hold nothing else."""
    if isinstance(content, str):
        return content
    for part in content:
        if part.get("type") not in TEXT_PARTS:
            raise NotImplementedError(f"Unsupported system content part for Anthropic: {part.get('type')}")
    return "\n".join(part["text"] for part in content)


def _messages(items: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Turns that take turns: neighbours of one role are one message."""
    by_role = groupby(map(_turn, items), key=lambda turn: turn[0])
    return [{"role": role, "content": [block for _, blocks in turns for block in blocks]} for role, turns in by_role]


def _turn(item: Mapping[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    match item.get("type") or "message":
        case "message":
            if item["role"] not in {"user", "assistant"}:
                raise NotImplementedError(f"Unsupported Responses API role for Anthropic: {item['role']}")
            return item["role"], blocks_of(item.get("content", ""), item["role"])
        case "reasoning":
            return "assistant", thinking_blocks(item)
        case "function_call":
            return "assistant", [tool_use(item)]
        case "function_call_output":
            return "user", [{"type": "tool_result", "tool_use_id": item["call_id"], "content": item["output"]}]
        case other:
            raise NotImplementedError(f"Unsupported Responses API item type for Anthropic: {other}")


def blocks_of(content: Any, role: str) -> list[dict[str, Any]]:
    """A message's content as blocks."""
    return [{"type": "text", "text": content}] if isinstance(content, str) else [_block(p, role) for p in content]


def _block(part: Mapping[str, Any], role: str) -> dict[str, Any]:
    kind = part.get("type")
    if kind in TEXT_PARTS:
        return {"type": "text", "text": part["text"]}
    if kind == "input_image" and role == "user":
        return image_block(part)
    if kind == "refusal" and role == "assistant":
        return {"type": "text", "text": part["refusal"]}
    raise NotImplementedError(f"Unsupported content part for Anthropic: {kind}")


def image_block(part: Mapping[str, Any]) -> dict[str, Any]:
    """An image, which must be in the request itself."""
    url = part.get("image_url")
    url = url.get("url") if isinstance(url, Mapping) else url
    if not isinstance(url, str):
        raise ValueError("input_image.image_url must be a string.")
    media_type, data = read_data_url(url)
    return {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": data}}


def read_data_url(url: str) -> tuple[str, str]:
    """The media type and the base64 text of an image. Raises ValueError for what Anthropic would refuse."""
    if not url.startswith("data:"):
        raise ValueError("Images for Anthropic must be base64 data URLs; it is not given other URLs.")
    header, _, data = url.removeprefix("data:").partition(",")
    media_type, *properties = header.split(";")
    media_type = media_type.lower().replace("image/jpg", "image/jpeg")
    if not data or "base64" not in properties:
        raise ValueError("input_image.image_url holds no base64 data.")
    if media_type not in IMAGE_TYPES:
        raise ValueError(f"Unsupported Anthropic image media type {media_type!r}. Supported: {sorted(IMAGE_TYPES)}.")
    try:
        base64.b64decode(data, validate=True)
    except binascii.Error as error:
        raise ValueError(f"input_image.image_url holds invalid base64: {error}") from error
    return media_type, data


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    if tool.get("type") != "function":
        raise NotImplementedError(f"Unsupported Responses API tool type for Anthropic: {tool.get('type')}")
    described = {"description": tool["description"]} if tool.get("description") else {}
    return {"name": tool["name"], "input_schema": tool.get("parameters") or NO_PARAMETERS, **described}


def tool_choice_of(choice: Any) -> dict[str, Any]:
    """The field `tool_choice`, where there is one."""
    if choice is None:
        return {}
    kind = choice.get("type") if isinstance(choice, Mapping) else choice
    match kind:
        case "required":
            return {"tool_choice": {"type": "any"}}
        case "auto" | "none" if isinstance(choice, str):
            return {"tool_choice": {"type": kind}}
        case "function" if isinstance(choice, Mapping):
            return {"tool_choice": {"type": "tool", "name": choice["name"]}}
    raise NotImplementedError(f"Unsupported tool_choice for Anthropic: {choice}")


def _thinking(
    extra_body: Mapping[str, Any], thinking: Optional[dict[str, Any]], budget_tokens: Optional[int]
) -> dict[str, Any]:
    if ("thinking" in extra_body) + (thinking is not None) + (budget_tokens is not None) > 1:
        raise ValueError(
            "Configure Anthropic thinking in only one place: thinking, thinking_budget_tokens or extra_body."
        )
    if budget_tokens is not None:
        return {"thinking": {"type": "enabled", "budget_tokens": budget_tokens}}
    return {} if thinking is None else {"thinking": thinking}


def read_message(
    message: Mapping[str, Any], params: NeMoGymResponseCreateParamsNonStreaming, model: str
) -> NeMoGymResponse:
    """An answer, with the fields of the request that the Responses dialect repeats."""
    reason = CUT_SHORT.get(message.get("stop_reason") or "")
    incomplete: Any = {"reason": reason} if reason else None
    choice: Any = params.tool_choice
    items = items_of(message.get("content") or ()) or [_text_item([""])]
    return NeMoGymResponse(
        id=f"resp_{uuid4().hex}",
        created_at=int(time()),
        object="response",
        output=[item.model_dump() for item in items],
        tool_choice=choice,
        incomplete_details=incomplete,
        usage=_usage(message.get("usage")),
        **{**{name: getattr(params, name) for name in ECHOED}, "model": model},
    )


def items_of(blocks: Iterable[Mapping[str, Any]]) -> list[Any]:
    """Blocks of an answer as items; neighbouring texts are one message."""
    items: list[Any] = []
    for kind, alike in groupby(blocks, key=lambda block: block.get("type")):
        match kind:
            case "text":
                items.append(_text_item([block.get("text", "") for block in alike]))
            case "thinking":
                items += map(reasoning_of, alike)
            case "tool_use":
                items += map(tool_call_of, alike)
            case _:
                raise NotImplementedError(f"Unsupported Anthropic content block type: {kind}")
    return items


def _text_item(texts: Sequence[str]) -> NeMoGymResponseOutputMessage:
    part = NeMoGymResponseOutputText(text="".join(texts), annotations=[], type="output_text")
    return NeMoGymResponseOutputMessage(
        id=f"msg_{uuid4().hex}", content=[part], role="assistant", status="completed", type="message"
    )


def _usage(usage: Optional[Mapping[str, Any]]) -> Optional[NeMoGymResponseUsage]:
    if usage is None:
        return None
    inputs, outputs = usage.get("input_tokens", 0), usage.get("output_tokens", 0)
    return NeMoGymResponseUsage(
        input_tokens=inputs,
        input_tokens_details=NeMoGymResponseInputTokensDetails(cached_tokens=usage.get("cache_read_input_tokens")),
        output_tokens=outputs,
        output_tokens_details=NeMoGymResponseOutputTokensDetails(reasoning_tokens=None),
        total_tokens=inputs + outputs,
    )
