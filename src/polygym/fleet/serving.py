"""Serving applications on sockets that are already bound."""

import socket

from aiohttp import web

from polygym.channels.asgi_edge import asgi_edge
from polygym.channels.edge import ResourcesEdge, agent_app
from polygym.channels.edge_models import ModelEdge
from polygym.channels.embedded import EmbeddedAgent, EmbeddedModel, EmbeddedResources
from polygym.fleet.wiring import Wiring
from polygym.servers.asgi import AsgiServer
from polygym.servers.base import Server

SHUTDOWN_S = 5.0
"""Seconds that requests under way get to finish when serving stops."""


def app_of(server: Server, wiring: Wiring) -> web.Application:
    """The HTTP endpoints of a server of this process, which the wiring has connected."""
    return asgi_edge(server) if isinstance(server, AsgiServer) else edge_app(wiring.embedded(server.name))


def edge_app(channel: EmbeddedResources | EmbeddedModel | EmbeddedAgent) -> web.Application:
    """The HTTP endpoints of an embedded server of ours."""
    if isinstance(channel, EmbeddedResources):
        return ResourcesEdge(channel).app()
    return ModelEdge(channel).app() if isinstance(channel, EmbeddedModel) else agent_app(channel)


async def serve(app: web.Application, bound: socket.socket) -> web.AppRunner:
    """Serve `app` on a bound socket until the runner's `cleanup`. A caller that hangs up cancels its request."""
    runner = web.AppRunner(
        app, access_log=None, handle_signals=False, shutdown_timeout=SHUTDOWN_S, handler_cancellation=True
    )
    await runner.setup()
    await web.SockSite(runner, bound).start()
    return runner
