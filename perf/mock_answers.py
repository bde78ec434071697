"""What the mock endpoint answers, in both dialects: HTTP answers that are made once, when this is imported."""

import json
from dataclasses import dataclass

ARGUMENTS: dict[str, object] = {
    "get_weather": {"city": "Oslo"},
    "get_synonym_value": {"synonym": "Blazing"},
}
"""What the tools of the benchmarked environments are called with."""


TOOLS = tuple(ARGUMENTS)


def _http(response: dict[str, object]) -> bytes:
    body = json.dumps(response).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def _response(item: dict[str, object]) -> bytes:
    return _http(
        {
            "id": "resp_1",
            "object": "response",
            "created_at": 1,
            "status": "completed",
            "model": "mock",
            "output": [item],
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "error": None,
            "incomplete_details": None,
            "usage": {
                "input_tokens": 100,
                "input_tokens_details": {"cached_tokens": 0},
                "output_tokens": 20,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": 120,
            },
        }
    )


def _completion(finish_reason: str, message: dict[str, object]) -> bytes:
    """With the fields that vLLM 0.11 sends, most of them null."""
    unused = {"refusal": None, "annotations": None, "audio": None, "function_call": None, "reasoning_content": None}
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": None, "tool_calls": [], **unused, **message},
        "logprobs": None,
        "finish_reason": finish_reason,
        "stop_reason": None,
        "token_ids": None,
    }
    return _http(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": "mock",
            "choices": [choice],
            "service_tier": None,
            "system_fingerprint": None,
            "usage": {
                "prompt_tokens": 100,
                "total_tokens": 120,
                "completion_tokens": 20,
                "prompt_tokens_details": None,
            },
            "prompt_logprobs": None,
            "prompt_token_ids": None,
            "kv_transfer_params": None,
        }
    )


@dataclass(frozen=True)
class Dialect:
    """How an API says what the endpoint has to say; the HTTP answers are made once."""

    tool_output: bytes
    """Stands in a request once for every tool output."""
    tool_calls: dict[str, bytes]
    """Answers that call a tool, by its name."""
    message: bytes
    """The answer that ends the rollout."""


SAID = "It is sunny in Oslo, 21 degrees."
RESPONSES = Dialect(
    b'"function_call_output"',
    {
        name: _response(
            {
                "type": "function_call",
                "id": "fc_1",
                "call_id": "call_1",
                "name": name,
                "status": "completed",
                "arguments": json.dumps(arguments),
            }
        )
        for name, arguments in ARGUMENTS.items()
    },
    _response(
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": SAID, "annotations": []}],
        }
    ),
)
CHAT = Dialect(
    b'"tool_call_id"',
    {
        name: _completion(
            "tool_calls",
            {
                "tool_calls": [
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {"name": name, "arguments": json.dumps(arguments)},
                    }
                ]
            },
        )
        for name, arguments in ARGUMENTS.items()
    },
    _completion("stop", {"content": SAID}),
)
