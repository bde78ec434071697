"""Answers that no endpoint should give, as bytes on the wire, for hypothesis to choose from."""

import gzip
import json
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from polygym.protocol.json import JsonObject

KEY = "sk-hostile-secret-key"
"""The key that our calls are made with; endpoints repeat it."""
MESSAGE: JsonObject = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "status": "completed",
    "content": [{"type": "output_text", "text": "It is sunny.", "annotations": []}],
}
CALL: JsonObject = {
    "id": "fc_1",
    "type": "function_call",
    "call_id": "call_1",
    "name": "get_weather",
    "arguments": '{"city": "Oslo"}',
    "status": "completed",
}
USAGE: JsonObject = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}
RESPONSE: JsonObject = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1,
    "status": "completed",
    "model": "tiny",
    "output": [MESSAGE],
    "usage": USAGE,
    "metadata": {},
    "incomplete_details": None,
    "error": None,
}
COMPLETION: JsonObject = {
    "id": "c1",
    "object": "chat.completion",
    "created": 1,
    "model": "tiny",
    "choices": [
        {
            "index": 0,
            "finish_reason": "tool_calls",
            "logprobs": {"content": [{"token": "a", "logprob": -0.5, "top_logprobs": []}]},
            "message": {
                "role": "assistant",
                "content": "hm",
                "reasoning_content": "well",
                "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
            },
        }
    ],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}
MESSAGES_ANSWER: JsonObject = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "tiny",
    "content": [
        {"type": "thinking", "thinking": "well", "signature": "c2VhbGVk"},
        {"type": "text", "text": "hm", "citations": None},
        {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"city": "Oslo"}},
    ],
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "usage": {"input_tokens": 3, "cache_read_input_tokens": 1, "output_tokens": 2},
}

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def http(
    body: bytes, *, status: int = 200, kind: str = "application/json", headers: str = "", length: int | None = None
) -> bytes:
    """An HTTP answer; `length` is what it claims."""
    claimed = len(body) if length is None else length
    lines = (f"HTTP/1.1 {status} X", f"Content-Type: {kind}", f"Content-Length: {claimed}", "Connection: close")
    head = "".join(f"{line}\r\n" for line in lines) + f"{headers}\r\n"
    return head.encode("latin-1") + body


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all values inside a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, each in inner for place in places(each, (*path, key)))]


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """The value with another one at `path`."""
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


@st.composite
def mutated(draw: st.DrawFn, good: JsonObject) -> bytes:
    """A good answer with a value or two of another kind."""
    value: Any = good
    for _ in range(draw(st.integers(1, 2))):
        value = replaced(value, draw(st.sampled_from(places(value))), draw(VALUES))
    return http(json.dumps(value).encode())


@st.composite
def cut_off(draw: st.DrawFn, good: JsonObject) -> bytes:
    """A good answer that ends too early, for one of several reasons."""
    body = json.dumps(good).encode()
    end = draw(st.integers(0, len(body) - 1))
    way = draw(st.sampled_from(["json", "connection", "chunk", "gzip"]))
    if way == "json":
        return http(body[:end])
    if way == "connection":
        return http(body[:end], length=len(body))
    if way == "chunk":
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        return head + b"%x\r\n%s" % (len(body), body[:end])
    packed = gzip.compress(body)
    return http(packed[: min(end, len(packed) - 1)], headers="Content-Encoding: gzip\r\n")


@st.composite
def errors(draw: st.DrawFn) -> bytes:
    """An error, with a status or inside a good answer."""
    texts = st.sampled_from(
        [
            "the model crashed",
            f"bad key {KEY}",
            "maximum context length is 10 tokens",
            "triggering the content management policy",
            "",
        ]
    )
    error = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "message": texts,
                "code": VALUES | st.sampled_from([400, 401, 429, 502, "429", "server_error", "content_filter"]),
                "type": VALUES,
                "param": VALUES,
            },
        )
        | texts
        | VALUES
    )
    body = draw(st.sampled_from([{"error": error}, {"detail": error}, error, {"error": error, "output": []}]))
    status = draw(st.sampled_from([200, 200, 201, 400, 401, 403, 404, 408, 413, 418, 422, 429, 500, 502, 503, 529]))
    after = draw(st.sampled_from(["", "Retry-After: 0\r\n", "Retry-After: soon\r\n", "Retry-After: 99999\r\n"]))
    return http(json.dumps(body).encode(), status=status, headers=after)


