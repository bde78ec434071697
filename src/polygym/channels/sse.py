"""An answer as a stream of server-sent events: kept alive while it is being made, sent when it is there.

Knows no dialect but through `Dialect`. Source: HTML Standard, section 9.2, server-sent events.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from polygym.protocol.failures import FailureClass, RolloutFailure, Stage, describe
from polygym.protocol.json import JsonObject, dumps

KEEP_ALIVE_S: Final = 15.0
"""Seconds between two signs of life; proxies and clients give up connections that are silent for a minute or so."""
COMMENT: Final = b": still working\n\n"
"""A sign of life that every client passes over."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How an API streams."""

    frames: Callable[[JsonObject], Iterable[bytes]]
    """A finished answer as frames."""
    error: Callable[[RolloutFailure], bytes]
    """The frame that ends a stream which cannot be ended with an answer."""
    keep_alive: bytes = COMMENT
    """The frame that says that the answer is being made."""


def frame(event: JsonObject) -> bytes:
    """An event under the name that its `type` gives."""
    return b"event: " + str(event["type"]).encode() + b"\n" + data_frame(event)


def data_frame(event: JsonObject) -> bytes:
    """An event without a name."""
    return b"data: " + dumps(event) + b"\n\n"


async def stream_answer(
    request: web.BaseRequest,
    call: Coroutine[Any, Any, JsonObject],
    dialect: Dialect,
    prepare: Callable[[web.StreamResponse], None],
    keep_alive_s: float = KEEP_ALIVE_S,
) -> web.StreamResponse:
    """Stream what `call` answers; `prepare` puts the headers on the response before they go out.

    The stream begins when the answer is there, or after `keep_alive_s`: until then a failure is raised, later it is the
    stream's last event. A caller that goes away cancels the call.
    """
    async with asyncio.TaskGroup() as group:
        making = group.create_task(_made(call, dialect))
        await asyncio.wait({making}, timeout=keep_alive_s)
        if not making.done() or isinstance(making.result(), bytes):
            stream = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
            prepare(stream)
            try:
                await stream.prepare(request)
                while not making.done():
                    await stream.write(dialect.keep_alive)
                    await asyncio.wait({making}, timeout=keep_alive_s)
                made = making.result()
                await stream.write(made if isinstance(made, bytes) else dialect.error(made))
                await stream.write_eof()
            except ConnectionError:  # nobody reads any more
                making.cancel()
            return stream
    failure = making.result()
    assert isinstance(failure, RolloutFailure)
    raise failure


async def _made(call: Coroutine[Any, Any, JsonObject], dialect: Dialect) -> bytes | RolloutFailure:
    """All frames of the answer, or why there are none."""
    try:
        answer = await call
    except RolloutFailure as failure:
        return failure
    try:
        return b"".join(dialect.frames(answer))
    except Exception as error:  # it is not shaped as its API says
        message = f"the answer cannot be streamed: {describe(error)}"
        return RolloutFailure(FailureClass.MODEL_BAD_RESPONSE, Stage.MODEL, message)
