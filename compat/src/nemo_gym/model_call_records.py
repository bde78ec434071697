"""Captured model calls as records: tokens, tool calls, reasoning, outcome, whichever dialect the call was in."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Optional

from pydantic import BaseModel, Field

from nemo_gym.config_types import ModelServerRef


class ModelCallRecord(BaseModel):
    """One model call. What is unknown is None, which is not 0."""

    model_call_id: Optional[str] = None
    response_id: Optional[str] = None
    call_index: int
    model_ref: Optional[ModelServerRef] = None
    model: Optional[str] = None
    dialect: Optional[str] = None
    status_code: Optional[int] = None
    response_status: Optional[str] = None
    finish_reason: Optional[str] = None
    started_at: Optional[float] = None
    completed_at: Optional[float] = None
    tokens_in: Optional[int] = None
    """All of the prompt, cached or not."""
    tokens_out: Optional[int] = None
    tokens_reasoning: Optional[int] = None
    tokens_total: Optional[int] = None
    request: Optional[dict[str, Any]] = None
    response: Optional[dict[str, Any]] = None
    request_raw: Optional[str] = None
    response_raw: Optional[str] = None
    tool_calls: list[dict[str, Any]] = Field(default_factory=list)
    reasoning_content: Optional[str] = None
    cache_hit: Optional[bool] = None
    cached_tokens: Optional[int] = None
    cache_creation_tokens: Optional[int] = None
    error_category: Optional[str] = None
    latency_total_ms: Optional[float] = None
    latency_ttft_ms: Optional[float] = None


def extract_token_stats(usage: Any) -> dict[str, Optional[int]]:
    """The counts of a usage object of any dialect. Anthropic counts cached tokens beside its input tokens."""
    given = usage if isinstance(usage, Mapping) else {}
    inputs = _first(given, "input_tokens", "prompt_tokens")
    outputs = _first(given, "output_tokens", "completion_tokens")
    read, created = _first(given, "cache_read_input_tokens"), _first(given, "cache_creation_input_tokens")
    cached = (read or 0) + (created or 0)
    if cached or (inputs is not None and (read, created) != (None, None)):
        inputs = (inputs or 0) + cached
    total = _first(given, "total_tokens")
    if total is None and inputs is not None and outputs is not None:
        total = inputs + outputs
    reasoning = _detail(given, ("output_tokens_details", "completion_tokens_details"), "reasoning_tokens")
    return {
        "tokens_in": inputs,
        "tokens_out": outputs,
        "tokens_reasoning": _first(given, "reasoning_output_tokens") if reasoning is None else reasoning,
        "tokens_total": total,
        "cache_creation_tokens": created,
    }


def _cached_tokens(usage: Any) -> Optional[int]:
    if not isinstance(usage, Mapping):
        return None
    groups = ("prompt_tokens_details", "input_tokens_details")
    count = _detail(usage, groups, "cached_tokens", "cached_input_tokens")
    return _first(usage, "cache_read_input_tokens", "cached_input_tokens") if count is None else count


def _first(usage: Mapping[str, Any], *names: str) -> Optional[int]:
    counts = (usage.get(name) for name in names)
    return next((count for count in counts if type(count) is int and count >= 0), None)


def _detail(usage: Mapping[str, Any], groups: Iterable[str], *names: str) -> Optional[int]:
    details = (usage.get(group) for group in groups)
    counts = (_first(detail, *names) for detail in details if isinstance(detail, Mapping))
    return next((count for count in counts if count is not None), None)


def _said(response: Mapping[str, Any]) -> tuple[list[dict[str, Any]], Optional[str]]:
    """The tool calls and the reasoning of an answer."""
    for key, read in (("output", _said_in_items), ("choices", _said_in_choices), ("content", _said_in_blocks)):
        if isinstance(parts := response.get(key), list):
            calls, thoughts = read([part for part in parts if isinstance(part, Mapping)])
            return calls, "\n".join(text for text in thoughts if isinstance(text, str) and text) or None
    return [], None


def _said_in_items(items: Sequence[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], list[Any]]:
    calls = [
        _call(item.get("call_id") or item.get("id"), item.get("name"), item.get("arguments"))
        for item in items
        if item.get("type") == "function_call"
    ]
    thoughts = [
        part.get("text")
        for item in items
        if item.get("type") == "reasoning"
        for part in item.get("summary") or ()
        if isinstance(part, Mapping)
    ]
    return calls, thoughts


def _said_in_choices(choices: Sequence[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], list[Any]]:
    calls: list[dict[str, Any]] = []
    thoughts: list[Any] = []
    for choice in choices:
        message = choice.get("message")
        if not isinstance(message, Mapping):
            continue
        thoughts.append(message.get("reasoning_content") or message.get("reasoning"))
        for call in message.get("tool_calls") or ():
            if isinstance(call, Mapping):
                given = call.get("function")
                function = given if isinstance(given, Mapping) else {}
                calls.append(_call(call.get("id"), function.get("name"), function.get("arguments")))
    return calls, thoughts


def _said_in_blocks(blocks: Sequence[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], list[Any]]:
    calls = [
        {"call_id": block.get("id"), "name": block.get("name"), "arguments": block.get("input") or {}}
        for block in blocks
        if block.get("type") == "tool_use"
    ]
    return calls, [block.get("thinking") for block in blocks if block.get("type") in {"thinking", "redacted_thinking"}]


def _call(call_id: Any, name: Any, arguments: Any) -> dict[str, Any]:
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except ValueError:
            arguments = {"_raw": arguments}
    elif not isinstance(arguments, dict):
        arguments = {}
    return {"call_id": call_id, "name": name, "arguments": arguments}


def build_model_call_record(exchange: Mapping[str, Any], *, call_index: int) -> ModelCallRecord:
    """A captured exchange as a record."""
    request, response = _object(exchange, "request"), _object(exchange, "response")
    answer = response or {}
    usage, cached = answer.get("usage"), _cached_tokens(answer.get("usage"))
    calls, reasoning = _said(answer)
    counts: dict[str, Any] = {**extract_token_stats(usage)}
    same = ("model_call_id", "model_ref", "dialect", "status_code", "started_at", "completed_at", "error_category")
    return ModelCallRecord(
        call_index=call_index,
        response_id=_text(answer.get("id")),
        model=_text(answer.get("model") or (request or {}).get("model")),
        response_status=_text(answer.get("status")),
        finish_reason=_finish_reason(answer),
        request=request,
        response=response,
        request_raw=_text(exchange.get("request_raw")),
        response_raw=_text(exchange.get("response_raw")),
        tool_calls=calls,
        reasoning_content=reasoning,
        cache_hit=None if cached is None else cached > 0,
        cached_tokens=cached,
        latency_total_ms=exchange.get("latency_ms"),
        latency_ttft_ms=exchange.get("latency_ttft_ms"),
        **{name: exchange.get(name) for name in same},
        **counts,
    )


def _object(exchange: Mapping[str, Any], key: str) -> Optional[dict[str, Any]]:
    value = exchange.get(key)
    return value if isinstance(value, dict) else None


def _text(value: Any) -> Optional[str]:
    return value if isinstance(value, str) else None


def _finish_reason(answer: Mapping[str, Any]) -> Optional[str]:
    choices = answer.get("choices")
    first = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    details = answer.get("incomplete_details")
    reason = details.get("reason") if isinstance(details, dict) else None
    candidates = (answer.get("stop_reason"), first.get("finish_reason"), reason)
    return next((value for value in candidates if isinstance(value, str)), None)


def read_model_call_records(store: Any, rollout_id: str) -> list[ModelCallRecord]:
    """A rollout's calls, in the order in which they were written."""
    return [
        build_model_call_record(exchange, call_index=index) for index, exchange in enumerate(store.read(rollout_id))
    ]


def read_available_model_call_records(store: Any, rollout_id: str) -> tuple[list[ModelCallRecord], int]:
    """The calls that can be read, and how many cannot."""
    exchanges, damaged = store.read_available(rollout_id)
    records = []
    for index, exchange in exchanges:
        try:
            records.append(build_model_call_record(exchange, call_index=index))
        except (ValueError, TypeError, AttributeError):
            damaged += 1
    return records, damaged


def aggregate_model_call_records(calls: Sequence[ModelCallRecord]) -> dict[str, Any]:
    """Sums over calls; None where no call knows."""
    names = ("tokens_in", "tokens_out", "tokens_reasoning", "tokens_total", "cached_tokens", "latency_total_ms")
    sums: dict[str, Any] = {}
    for name in names:
        known = [value for call in calls if (value := getattr(call, name)) is not None]
        sums[name] = sum(known) if known else None
    return {**sums, "num_calls": len(calls)}


def aggregate_model_call_metrics(store: Any, rollout_id: str) -> dict[str, Any]:
    """Sums over a rollout's calls."""
    return aggregate_model_call_records(read_model_call_records(store, rollout_id))