PAGES = st.builds(
    lambda status, title, kind: http(f"<html><title>{title}</title><p>{KEY}".encode(), status=status, kind=kind),
    st.sampled_from([200, 403, 404, 502, 503, 504]),
    st.text(max_size=20).map(lambda text: text.encode("utf-8", "replace").decode()),
    st.sampled_from(["text/html", "application/json"]),
)
REDIRECTS = st.builds(
    lambda status, to: http(b"", status=status, headers=f"Location: {to}\r\n" if to else ""),
    st.sampled_from([300, 301, 302, 303, 307, 308, 304]),
    st.sampled_from(["", "/elsewhere", "https://elsewhere.example/v1", "file:///etc/passwd", "http://[::bad"]),
)
BINARY = st.builds(
    lambda body, kind, headers: http(body, kind=kind, headers=headers),
    st.binary(max_size=64),
    st.sampled_from(["application/json", "image/png", "application/json; charset=utf-16"]),
    st.sampled_from(["", "Content-Encoding: gzip\r\n", "Content-Encoding: deflate\r\n", "Content-Encoding: br\r\n"]),
)
NO_HTTP = st.one_of(
    st.binary(max_size=64),
    st.sampled_from(
        [
            b"",
            b"HTTP/1.1 200\r\n\r\n",
            b"HTTP/1.1 999 X\r\n\r\n",
            b"HTTP/1.1 -1 X\r\n\r\n",
            b"HTTP/9.9 200 OK\r\nContent-Length: 2\r\n\r\n{}",
            b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{}",
            b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}",
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nX: " + b"x" * 20_000 + b"\r\nContent-Length: 2\r\n\r\n{}",
            b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 2_000 + b"Content-Length: 2\r\n\r\n{}",
            b"HTTP/1.1 100 Continue\r\n\r\n" * 50,
            b"SSH-2.0-OpenSSH_9.6\r\n",
        ]
    ),
)
BOMB = http(gzip.compress(b" " * (64 << 20), 9), headers="Content-Encoding: gzip\r\n")
"""64 MiB in 64 KiB."""
ODD_JSON = st.sampled_from(
    [
        b'{"output": [], "logprobs": [NaN]}',
        b'{"output": [], "value": -Infinity}',
        b'{"output": [], "value": 1e999}',
        b'{"output": [], "value": 123456789012345678901234567890}',
        b'{"output": [], "text": "\\ud800"}',
        b'{"output": [], "text": "\xff\xfe"}',
        b'\xef\xbb\xbf{"output": []}',
        b"[" * 100_000,
        b'{"a":' * 2_000 + b"1" + b"}" * 2_000,
        b'{"output": []}{"output": []}',
        b'{"output": [], "output": "twice"}',
        b"null",
        b'"text"',
        b"17",
        b"{}",
    ]
).map(http)


def tool_calls(arguments: str) -> list[bytes]:
    """Good answers, in both dialects, that call a tool with those arguments."""
    choice = COMPLETION["choices"][0]
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": arguments}}
    message = {**choice["message"], "tool_calls": [call]}
    return [
        http(json.dumps({**RESPONSE, "output": [{**CALL, "arguments": arguments}]}).encode()),
        http(json.dumps({**COMPLETION, "choices": [{**choice, "message": message}]}).encode()),
    ]


BAD_ARGUMENTS = st.sampled_from(["", "{", "[]", "null", "17", '{"city": NaN}', '{"city": "Oslo"', "city=Oslo", "\x00"])
MAKERS: dict[str, Callable[[], st.SearchStrategy[bytes]]] = {
    "mutated responses": lambda: mutated(RESPONSE),
    "mutated tool calls": lambda: mutated({**RESPONSE, "output": [CALL]}),
    "mutated completions": lambda: mutated(COMPLETION),
    "mutated messages": lambda: mutated(MESSAGES_ANSWER),
    "cut off": lambda: cut_off(RESPONSE) | cut_off(COMPLETION) | cut_off(MESSAGES_ANSWER),
    "errors": errors,
    "pages and redirects": lambda: PAGES | REDIRECTS,
    "binary": lambda: BINARY | ODD_JSON,
    "no HTTP": lambda: NO_HTTP,
    "tool arguments": lambda: BAD_ARGUMENTS.flatmap(lambda text: st.sampled_from(tool_calls(text))),
}
"""Kinds of hostile answers."""
