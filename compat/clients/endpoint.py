"""A stand-in for a model endpoint that returns token ids, with nothing but the standard library.

A token is a byte. A conversation is rendered by a template of our own, and what an assistant said is rendered as it was
generated, so that a later prompt starts with the earlier prompt and its generation, as trainers require. Speaks
`/v1/chat/completions` (plain and streamed), `/tokenize`, `/v1/models` and `/health`. Knows no client and no server.
"""

import argparse
import json
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

END = 3
"""The token that ends what an assistant says."""
LOG_PROBABILITY = -0.25
"""Of every token that the script generates."""


class Generation(NamedTuple):
    """What a model makes of a prompt."""

    message: dict[str, Any]
    """As in a chat completion: `content`, or `tool_calls`."""
    token_ids: list[int]
    log_probs: list[float]


def render(messages: list[Mapping[str, Any]], tools: list[Any]) -> list[int]:
    """The prompt's tokens: the tools, the messages, and the header of what comes next."""
    parts = [f"<tools>{json.dumps(tools, sort_keys=True)}\n".encode()] if tools else []
    for message in messages:
        header = f"<{message['role']}>".encode()
        is_said = message["role"] == "assistant"
        parts.append(header + (bytes(said(message)) if is_said else _text(message).encode() + bytes([END])))
    return list(b"".join([*parts, b"<assistant>"]))


def said(message: Mapping[str, Any]) -> list[int]:
    """The tokens that a message of the assistant was generated as."""
    calls = [
        f"<call>{call['function']['name']} {call['function']['arguments']}" for call in message.get("tool_calls") or ()
    ]
    return [*"".join([_text(message), *calls]).encode(), END]


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content") or ""
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


@dataclass
class Script:
    """Answers: a call of an offered tool while there are fewer than `steps` tool outputs, then a message."""

    steps: int = 1
    text: str = "It is cold in San Francisco."
    arguments: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What a tool is called with, by its name; else made of its schema."""
    answers: dict[str, str] = field(default_factory=dict)
    """What is said instead of `text` to a last message of the user's."""

    def generate(self, prompt: list[int], body: Mapping[str, Any]) -> Generation:
        """The next turn of a conversation. `prompt` is for those who sample."""
        tools = body.get("tools") or []
        outputs = sum(message["role"] == "tool" for message in body["messages"])
        asked = next((_text(message) for message in reversed(body["messages"]) if message["role"] == "user"), "")
        message: dict[str, Any] = {"role": "assistant", "content": self.answers.get(asked, self.text)}
        if tools and outputs < self.steps:
            function = tools[outputs % len(tools)]["function"]
            arguments = json.dumps(self.arguments.get(function["name"]) or _sample(function.get("parameters") or {}))
            call: dict[str, Any] = {"name": function["name"], "arguments": arguments}
            call = {"id": f"call_{outputs}", "type": "function", "function": call}
            message |= {"content": None, "tool_calls": [call]}
        token_ids = said(message)
        return Generation(message, token_ids, [LOG_PROBABILITY] * len(token_ids))


def _sample(schema: Mapping[str, Any]) -> Any:
    values = {"integer": 1, "number": 1.0, "boolean": True, "array": [], "null": None}
    kind = schema.get("type", "object")
    if schema.get("enum"):
        return schema["enum"][0]
    if kind == "object":
        return {name: _sample(each) for name, each in (schema.get("properties") or {}).items()}
    return values.get(kind, "San Francisco")


class Endpoint:
    """The HTTP server around a script, or around anything with its `generate`; serves from a thread."""

    def __init__(self, model: Any, port: int = 0) -> None:
        self.model = model
        self.requests: list[dict[str, Any]] = []
        """The bodies of the completions that were asked for."""
        self._server = ThreadingHTTPServer(("127.0.0.1", port), type("Handler", (_Handler,), {"endpoint": self}))
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        """Base URL, for `policy_base_url`."""

    def __enter__(self) -> "Endpoint":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def complete(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """A chat completion with token ids, inline and as log-probabilities."""
        self.requests.append(dict(body))
        prompt = render(body["messages"], body.get("tools") or [])
        generation = self.model.generate(prompt, body)
        pairs = zip(generation.token_ids, generation.log_probs, strict=True)
        content = [
            {"token": f"token_id:{token_id}", "logprob": value, "bytes": None, "top_logprobs": []}
            for token_id, value in pairs
        ]
        choice = {
            "index": 0,
            "message": generation.message,
            "finish_reason": "tool_calls" if generation.message.get("tool_calls") else "stop",
            "logprobs": {"content": content} if body.get("logprobs") else None,
        }
        answer = {
            "id": f"chatcmpl-{len(self.requests)}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": body.get("model", "stand-in"),
            "choices": [choice],
            "usage": {
                "prompt_tokens": len(prompt),
                "completion_tokens": len(generation.token_ids),
                "total_tokens": len(prompt) + len(generation.token_ids),
            },
        }
        if body.get("return_token_ids"):
            answer["prompt_token_ids"] = prompt
            choice["token_ids"] = generation.token_ids
        return answer


def chunks(completion: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A completion as the chunks of a stream."""
    common = {key: completion[key] for key in ("id", "created", "model")} | {"object": "chat.completion.chunk"}
    [choice] = completion["choices"]
    delta = {key: value for key, value in choice["message"].items() if value is not None}
    if calls := delta.get("tool_calls"):
        delta["tool_calls"] = [{"index": index, **call} for index, call in enumerate(calls)]
    yield {**common, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    yield {**common, "choices": [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}]}
    yield {**common, "choices": [], "usage": completion["usage"]}


class _Handler(BaseHTTPRequestHandler):
    endpoint: Endpoint
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Models, and health."""
        self._send({"object": "list", "data": [{"id": "stand-in", "object": "model"}]})

    def do_POST(self) -> None:
        """A completion, or the tokens of a prompt."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path.endswith("/tokenize"):
            self._send({"tokens": render(body["messages"], body.get("tools") or [])})
        elif not self.path.endswith("/chat/completions"):
            self._send({"error": {"message": f"no route {self.path}"}}, 404)
        elif body.get("stream"):
            self._stream(chunks(self.endpoint.complete(body)))
        else:
            self._send(self.endpoint.complete(body))

    def _send(self, answer: Any, status: int = 200) -> None:
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _stream(self, parts: Iterator[dict[str, Any]]) -> None:
        events = "".join(f"data: {json.dumps(part)}\n\n" for part in parts) + "data: [DONE]\n\n"
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Content-Length", str(len(events.encode())))
        self.end_headers()
        self.wfile.write(events.encode())

    def log_message(self, *_: Any) -> None:
        """Nothing is logged."""


def main() -> None:
    """Serve a script until standard input closes; the URL is the first line of the output."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--steps", type=int, default=Script.steps)
    parser.add_argument("--text", default=Script.text)
    parser.add_argument("--arguments", type=json.loads, default={}, help="JSON: tool name to arguments")
    options = parser.parse_args()
    with Endpoint(Script(options.steps, options.text, options.arguments), options.port) as endpoint:
        sys.stdout.write(f"{endpoint.url}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
