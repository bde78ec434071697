"""Requests without what only the other API knows: for endpoints that refuse fields which are not theirs."""

from collections.abc import Iterable
from typing import Any, Final

from polygym.protocol.json import JsonObject
from polygym.protocol.messages.fields import MESSAGES_FIELDS, PASSED, RESPONSES_FIELDS
from polygym.protocol.messages.turns import MESSAGES_BLOCK

_NEEDED: Final = frozenset({"container", "mcp_servers"})
"""Parameters of MESSAGES_ONLY without which the model is asked for something else."""
_UNHEARD: Final = frozenset(
    {
        *("background", "max_tool_calls", "prompt_cache_key", "prompt_cache_retention", "reasoning"),
        *("safety_identifier", "store", "stream_options", "text", "user"),
    }
)
"""Parameters of the Responses API that change nothing in what a model without state says."""
_INCLUDED: Final = ("reasoning.encrypted_content",)
"""Entries of `include` that an Anthropic endpoint answers unasked; no set, since an entry may have no hash."""
_OWN: Final = frozenset({RESPONSES_FIELDS, *PASSED})


def without_messages_fields(params: JsonObject) -> JsonObject:
    """Responses params made of a Messages request, for a policy that is not Anthropic's.

    Hints such as `cache_control`, how much to think and fields that are not known are left out. Raises ValueError when
    something must not be: parts of the conversation, or parameters that bring tools of their own.
    """
    native = params.get(MESSAGES_FIELDS) or {}
    needed = _NEEDED & native.keys()
    if needed:
        raise ValueError(f"{', '.join(sorted(needed))}: the policy is no Anthropic endpoint and has no such thing")
    stripped = {name: value for name, value in params.items() if name != MESSAGES_FIELDS}
    stripped["input"] = [_plain_item(item, index) for index, item in enumerate(params["input"])]
    if params.get("tools"):
        stripped["tools"] = [_without(tool, MESSAGES_FIELDS) for tool in params["tools"]]
    form = (params.get("text") or {}).get("format")
    if isinstance(form, dict) and MESSAGES_FIELDS in form:
        stripped["text"] = {**params["text"], "format": _without(form, MESSAGES_FIELDS)}
    return stripped


def without_responses_fields(params: JsonObject) -> JsonObject:
    """A Messages request made of Responses params, for an Anthropic endpoint, which refuses fields it does not know.

    Also left out are thoughts without a signature and empty texts, which it refuses as well.
    """
    kept = {name: value for name, value in params.items() if name not in _UNHEARD}
    included = [entry for entry in _as_list(kept.pop("include", None)) if entry not in _INCLUDED]
    if included:
        kept["include"] = included
    if kept.get("truncation") == "disabled":
        del kept["truncation"]
    if not kept.get("top_logprobs"):
        kept.pop("top_logprobs", None)
    if isinstance(kept.get("metadata"), dict):
        user = kept.pop("metadata").get("user_id")
        if user is not None:
            kept["metadata"] = {"user_id": user}
    kept["messages"] = _plain_messages(kept["messages"])
    if isinstance(kept.get("system"), list):
        kept["system"] = _plain_blocks(kept["system"])
    if kept.get("tools"):
        kept["tools"] = [_without(tool, RESPONSES_FIELDS) for tool in kept["tools"]]
    form = (kept.get("output_config") or {}).get("format")
    if isinstance(form, dict) and RESPONSES_FIELDS in form:
        kept["output_config"] = {**kept["output_config"], "format": _without(form, RESPONSES_FIELDS)}
    return kept


def _plain_item(item: JsonObject, index: int) -> JsonObject:
    if item.get("type") == MESSAGES_BLOCK:
        kind = item["block"]["type"]
        raise ValueError(f"input[{index}]: the policy is no Anthropic endpoint and has no blocks of type {kind!r}")
    item = _without(item, MESSAGES_FIELDS)
    for field in ("content", "output"):
        parts = item.get(field)
        if isinstance(parts, list):
            item = {**item, field: [_without(part, MESSAGES_FIELDS) for part in parts]}
    return item


def _plain_messages(messages: Iterable[JsonObject]) -> list[JsonObject]:
    plain = []
    for message in messages:
        content = message["content"]
        if isinstance(content, list):
            content = _plain_blocks(content)
        if content or message["role"] != "assistant":
            plain.append({**message, "content": content} if content is not message["content"] else message)
    return plain


def _plain_blocks(blocks: Iterable[JsonObject]) -> list[JsonObject]:
    plain = []
    for block in blocks:
        kind = block["type"]
        if (kind == "text" and not block["text"]) or (kind == "thinking" and not block.get("signature")):
            continue
        kept = block if _OWN.isdisjoint(block) else {name: value for name, value in block.items() if name not in _OWN}
        if kind == "tool_result" and isinstance(kept.get("content"), list):
            kept = {**kept, "content": _plain_blocks(kept["content"])}
        plain.append(kept)
    return plain


def _without(fields: JsonObject, name: str) -> JsonObject:
    return {field: value for field, value in fields.items() if field != name} if name in fields else fields


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
