"""A ChatCompletion as a Response and a Response as a ChatCompletion.

Raises ValueError where an answer is none: the channel to the endpoint makes a failure of it.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

from polygym.protocol.chat.requests import LOGPROBS_INCLUDED
from polygym.protocol.chat.shapes import require_list, require_object, require_text
from polygym.protocol.chat.turns import REASONING_FIELDS, TURN_KINDS, Turn, turn_to_items
from polygym.protocol.chat.usage import usage_to_chat, usage_to_responses
from polygym.protocol.json import JsonObject
from polygym.protocol.responses import check_response, new_id, new_response

_ID_PREFIXES: Final = {"message": "msg", "reasoning": "rs", "function_call": "fc", "custom_tool_call": "ctc"}
_INCOMPLETE_REASONS: Final = {"length": "max_output_tokens", "content_filter": "content_filter"}
_GIVEN_UP: Final = ("abort", "error")
"""Finish reasons of servers that stopped in the middle: SGLang and vLLM, OpenRouter."""

_COMPLETION_KNOWN: Final = frozenset({"id", "object", "created", "model", "choices", "usage", "error"})
_CHOICE_KNOWN: Final = frozenset({"index", "message", "finish_reason", "logprobs"})
_RESPONSE_KNOWN: Final = frozenset(
    {
        "background",
        "completed_at",
        "conversation",
        "created_at",
        "error",
        "frequency_penalty",
        "id",
        "incomplete_details",
        "instructions",
        "max_output_tokens",
        "max_tool_calls",
        "metadata",
        "model",
        "object",
        "output",
        "output_text",
        "parallel_tool_calls",
        "presence_penalty",
        "previous_response_id",
        "prompt",
        "prompt_cache_key",
        "prompt_cache_retention",
        "reasoning",
        "safety_identifier",
        "status",
        "store",
        "temperature",
        "text",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
        "truncation",
        "usage",
        "user",
    }
)
"""Fields of a Response that say what was asked, or that a ChatCompletion has in another form."""


def chat_completion_to_response(completion: JsonObject, params: JsonObject) -> JsonObject:
    """The Response that a ChatCompletion stands for, as the answer to the Responses create params `params`.

    Token fields and other fields of the message that the Responses API lacks are on the last output item. Log
    probabilities are on the text if `params` include them. Raises ValueError when `completion` is no completion with
    exactly one choice, or its endpoint gave up on it.
    """
    require_object(params, "the create params")
    choice = only_choice(completion)
    reason = choice.get("finish_reason")
    if reason in _GIVEN_UP:
        raise ValueError(f"the endpoint gave up on the answer: finish_reason is {reason!r}")
    incomplete = _INCOMPLETE_REASONS.get(reason) if isinstance(reason, str) else None
    try:
        output = turn_to_items(require_object(choice.get("message"), "'message'"))
    except ValueError as error:
        raise ValueError(f"choices[0].message: {error}") from error
    output = [_with_id(item) for item in output]
    if incomplete is not None and "status" in output[-1]:
        output[-1]["status"] = "incomplete"
    if _wants_logprobs(params):
        _put_logprobs(output, choice.get("logprobs"))
    model = require_text(completion.get("model") or params.get("model") or "", "model")
    response = new_response(params, output, model=model, usage=usage_to_responses(completion.get("usage")))
    response["created_at"] = _seconds(completion.get("created"))
    if incomplete is not None:
        response["status"] = "incomplete"
        response["incomplete_details"] = {"reason": incomplete}
    for source, known in ((completion, _COMPLETION_KNOWN), (choice, _CHOICE_KNOWN)):
        for name, value in source.items():
            if name not in known and value is not None:
                response.setdefault(name, value)
    return response


def response_to_chat_completion(
    response: JsonObject, *, reasoning_fields: Sequence[str] = REASONING_FIELDS
) -> JsonObject:
    """The ChatCompletion, with one choice, that a Response stands for.

    `reasoning_fields` are the names that the message has its reasoning under. Raises ValueError when `response` is
    malformed, not finished, or holds items that Chat Completions has no place for.
    """
    problem = check_response(response)
    if problem is not None:
        raise ValueError(problem)
    status = response.get("status") or "completed"
    if status not in ("completed", "incomplete"):
        raise ValueError(f"the response is not finished: its status is {status!r}")
    turn = Turn()
    for index, item in enumerate(response["output"]):
        _add_to_turn(turn, item, f"output[{index}]")
    message = turn.message(reasoning_fields)
    if isinstance(message["content"], list):
        message["content"] = "".join(_plain_text(part) for part in message["content"])
    response_id = require_text(response.get("id") or new_id("resp"), "id")
    completion: JsonObject = {
        "id": f"chatcmpl-{response_id.removeprefix('resp_')}",
        "object": "chat.completion",
        "created": _seconds(response.get("created_at")),
        "model": require_text(response.get("model") or "", "model"),
        "choices": [
            {
                "index": 0,
                "message": message,
                "logprobs": _logprobs_of(response["output"]),
                "finish_reason": _finish_reason(response, status, message),
            }
        ],
        "usage": usage_to_chat(response.get("usage")),
    }
    for name, value in response.items():
        if name not in _RESPONSE_KNOWN and value is not None:
            completion.setdefault(name, value)
    return completion


def only_choice(completion: Any) -> JsonObject:
    """The one choice of a ChatCompletion or a text completion. Raises ValueError when there is none, or more."""
    if require_object(completion, "the completion").get("error"):
        raise ValueError(f"the completion holds an error: {completion['error']}")
    choices = completion.get("choices")
    if not isinstance(choices, list) or not choices:
        said = completion.get("message") or completion.get("detail")
        raise ValueError(
            f"a completion needs 'choices', a list that is not empty{f'; this says: {said}' if said else ''}"
        )
    if len(choices) > 1:
        raise ValueError(f"a Response holds one answer, the completion has {len(choices)} choices; ask with n = 1")
    choice = require_object(choices[0], "choices[0]")
    if choice.get("error"):
        raise ValueError(f"the choice holds an error: {choice['error']}")
    return choice


def _with_id(item: JsonObject) -> JsonObject:
    """The item as a server answers it. A reasoning item gets no status: OpenAI refuses one that is sent back."""
    kind = item["type"]
    identified = {"id": new_id(_ID_PREFIXES[kind]), **item}
    if kind in ("message", "function_call"):
        identified["status"] = "completed"
    return identified


def _wants_logprobs(params: JsonObject) -> bool:
    included = params.get("include")
    return isinstance(included, list) and LOGPROBS_INCLUDED in included


def _put_logprobs(output: list[JsonObject], logprobs: Any) -> None:
    """Put a choice's log-probabilities on the first text; without a text they have no place."""
    if logprobs is None:
        return
    tokens = require_object(logprobs, "choices[0].logprobs").get("content") or []
    text = next(_text_parts(output), None)
    if text is not None:
        text["logprobs"] = require_list(tokens, "choices[0].logprobs.content")


