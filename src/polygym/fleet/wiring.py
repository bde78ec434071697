"""The directory of a fleet: which channel leads to which server."""

from dataclasses import dataclass, field

from polygym.channels.asgi import AsgiConnection
from polygym.channels.embedded import EmbeddedAgent, EmbeddedModel, EmbeddedResources
from polygym.channels.http import HttpAgent, HttpModel, HttpResources, HttpServer
from polygym.channels.watching import ModelWatch
from polygym.protocol.calls import (
    Agent,
    AgentServerRef,
    Model,
    ModelServerRef,
    Resources,
    ResourcesServerRef,
    ServerType,
)
from polygym.servers.agents import AgentServer
from polygym.servers.asgi import AsgiServer
from polygym.servers.base import Server
from polygym.servers.models import ModelServer
from polygym.servers.resources import ResourcesServer


@dataclass
class Wiring:
    """Channels by instance name. Fulfils `Directory`."""

    resources_servers: dict[str, Resources] = field(default_factory=dict)
    models: dict[str, Model] = field(default_factory=dict)
    agents: dict[str, Agent] = field(default_factory=dict)
    connections: list[HttpServer] = field(default_factory=list)
    watch: ModelWatch | None = None
    """Who sees the calls of model servers."""

    def resources(self, ref: ResourcesServerRef) -> Resources:
        """The resources server of that name. Configuration checked that it exists."""
        return self.resources_servers[ref.name]

    def model(self, ref: ModelServerRef) -> Model:
        """The model server of that name."""
        return self.models[ref.name]

    def agent(self, ref: AgentServerRef) -> Agent:
        """The agent server of that name."""
        return self.agents[ref.name]

    def connect_embedded(self, server: Server, url: str | None = None) -> None:
        """Reach a server of this process by method calls. `url` is where it is served besides, if it is."""
        if isinstance(server, ResourcesServer):
            self.resources_servers[server.name] = EmbeddedResources(server, url)
        elif isinstance(server, ModelServer):
            self.models[server.name] = EmbeddedModel(server, self.watch)
        elif isinstance(server, AgentServer):
            self.agents[server.name] = EmbeddedAgent(server)
        elif isinstance(server, AsgiServer):
            self._connect(server.server_type, AsgiConnection(server))
        else:
            raise TypeError(f"{type(server).__name__} is no kind of server")

    def connect_http(self, server_type: ServerType, name: str, url: str, *, is_ours: bool = True) -> None:
        """Reach a server elsewhere over HTTP."""
        self._connect(server_type, HttpServer(name, url, is_ours=is_ours))

    def _connect(self, server_type: ServerType, connection: HttpServer) -> None:
        self.connections.append(connection)
        if server_type == "resources_servers":
            self.resources_servers[connection.name] = HttpResources(connection)
        elif server_type == "responses_api_models":
            self.models[connection.name] = HttpModel(connection, self.watch)
        else:
            self.agents[connection.name] = HttpAgent(connection)

    def embedded(self, name: str) -> EmbeddedResources | EmbeddedModel | EmbeddedAgent:
        """The channel of a server of ours in this process."""
        found = self.resources_servers.get(name) or self.models.get(name) or self.agents.get(name)
        assert isinstance(found, EmbeddedResources | EmbeddedModel | EmbeddedAgent)
        return found

    async def close_sessions(self) -> None:
        """Close the sessions that outside callers have in servers of this process."""
        for channel in self.resources_servers.values():
            if isinstance(channel, EmbeddedResources):
                await channel.close()

    async def close(self) -> None:
        """Close the connections to servers elsewhere, and the file that model calls are written to."""
        for connection in self.connections:
            await connection.close()
        if self.watch is not None and self.watch.capture is not None:
            self.watch.capture.close()
