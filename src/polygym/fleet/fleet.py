"""A fleet: the servers of one configuration, up and connected.

Embedded servers are objects in this process. They get ports of their own only when somebody outside has to reach them:
a server in another process, callers of `gym env start`, or agents that call tools over MCP.
"""

import asyncio
import logging
import os
import socket
import time
from collections.abc import Awaitable, Iterable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from polygym.channels.watching import ModelWatch
from polygym.config.model import Placement, RunConfig, ServerInstance
from polygym.fleet.keeper import KeepPolicy, keep
from polygym.fleet.loader import make_instance, register_roots
from polygym.fleet.placement import place
from polygym.fleet.ports import DEFAULT_HOST, bind_fixed, bind_in_range, reachable_host
from polygym.fleet.process import Peer, ServerProcess
from polygym.fleet.settings import port_setting, ports_setting, seconds_setting
from polygym.fleet.venv import interpreter_for
from polygym.fleet.wiring import Wiring
from polygym.protocol.errors import ConfigError
from polygym.protocol.failures import describe
from polygym.protocol.groups import ungrouped
from polygym.protocol.json import JsonObject
from polygym.servers.asgi import AsgiServer, Surroundings
from polygym.servers.base import Server

log = logging.getLogger("polygym.fleet")

SPINUP_LIMIT_S = 600.0
"""Seconds a server's process may take to get ready, unless `server_spinup_timeout_seconds` says otherwise."""


@dataclass
class Member:
    """One server of a fleet and where it lives."""

    instance: ServerInstance
    placement: Placement
    host: str | None = None
    port: int | None = None
    url: str | None = None
    """Where callers outside this process reach it; None when nobody can."""
    server: Server | None = None
    process: ServerProcess | None = None
    bound: socket.socket | None = None
    serving: AsyncExitStack | None = None
    """To be closed when its HTTP endpoints, if it has any in this process, are to go."""
    started_at: float | None = None
    """Seconds since the epoch."""
    is_lost: bool = False
    """Whether its process ended and could not be brought back."""

    @property
    def pid(self) -> int | None:
        """Process it runs in; None when that is elsewhere."""
        if self.placement == "remote":
            return None
        return self.process.pid if self.process is not None else os.getpid()