def _logprobs_of(output: list[JsonObject]) -> JsonObject | None:
    tokens: list[Any] = []
    for part in _text_parts(output):
        tokens += require_list(part.get("logprobs") or [], "logprobs")
    return {"content": tokens, "refusal": None} if tokens else None


def _text_parts(output: list[JsonObject]) -> Iterator[JsonObject]:
    for item in output:
        content = item.get("content") if item["type"] == "message" else None
        if isinstance(content, list):
            yield from (part for part in content if part["type"] == "output_text")


def _add_to_turn(turn: Turn, item: JsonObject, where: str) -> None:
    kind = item["type"]
    if kind not in TURN_KINDS:
        raise ValueError(f"{where}: Chat Completions has no place for an item of type {kind!r}")
    if kind == "message" and item.get("role") != "assistant":
        raise ValueError(f"{where}: an answer holds messages of the assistant, the role here is {item.get('role')!r}")
    try:
        turn.add(item, kind)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def _plain_text(part: JsonObject) -> str:
    if part["type"] != "text":
        raise ValueError(f"the message of a ChatCompletion holds text only, this part is of type {part['type']!r}")
    return str(part["text"])


def _finish_reason(response: JsonObject, status: str, message: JsonObject) -> str:
    if status == "incomplete":
        details = require_object(response.get("incomplete_details") or {}, "incomplete_details")
        return "content_filter" if details.get("reason") == "content_filter" else "length"
    return "tool_calls" if message.get("tool_calls") else "stop"


def _seconds(created: Any) -> int:
    """A time of creation in whole seconds since 1970; now, where a server does not say."""
    return int(created if isinstance(created, int | float) and abs(created) < 1e12 else time.time())
