"""Servers that are ASGI applications: how code written for other frameworks takes part in a fleet.

The application answers the protocol's paths (`/seed_session`, `/verify`, `/run`, `/v1/responses` …). It is called in
this process without a socket, or served on one, like any server.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Protocol, TypeAlias, runtime_checkable

from polygym.protocol.calls import ServerType
from polygym.protocol.json import JsonObject
from polygym.servers.base import Server

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
AsgiApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
"""An application as asgi.readthedocs.io specifies it."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What such a server is told of the fleet that it is part of."""

    config: JsonObject
    """The whole configuration, resolved, with `host` and `port` of every server that can be reached."""
    neighbours: Mapping[str, Server]
    """The servers of this process, by instance name; itself among them."""
    folder: Path
    """Its implementation's folder."""
    is_alone: bool
    """Whether this process is there for it alone."""


class AsgiServer(Server, ABC):
    """A server of any type, as an ASGI application. `start` and `stop` run the application's lifespan."""

    server_type: ClassVar[ServerType]
    """What it is in a fleet."""
    needs_addresses: ClassVar[bool] = True
    """Whether it may reach others at their addresses, so that every server of the fleet is given one."""

    _lifespan: "_Lifespan | None" = None

    @abstractmethod
    def app(self) -> AsgiApp:
        """The application. Called often, once started."""

    def join(self, surroundings: Surroundings) -> None:
        """Learn of the fleet. Called once, before `start`."""

    async def start(self) -> None:
        """Have the application get ready."""
        self._lifespan = _Lifespan(self.app())
        await self._lifespan.start()

    async def stop(self) -> None:
        """Have the application let go of everything."""
        if self._lifespan is not None:
            await self._lifespan.stop()


@runtime_checkable
class AdoptedClass(Protocol):
    """A class in an entrypoint that is no server of ours, and says how it becomes one.

    Base classes of other frameworks have this method so that code which subclasses them runs here as it is.
    """

    @classmethod
    def polygym_server(cls, module: ModuleType) -> type[AsgiServer] | None:
        """The server class for it; None when another class of the module is the server."""
        ...


class _Lifespan:
    """The lifespan of an application, in a task of its own: it begins and ends in the same one."""

    def __init__(self, app: AsgiApp) -> None:
        self._app = app
        self._told: asyncio.Queue[Message] = asyncio.Queue(2)
        self._answers: asyncio.Queue[Message] = asyncio.Queue(2)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Raises RuntimeError when the application says that it failed."""
        self._task = asyncio.create_task(self._run(), name="lifespan of an ASGI application")
        await self._tell("startup")

    async def stop(self) -> None:
        """As `start`; does nothing for an application that has no lifespan."""
        if self._task is not None and not self._task.done():
            await self._tell("shutdown")
            await self._task

    async def _run(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
        await self._app(scope, self._told.get, self._answers.put)

    async def _tell(self, what: str) -> None:
        assert self._task is not None
        await self._told.put({"type": f"lifespan.{what}"})
        answer = asyncio.create_task(self._answers.get())
        await asyncio.wait({answer, self._task}, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            answer.cancel()
            if (error := self._task.exception()) is not None and what == "shutdown":
                raise error  # before that, an application that knows no lifespan may raise
            return
        if answer.result()["type"] == f"lifespan.{what}.failed":
            raise RuntimeError(answer.result().get("message") or f"the application's {what} failed")