class Fleet:
    """Brings up the servers of a configuration: `async with Fleet(config) as fleet: fleet.wiring.agents[…]`."""

    def __init__(
        self,
        config: RunConfig,
        *,
        is_served: bool = False,
        keeping: KeepPolicy | None = None,
        watch: ModelWatch | None = None,
    ) -> None:
        """Nothing is made yet. `watch` sees the calls of its model servers."""
        self.config = config
        self._watch = watch
        self._keeping = keeping or KeepPolicy()
        self._keepers: list[asyncio.Task[None]] = []
        self.is_served = is_served
        """Whether every server gets a port, for callers outside."""
        self.wiring = Wiring(watch=watch)
        self.members: dict[str, Member] = {}

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Bring up everything that isn't. Raises ConfigError, with nothing left running, when a server cannot be."""
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> None:
        await self.start_embedded()
        down = [member for member in self.members.values() if member.placement == "process" and member.process is None]
        await self._start_processes(down)
        self._keepers += [
            asyncio.create_task(self._keep(member), name=f"keeper of {member.instance.name}") for member in down
        ]

    def construct(self) -> None:
        """Make the servers of this process and the channels to all; nothing is started, `stop` undoes it.

        Raises ConfigError when a server cannot be made.
        """
        register_roots(self.config.roots)
        self.members = {name: Member(instance, place(instance)) for name, instance in self.config.instances.items()}
        for member in self.members.values():
            if member.placement == "embedded":
                member.server = make_instance(member.instance, self.wiring)
        is_called_from_outside = self.is_served or any(
            member.placement == "process" or (isinstance(member.server, AsgiServer) and member.server.needs_addresses)
            for member in self.members.values()
        )
        for member in self._local():
            if is_called_from_outside or member.instance.fields.get("expose_tools_over_mcp"):
                self._bind(member)
        for member in self.members.values():
            self._connect(member)
        self._introduce()

    def _local(self) -> Iterator[Member]:
        return (member for member in self.members.values() if member.placement != "remote")

    def _bind(self, member: Member) -> None:
        instance, settings = member.instance, self.config.settings
        host = instance.host or settings.get("default_host") or DEFAULT_HOST
        if instance.port is not None:
            member.bound = bind_fixed(host, instance.port, f"{instance.origin}: {instance.name}")
        else:
            low = port_setting(settings, "port_range_low", 10001)
            high = port_setting(settings, "port_range_high", 20000)
            excluded = ports_setting(settings, "disallowed_ports") | self._fixed_ports()
            member.bound = bind_in_range(host, low, high, excluded, instance.name)
        member.host, member.port = host, member.bound.getsockname()[1]
        member.url = f"http://{reachable_host(host)}:{member.port}"

    def _fixed_ports(self) -> set[int]:
        return {instance.port for instance in self.config.instances.values() if instance.port is not None}

    def _connect(self, member: Member) -> None:
        """Make the channel that leads to the server."""
        instance = member.instance
        if member.server is not None:
            self.wiring.connect_embedded(member.server, member.url)
            return
        if member.placement == "remote":
            member.url = instance.url
        assert member.url is not None
        self.wiring.connect_http(instance.server_type, instance.name, member.url, is_ours=member.placement == "process")

    def _introduce(self) -> None:
        """Tell the servers that are applications of their own whom they are among."""
        neighbours = self.embedded
        for member in self.members.values():
            if isinstance(member.server, AsgiServer):
                assert member.instance.folder is not None
                folder = member.instance.folder
                member.server.join(Surroundings(self.addressed_config(), neighbours, folder, is_alone=False))

    def addressed_config(self) -> JsonObject:
        """The configuration, resolved, with the address of every server that has one."""
        config = dict(self.config.settings)
        for name, member in self.members.items():
            instance, address = member.instance, urlsplit(member.url or "")
            known = {"host": address.hostname, "port": address.port} if member.url is not None else {}
            config[name] = {instance.server_type: {instance.implementation: {**instance.fields, **known}}}
        return config

    @property
    def embedded(self) -> dict[str, Server]:
        """The servers of this process, by instance name; empty before `construct`."""
        return {name: member.server for name, member in self.members.items() if member.server is not None}

    async def start_embedded(self) -> None:
        """Start the servers of this process, making them first if need be, and serve those that others may call.

        Raises ConfigError when one cannot start; `stop` cleans up.
        """
        if not self.members:
            self.construct()
        for member in self.members.values():
            if member.server is None or member.started_at is not None:
                continue
            try:
                await member.server.start()
            except Exception as error:
                origin = member.instance.origin
                raise ConfigError(f"{origin}: {member.instance.name} cannot start: {describe(error)}") from error
            member.started_at = time.time()
        for member in self.members.values():
            if member.server is not None and member.bound is not None and member.serving is None:
                from polygym.fleet.serving import edge_of, serve  # aiohttp's server half takes 0.1 s to import

                member.serving = await serve(edge_of(member.server, self.wiring), member.bound)

    async def _start_processes(self, members: Iterable[Member]) -> None:
        with ungrouped(ConfigError):
            async with asyncio.TaskGroup() as group:
                for member in members:
                    group.create_task(self._start_process(member))

    async def _start_process(self, member: Member) -> ServerProcess:
        assert member.bound is not None
        python = await asyncio.to_thread(interpreter_for, member.instance, self.config.settings)
        peers = {
            name: Peer(other.instance.server_type, other.url, is_ours=other.placement != "remote")
            for name, other in self.members.items()
            if other.url is not None
        }
        member.process = ServerProcess(
            member.instance,
            member.bound,
            peers,
            self.config.roots,
            config=self.addressed_config(),
            capture=self._watch.capture.path if self._watch is not None and self._watch.capture is not None else None,
        )
        await member.process.start(
            python, seconds_setting(self.config.settings, "server_spinup_timeout_seconds", SPINUP_LIMIT_S)
        )
        member.started_at = time.time()
        return member.process

    async def _keep(self, member: Member) -> None:
        """Bring a member's process back, at the same address, as often as the policy allows."""

        async def start_again() -> ServerProcess:
            assert member.host is not None and member.port is not None
            member.bound = bind_fixed(member.host, member.port, member.instance.name)
            try:
                return await self._start_process(member)
            finally:
                member.bound.close()

        assert member.process is not None and member.url is not None
        await keep(member.instance.name, member.url, member.process, start_again, self._keeping)
        member.is_lost = True

    async def stop(self) -> None:
        """Take everything down, what serves first. What goes wrong on the way is logged and stops nothing."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        self._keepers = []
        members = list(self.members.values())
        await asyncio.gather(*(_logged(member, member.serving.aclose()) for member in members if member.serving))
        await self.wiring.close_sessions()
        await asyncio.gather(*(_logged(member, member.process.stop()) for member in members if member.process))
        for member in members:
            if member.server is not None and member.started_at is not None:
                await _logged(member, member.server.stop())
            if member.bound is not None:
                member.bound.close()
        await self.wiring.close()
        self.members = {}


async def _logged(member: Member, stopping: Awaitable[None]) -> None:
    try:
        await stopping
    except Exception as error:
        log.warning("%s: stop raised %s", member.instance.name, describe(error))
