"""A stand-in for a model endpoint that costs next to nothing: raw asyncio, no framework, in a process of its own.

Answers any POST as `/v1/responses` would: while the conversation holds fewer tool outputs than `--steps`, with a call
of an offered tool, then with a message. Prints its port on the first line.
"""

import argparse
import asyncio
import contextlib
import json
import re
import resource
import sys

ARGUMENTS = {
    "get_weather": {"city": "Oslo"},
    "get_synonym_value": {"synonym": "Blazing"},
}
"""What the tools of the benchmarked environments are called with."""


class MockEndpoint(asyncio.Protocol):
    """One connection; requests are answered in order, each `latency_s` after it came in."""

    def __init__(self, latency_s: float, steps: int) -> None:
        self._latency_s = latency_s
        self._steps = steps
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport to answer on."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        self._buffer += data
        while (body := self._take_request()) is not None:
            answer = self._answer(body)
            if self._latency_s:
                asyncio.get_running_loop().call_later(self._latency_s, self._write, answer)
            else:
                self._write(answer)

    def _take_request(self) -> bytes | None:
        head_end = self._buffer.find(b"\r\n\r\n")
        if head_end < 0:
            return None
        length = re.search(rb"content-length: *(\d+)", self._buffer[:head_end], re.IGNORECASE)
        end = head_end + 4 + (int(length[1]) if length else 0)
        if len(self._buffer) < end:
            return None
        body, self._buffer = self._buffer[head_end + 4 : end], self._buffer[end:]
        return body

    def _answer(self, body: bytes) -> bytes:
        if body.count(b'"function_call_output"') < self._steps:
            return tool_call_answer(next((name for name in ARGUMENTS if f'"{name}"'.encode() in body), "get_weather"))
        return MESSAGE

    def _write(self, answer: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(answer)


def _http(output: list[dict[str, object]]) -> bytes:
    response = {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "status": "completed",
        "model": "mock",
        "output": output,
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
    body = json.dumps(response).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def tool_call_answer(name: str) -> bytes:
    """The HTTP answer that calls a tool; made once per tool."""
    if name not in _TOOL_CALLS:
        item = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": name, "status": "completed"}
        _TOOL_CALLS[name] = _http([{**item, "arguments": json.dumps(ARGUMENTS[name])}])
    return _TOOL_CALLS[name]


_TOOL_CALLS: dict[str, bytes] = {}
MESSAGE = _http(
    [
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "It is sunny in Oslo, 21 degrees.", "annotations": []}],
        }
    ]
)


async def serve(latency_s: float, steps: int, port: int) -> None:
    """Serve until standard input closes."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: MockEndpoint(latency_s, steps), "127.0.0.1", port, backlog=65535)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.buffer.read)


def main() -> None:
    """Parse the options and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency-s", type=float, default=0.0)
    parser.add_argument("--steps", type=int, default=1, help="tool calls before the answer")
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(options.latency_s, options.steps, options.port))


if __name__ == "__main__":
    main()
