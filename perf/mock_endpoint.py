"""A stand-in for a model endpoint that costs next to nothing: raw asyncio, no framework, in a process of its own.

Answers a POST to `/chat/completions` as such an endpoint would, any other as `/v1/responses`: while the conversation
holds fewer tool outputs than `--steps`, with a call of an offered tool, then with a message. Prints its port on the
first line.
"""

import argparse
import asyncio
import contextlib
import re
import resource
import sys

from perf.mock_answers import CHAT, RESPONSES, TOOLS, Dialect


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
        while (request := self._take_request()) is not None:
            answer = self._answer(*request)
            if self._latency_s:
                asyncio.get_running_loop().call_later(self._latency_s, self._write, answer)
            else:
                self._write(answer)

    def _take_request(self) -> tuple[Dialect, bytes] | None:
        head_end = self._buffer.find(b"\r\n\r\n")
        if head_end < 0:
            return None
        length = re.search(rb"content-length: *(\d+)", self._buffer[:head_end], re.IGNORECASE)
        end = head_end + 4 + (int(length[1]) if length else 0)
        if len(self._buffer) < end:
            return None
        dialect = CHAT if b"/chat/completions" in self._buffer[: self._buffer.find(b"\r\n")] else RESPONSES
        body, self._buffer = self._buffer[head_end + 4 : end], self._buffer[end:]
        return dialect, body

    def _answer(self, dialect: Dialect, body: bytes) -> bytes:
        if body.count(dialect.tool_output) < self._steps:
            name = next((name for name in TOOLS if f'"{name}"'.encode() in body), TOOLS[0])
            return dialect.tool_calls[name]
        return dialect.message

    def _write(self, answer: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(answer)


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
