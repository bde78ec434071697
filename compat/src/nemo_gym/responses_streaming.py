"""Requests of clients that stream in the Responses dialect, and complete answers as the events they wait for.

Such clients send more than the dialect has: tools in namespaces, items of their own, fields for their bookkeeping.
Namespaces become part of the tools' names on the way in, and are taken apart again on the way out.
"""

import json
import logging
from collections.abc import Iterator
from copy import deepcopy
from typing import Any, Final, TypeAlias
from uuid import uuid4

from openai.types.responses.response_create_params import ToolParam
from pydantic import TypeAdapter, ValidationError

from nemo_gym.openai_types.items import NeMoGymResponseInputItem
from nemo_gym.openai_types.responses import NeMoGymResponseCreateParamsNonStreaming

log = logging.getLogger("nemo_gym.streaming")

NamespaceMap: TypeAlias = dict[str, tuple[str, str]]
"""Namespace and name, by the name that the model sees."""
NAMESPACE_TOOL_DELIMITER: Final = "__"
_KNOWN_FIELDS: Final = frozenset(NeMoGymResponseCreateParamsNonStreaming.model_fields)
_TOOL: Final[TypeAdapter[Any]] = TypeAdapter(ToolParam)
_ITEM: Final[TypeAdapter[Any]] = TypeAdapter(NeMoGymResponseInputItem)


def flatten_namespace_tools(tools: Any) -> tuple[list[Any], NamespaceMap]:
    """The tools, those of namespaces as plain functions, and where each of those is from."""
    flat: list[Any] = []
    origins: NamespaceMap = {}
    for tool in tools or ():
        if not isinstance(tool, dict) or tool.get("type") != "namespace":
            flat.append(tool)
            continue
        namespace = str(tool.get("name") or "")
        for member in tool.get("tools") or ():
            if isinstance(member, dict) and member.get("name"):
                whole = f"{namespace}{NAMESPACE_TOOL_DELIMITER}{member['name']}"
                flat.append({**member, "type": "function", "name": whole})
                origins[whole] = (namespace, str(member["name"]))
    return flat, origins


def sanitize_streaming_responses_body(body: dict[str, Any]) -> tuple[dict[str, Any], NamespaceMap]:
    """The request without what our dialect lacks, and where its tools are from. What is left out is logged."""
    cleaned = {name: value for name, value in deepcopy(body).items() if name != "stream"}
    origins: NamespaceMap = {}
    if "tools" in cleaned:
        tools, origins = flatten_namespace_tools(cleaned["tools"])
        cleaned["tools"] = [tool for tool in tools if _is_known(_TOOL, tool, "tool spec")]
    if isinstance(cleaned.get("input"), list):
        items, carried = _split_carried(cleaned["input"])
        if carried:
            more, more_origins = flatten_namespace_tools(carried)
            origins |= more_origins
            usable = [tool for tool in more if _is_function(tool) and _is_known(_TOOL, tool, "tool spec")]
            if usable:
                cleaned["tools"] = [*(cleaned.get("tools") or ()), *usable]
        texts = [cleaned.get("instructions") or ""]
        while items and _is_system(items[0]):
            texts.append(_text_of(items.pop(0)))
        if instructions := "\n\n".join(text for text in texts if text):
            cleaned["instructions"] = instructions
        cleaned["input"] = items
    return {name: value for name, value in cleaned.items() if name in _KNOWN_FIELDS}, origins


def _split_carried(items: list[Any]) -> tuple[list[Any], list[Any]]:
    """The items that the dialect has, and tools that were sent as items."""
    kept: list[Any] = []
    tools: list[Any] = []
    for item in items:
        if isinstance(item, dict) and item.get("type") == "additional_tools":
            tools += item.get("tools") or []
            continue
        if isinstance(item, dict) and item.get("type") == "function_call" and item.get("namespace"):
            item["name"] = f"{item.pop('namespace')}{NAMESPACE_TOOL_DELIMITER}{item.get('name')}"
        if _is_known(_ITEM, item, "input item"):
            kept.append(item)
    return kept, tools


def _is_known(adapter: TypeAdapter[Any], value: Any, what: str) -> bool:
    try:
        adapter.validate_python(value)
    except ValidationError:
        kind = value.get("type") if isinstance(value, dict) else type(value).__name__
        log.warning("left out of a streaming request: unsupported %s of type %r", what, kind)
        return False
    return True


def _is_function(tool: Any) -> bool:
    if isinstance(tool, dict) and tool.get("type") == "function":
        return True
    log.warning("left out of a streaming request: %r is no function", tool)
    return False


def _is_system(item: Any) -> bool:
    return item.get("type") in {None, "message"} and item.get("role") in {"system", "developer"}


def _text_of(item: dict[str, Any]) -> str:
    content = item.get("content")
    if isinstance(content, str):
        return content
    texts = {"input_text", "output_text", "text"}
    return "".join(part.get("text") or "" for part in content or () if part.get("type") in texts)


def validate_streaming_responses_params(body: dict[str, Any]) -> NeMoGymResponseCreateParamsNonStreaming:
    """The request, checked; fields inside it that our dialect lacks are left out. Raises ValidationError."""
    remaining = deepcopy(body)
    while True:
        try:
            return NeMoGymResponseCreateParamsNonStreaming.model_validate(remaining)
        except ValidationError as error:
            unknown = [one["loc"] for one in error.errors() if one["type"] == "extra_forbidden"]
            if not any([_left_out(remaining, place) for place in unknown]):
                raise


def _left_out(body: Any, place: tuple[Any, ...]) -> bool:
    """Remove what is at a place, if it is there: pydantic's places name members of unions, too."""
    *way, last = place
    for part in way:
        if (isinstance(body, dict) and part in body) or (
            isinstance(body, list) and isinstance(part, int) and part < len(body)
        ):
            body = body[part]
        else:
            return False
    if not isinstance(body, dict) or last not in body:
        return False
    del body[last]
    log.warning("left out of a streaming request: unsupported field %s", ".".join(map(str, place)))
    return True


def _event(payload: dict[str, Any]) -> str:
    return f"event: {payload['type']}\ndata: {json.dumps(payload)}\n\n"


def synthesize_responses_sse(response_json: dict[str, Any], ns_map: NamespaceMap | None = None) -> Iterator[str]:
    """A complete answer as events: created, an event per item, completed."""
    items = [_with_namespace(item, ns_map or {}) for item in response_json.get("output") or ()]
    started = {**response_json, "status": "in_progress", "output": []}
    yield _event({"type": "response.created", "response": started})
    for index, item in enumerate(items):
        yield _event({"type": "response.output_item.done", "output_index": index, "item": item})
    yield _event({"type": "response.completed", "response": {**response_json, "output": items}})


def _with_namespace(item: Any, origins: NamespaceMap) -> Any:
    if isinstance(item, dict) and item.get("type") == "function_call" and item.get("name") in origins:
        namespace, name = origins[item["name"]]
        return {**item, "namespace": namespace, "name": name}
    return item


def synthesize_responses_failure_sse(message: str, *, code: str = "server_error") -> Iterator[str]:
    """A failure as events, for a client that has been promised a stream."""
    response = {"id": f"resp_{uuid4().hex}", "object": "response", "output": []}
    failed = {**response, "status": "failed", "error": {"code": code, "message": message}}
    yield _event({"type": "response.created", "response": {**failed, "status": "in_progress"}})
    yield _event({"type": "response.failed", "response": failed})
