"""Serving endpoints on sockets that are already bound."""

import asyncio
import socket
from contextlib import AsyncExitStack
from functools import partial

from aiohttp import web

from polygym.channels.asgi_edge import AsgiEdge
from polygym.channels.edge import AgentEdge, ResourcesEdge
from polygym.channels.edge_models import ModelEdge
from polygym.channels.embedded import EmbeddedAgent, EmbeddedModel, EmbeddedResources
from polygym.channels.routing import LARGEST_BODY, Endpoints, Served
from polygym.fleet.wiring import Wiring
from polygym.servers.asgi import AsgiServer
from polygym.servers.base import Server

SHUTDOWN_S = 5.0
"""Seconds that requests under way get to finish when serving stops."""


def edge_of(server: Server, wiring: Wiring) -> Served:
    """The HTTP endpoints of a server of this process, which the wiring has connected."""
    return AsgiEdge(server) if isinstance(server, AsgiServer) else edge_of_channel(wiring.embedded(server.name))


def edge_of_channel(channel: EmbeddedResources | EmbeddedModel | EmbeddedAgent) -> Endpoints:
    """The HTTP endpoints of an embedded server of ours."""
    if isinstance(channel, EmbeddedResources):
        return ResourcesEdge(channel)
    return ModelEdge(channel) if isinstance(channel, EmbeddedModel) else AgentEdge(channel)


async def serve(served: Served, bound: socket.socket) -> AsyncExitStack:
    """Serve on a bound socket until the stack is closed. A caller that hangs up cancels its request."""
    request = partial(web.BaseRequest, loop=asyncio.get_running_loop(), client_max_size=LARGEST_BODY)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(served.running())
        server = web.Server(served.answer, request_factory=request, access_log=None, handler_cancellation=True)
        runner = web.ServerRunner(server, shutdown_timeout=SHUTDOWN_S)
        stack.push_async_callback(runner.cleanup)
        await runner.setup()
        await web.SockSite(runner, bound).start()
        return stack.pop_all()
