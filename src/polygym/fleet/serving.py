"""Serving applications on sockets that are already bound."""

import socket

from aiohttp import web

from polygym.channels.edge import ResourcesEdge, agent_app, model_app
from polygym.channels.embedded import EmbeddedAgent, EmbeddedModel, EmbeddedResources

SHUTDOWN_S = 5.0
"""Seconds that requests under way get to finish when serving stops."""


def edge_app(channel: EmbeddedResources | EmbeddedModel | EmbeddedAgent) -> web.Application:
    """The HTTP endpoints of an embedded server."""
    if isinstance(channel, EmbeddedResources):
        return ResourcesEdge(channel).app()
    return model_app(channel) if isinstance(channel, EmbeddedModel) else agent_app(channel)


async def serve(app: web.Application, bound: socket.socket) -> web.AppRunner:
    """Serve `app` on a bound socket until the runner's `cleanup`. A caller that hangs up cancels its request."""
    runner = web.AppRunner(
        app, access_log=None, handle_signals=False, shutdown_timeout=SHUTDOWN_S, handler_cancellation=True
    )
    await runner.setup()
    await web.SockSite(runner, bound).start()
    return runner
