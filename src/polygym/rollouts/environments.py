"""What can be known of the servers behind the agents before anything runs, as far as they live in this process."""

from collections.abc import Iterable, Mapping
from typing import Any

from polygym.config.model import RunConfig, ServerInstance
from polygym.protocol.errors import InputError
from polygym.protocol.failures import describe
from polygym.protocol.json import JsonObject
from polygym.servers.base import Server
from polygym.servers.models import ModelServer
from polygym.servers.resources import ResourcesServer


def servers_behind(config: RunConfig, agents: Iterable[str]) -> dict[str, ServerInstance]:
    """The agents and every server they lead to, by instance name."""
    found: dict[str, ServerInstance] = {}
    waiting = [config.instances[name] for name in agents]
    while waiting:
        instance = waiting.pop()
        if instance.name not in found:
            found[instance.name] = instance
            waiting += [
                config.instances[ref.name] for ref in instance.references.values() if ref.name in config.instances
            ]
    return found


class Environments:
    """The environments of some agents. `servers` are those of this process, by instance name."""

    def __init__(self, config: RunConfig, servers: Mapping[str, Server]) -> None:
        self._config = config
        self._resources: dict[str, ResourcesServer[Any, Any]] = {}
        self.models = {name: server for name, server in servers.items() if isinstance(server, ModelServer)}
        """The model servers of this process, by instance name."""
        for agent in config.of_type("responses_api_agents"):
            ref = agent.references.get("resources_server")
            server = servers.get(ref.name) if ref is not None else None
            if isinstance(server, ResourcesServer):
                self._resources[agent.name] = server

    def task_class(self, agent: str) -> str | None:
        """Name of the class that declares the task fields of the agent's environment, None where it is out of reach."""
        server = self._resources.get(agent)
        return None if server is None else server.task_class.__name__

    def check_row(self, agent: str, row: JsonObject) -> None:
        """Raises InputError naming the fields of `row` that the agent's environment cannot take."""
        server = self._resources.get(agent)
        if server is None:
            return
        try:
            server.task_of(row)
        except InputError:
            raise
        except Exception as error:
            raise InputError(f"{server.name} cannot take the row: {describe(error)}") from error

    def own_metrics(self) -> frozenset[str]:
        """The agents whose environments compute metrics of their own."""
        return frozenset(agent for agent, server in self._resources.items() if _computes_metrics(type(server)))

    def models_of(self, agents: Iterable[str]) -> dict[str, ModelServer]:
        """Those of `models` that the agents, or servers behind them, call."""
        behind = servers_behind(self._config, agents)
        return {name: server for name, server in self.models.items() if name in behind}


def _computes_metrics(server: type[ResourcesServer[Any, Any]]) -> bool:
    hooks = ("compute_metrics", "aggregate_metrics")
    return any(getattr(server, hook) is not getattr(ResourcesServer, hook) for hook in hooks)
