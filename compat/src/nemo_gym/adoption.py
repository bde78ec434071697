"""Servers of this package in a polygym fleet: each becomes an ASGI server that polygym calls, or serves.

Calls between servers of one process stay in it; others go out over HTTP.
"""

import asyncio
import os
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Final

from omegaconf import OmegaConf
from pydantic import ValidationError

from nemo_gym import configuration, outgoing
from nemo_gym.config_types import BaseRunServerInstanceConfig, BaseServerConfig
from nemo_gym.fleet_client import FleetClient
from nemo_gym.keys import HEAD_SERVER_KEY_NAME, NEMO_GYM_CONFIG_PATH_ENV_VAR_NAME
from nemo_gym.run_notes import NotedApp
from nemo_gym.servers import SimpleServer, complete_app
from polygym.protocol.calls import ServerType
from polygym.protocol.errors import ConfigError
from polygym.protocol.json import JsonObject
from polygym.servers.asgi import AsgiApp, AsgiServer, Surroundings
from polygym.servers.base import ServerConfig, explain_validation

RUN_LINE: Final = re.compile(r"^\s*(?:app\s*=\s*)?(\w+)\.run_webserver\(", re.MULTILINE)
"""How a module says which of its classes is the server."""
UNKNOWN_PLACE: Final[JsonObject] = {"name": "unnamed", "host": "127.0.0.1", "port": 0}


def adopt(nemo_class: type[SimpleServer], server_type: ServerType, module: ModuleType) -> type[AsgiServer] | None:
    """The polygym server for a class; None when the module's last line starts another one."""
    started = RUN_LINE.findall(Path(module.__file__).read_text(encoding="utf-8")) if module.__file__ else []
    if started and nemo_class.__name__ not in started:
        return None
    fields = {"nemo_class": nemo_class, "server_type": server_type, "__doc__": nemo_class.__doc__}
    return type(nemo_class.__name__, (AdoptedServer,), fields)


class AdoptedServer(AsgiServer):
    """One server; `nemo_class` is what its author wrote."""

    nemo_class: ClassVar[type[SimpleServer]]
    _surroundings: Surroundings
    _app: AsgiApp | None = None

    @classmethod
    def parse_config(cls, fields: JsonObject, origin: str) -> ServerConfig:
        """`fields`, checked against the author's class. Raises ConfigError naming each wrong one."""
        try:
            cls._nemo_config({**UNKNOWN_PLACE, **{name: value for name, value in fields.items() if value is not None}})
        except ValidationError as error:
            raise ConfigError(f"{origin}: {explain_validation(error)}") from error
        return ServerConfig.model_validate(fields)

    @classmethod
    def _nemo_config(cls, fields: JsonObject) -> BaseRunServerInstanceConfig:
        config_class: Any = cls.nemo_class.model_fields["config"].annotation
        config: BaseRunServerInstanceConfig = config_class.model_validate(fields)
        return config

    @classmethod
    def unknown_fields(cls, config: ServerConfig) -> list[str]:
        """None: the author's class ignores what it does not know, as ever."""
        return []

    def join(self, surroundings: Surroundings) -> None:
        """Keep the configuration for the author's code to ask for."""
        self._surroundings = surroundings
        configuration.use_config(OmegaConf.create(configuration.with_defaults(surroundings.config)))
        if surroundings.is_alone:
            os.environ[NEMO_GYM_CONFIG_PATH_ENV_VAR_NAME] = self.name
            os.chdir(surroundings.folder)
            sys.path.insert(0, str(surroundings.folder))

    async def start(self) -> None:
        """Make the author's server, in a thread: its constructor may block, and may run a loop of its own."""
        self._app = await asyncio.to_thread(self._make)
        await super().start()

    def _make(self) -> AsgiApp:
        config = configuration.get_global_config_dict()
        fields: Any = OmegaConf.to_container(configuration.get_first_server_config_dict(config, self.name))
        client = FleetClient(
            head_server_config=BaseServerConfig.model_validate(config[HEAD_SERVER_KEY_NAME]),
            global_config_dict=config,
        ).among(self._surroundings.neighbours, self.directory)
        place = {name: value for name, value in fields.items() if value is not None or name not in UNKNOWN_PLACE}
        server = self.nemo_class(
            config=self._nemo_config({**UNKNOWN_PLACE, **place, "name": self.name}), server_client=client
        )
        return NotedApp(complete_app(server))

    def app(self) -> AsgiApp:
        """The author's application."""
        assert self._app is not None, "asked for before start"
        return self._app

    async def stop(self) -> None:
        """End the application's lifespan and close the connections to others."""
        await super().stop()
        await outgoing.close_global_aiohttp_client()
