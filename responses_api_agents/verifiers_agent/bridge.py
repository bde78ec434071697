"""A Chat Completions endpoint on loopback, behind which is the model server of the run.

The library wants a URL. Each rollout has one of its own, or is known by the session id that the library sends.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from aiohttp import web

from polygym import JsonObject, RolloutFailure, dumps
from polygym.protocol.json import loads
from responses_api_agents.verifiers_agent.recording import Recording

SESSION_HEADER: Final = "X-Session-ID"
LARGEST_BODY: Final = 1 << 30


class Bridge:
    """The endpoint."""

    def __init__(self) -> None:
        self._recordings: dict[str, Recording] = {}
        self._runner: web.AppRunner | None = None
        self._url = ""

    async def start(self) -> None:
        """Listen on a free port of 127.0.0.1."""
        app = web.Application(client_max_size=LARGEST_BODY)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_post("/{key}/v1/chat/completions", self._chat)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self._url = f"http://{host}:{port}"

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @property
    def url(self) -> str:
        """Base URL for callers that send a session id."""
        return f"{self._url}/v1"

    @contextmanager
    def open(self, recording: Recording) -> Iterator[str]:
        """A base URL for one rollout."""
        with self.known_as(secrets.token_urlsafe(12), recording) as key:
            yield f"{self._url}/{key}/v1"

    @contextmanager
    def known_as(self, key: str, recording: Recording) -> Iterator[str]:
        """Let calls with the session id `key` belong to a rollout."""
        self._recordings[key] = recording
        try:
            yield key
        finally:
            del self._recordings[key]

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        key = str(request.match_info.get("key") or request.headers.get(SESSION_HEADER))
        recording = self._recordings.get(key)
        if recording is None:
            return _error(
                f"no rollout is known by {key!r}; calls of a rollout that is over are not answered", "unknown"
            )
        try:
            body = loads(await request.read())
            completion = await recording.answer(body)
        except RolloutFailure as failure:
            return _error(failure.message, str(failure.failure_class))
        except (ValueError, KeyError, TypeError) as error:
            return _error(f"not a chat request: {error!r}", "invalid_request_error")
        if body.get("stream"):
            return await _stream(request, completion)
        return web.Response(body=dumps(completion), content_type="application/json")


def _error(message: str, code: str) -> web.Response:
    """An error that no client repeats: whether another attempt makes sense is for the rollout engine to say."""
    body = {"error": {"message": message, "type": code, "code": code}}
    return web.Response(body=dumps(body), status=400, content_type="application/json")


async def _stream(request: web.Request, completion: JsonObject) -> web.StreamResponse:
    """A finished answer as server-sent events, for clients that insist."""
    stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await stream.prepare(request)
    for chunk in chunks_of(completion):
        await stream.write(b"data: " + dumps(chunk) + b"\n\n")
    await stream.write(b"data: [DONE]\n\n")
    await stream.write_eof()
    return stream


def chunks_of(completion: JsonObject) -> Iterator[JsonObject]:
    """The chunks of a streamed answer: all that was said, why it ended, what it cost."""
    head = {"id": completion["id"], "created": completion["created"], "model": completion["model"]}
    head["object"] = "chat.completion.chunk"
    (choice,) = completion["choices"]
    delta = dict(choice["message"])
    if delta.get("tool_calls"):
        delta["tool_calls"] = [{"index": place, **call} for place, call in enumerate(delta["tool_calls"])]
    yield {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    yield {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": choice.get("finish_reason") or "stop"}]}
    if completion.get("usage"):
        yield {**head, "choices": [], "usage": completion["usage"]}
