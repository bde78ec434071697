"""A conversation of 20 messages with 10 tools, as an agent sends it and as an endpoint of open models answers it."""

from typing import Any

from polygym.protocol.chat import chat_completion_to_response, responses_params_to_chat
from polygym.protocol.chat.tokens import prompt_ids_of, with_token_fields
from polygym.protocol.messages import message_to_response, responses_params_to_messages, without_responses_fields
from polygym.protocol.responses import check_response

MESSAGES = 20
TOOLS = 10
PROMPT_TOKENS = 4_000
ANSWER_TOKENS = 400

SCHEMA = {
    "type": "object",
    "properties": {
        "query": {"type": "string", "description": "what to look for"},
        "limit": {"type": "integer", "minimum": 1},
        "kind": {"type": "string", "enum": ["mail", "event", "task"]},
    },
    "required": ["query"],
    "additionalProperties": False,
}


def create_params() -> dict[str, Any]:
    """Responses create params: instructions, a question, nine tool calls with reasoning, each with its output."""
    items: list[dict[str, Any]] = [
        {"type": "message", "role": "system", "content": "You are the assistant of a small office. " * 20},
        {"type": "message", "role": "user", "content": "Move my meeting with Ada to the first free hour tomorrow."},
    ]
    for number in range((MESSAGES - len(items)) // 2):
        thought = {"type": "summary_text", "text": "I have to know what is in the calendar first. " * 5}
        items += [
            {"type": "reasoning", "id": f"rs_{number}", "summary": [thought]},
            {
                "type": "function_call",
                "id": f"fc_{number}",
                "call_id": f"call_{number}",
                "name": f"tool_{number}",
                "arguments": '{"query":"meeting with Ada","limit":3}',
                "status": "completed",
            },
            {
                "type": "function_call_output",
                "call_id": f"call_{number}",
                "output": '{"results":[{"id":1,"title":"Meeting with Ada","at":"10:00"}]}',
            },
        ]
    described = "Looks something up in the records of the office."
    tools = [
        {"type": "function", "name": f"tool_{number}", "description": described, "parameters": SCHEMA, "strict": True}
        for number in range(TOOLS)
    ]
    return {"input": items, "tools": tools, "temperature": 1.0, "top_p": 1.0, "max_output_tokens": 512}


def completion(*, has_tokens: bool) -> dict[str, Any]:
    """A completion as vLLM 0.11 sends it; with the ids of its tokens if it is asked for them."""
    unused: dict[str, Any] = {
        "refusal": None,
        "annotations": None,
        "audio": None,
        "function_call": None,
        "tool_calls": [],
    }
    message = {"role": "assistant", "content": "It is at 9 now.", "reasoning_content": "That hour is free.", **unused}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "stop_reason": None, "logprobs": None}
    usage = {"prompt_tokens": PROMPT_TOKENS, "completion_tokens": ANSWER_TOKENS, "prompt_tokens_details": None}
    answer: dict[str, Any] = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [choice],
        "usage": {**usage, "total_tokens": PROMPT_TOKENS + ANSWER_TOKENS},
        "prompt_logprobs": None,
    }
    if has_tokens:
        answer["prompt_token_ids"] = list(range(PROMPT_TOKENS))
        choice["token_ids"] = list(range(ANSWER_TOKENS))
        entries = [
            {"token": f"token_id:{n}", "logprob": -0.5, "bytes": [], "top_logprobs": []} for n in range(ANSWER_TOKENS)
        ]
        choice["logprobs"] = {"content": entries}
    return answer


def signed_params() -> dict[str, Any]:
    """`create_params` with thoughts that Anthropic has signed, as they go back to it."""
    params = create_params()
    for item in params["input"]:
        if item["type"] == "reasoning":
            item["encrypted_content"] = "EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxBdjrkzLoky3dl1pkiMOYds" * 4
    return params


def message() -> dict[str, Any]:
    """An answer as Anthropic sends it."""
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [
            {"type": "thinking", "thinking": "That hour is free.", "signature": "EqQBCgIYAhIM1gbc"},
            {"type": "text", "text": "It is at 9 now."},
        ],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": PROMPT_TOKENS, "cache_read_input_tokens": 0, "output_tokens": ANSWER_TOKENS},
    }


def convert_by_messages(params: dict[str, Any], answer: dict[str, Any]) -> None:
    """As `convert`, for an endpoint that speaks the Messages API. Raises ValueError."""
    without_responses_fields(responses_params_to_messages(params))
    problem = check_response(message_to_response(answer, params))
    if problem is not None:
        raise ValueError(problem)


def convert(params: dict[str, Any], answer: dict[str, Any], *, has_tokens: bool) -> None:
    """A model call without its HTTP and JSON: the request to chat, the answer back, checked. Raises ValueError."""
    responses_params_to_chat(params)
    if has_tokens:
        answer = with_token_fields(answer, prompt_ids_of(answer) or [])
    problem = check_response(chat_completion_to_response(answer, params))
    if problem is not None:
        raise ValueError(problem)
