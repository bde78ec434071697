"""A fleet that a trainer brings up, and that runs beside it."""

import asyncio
import threading
import time
from collections.abc import Coroutine
from typing import Any, Optional, TypeVar

from omegaconf import OmegaConf

from nemo_gym import configuration
from nemo_gym.config_errors import ConfigError, NoServerInstancesError
from nemo_gym.config_types import BaseServerConfig
from nemo_gym.keys import DRY_RUN_KEY_NAME, HEAD_SERVER_KEY_NAME
from nemo_gym.parsing import GlobalConfigDictParserConfig, load_run
from nemo_gym.server_client import ServerClient
from polygym.config.model import RunConfig
from polygym.fleet.fleet import Fleet
from polygym.fleet.head import bind_head, serve_head
from polygym.fleet.ports import head_address, reachable_host
from polygym.protocol.errors import UserError

ResultT = TypeVar("ResultT")
LOOK_S = 60.0
"""Seconds between two looks at the servers while there is nothing else to do."""


class RunHelper:
    """Servers in the background: `start`, then `poll` now and then, and `shutdown`."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._fleet: Fleet | None = None
        self._head: Any = None
        self._server_client: Optional[ServerClient] = None

    def start(self, global_config_dict_parser_config: GlobalConfigDictParserConfig) -> None:
        """Bring up the servers of a configuration, and the head server; all are ready when this returns.

        In a dry run nothing is started. Raises ConfigError, with nothing left running, when one cannot be.
        """
        run = load_run(global_config_dict_parser_config)
        if not run.instances:
            raise NoServerInstancesError("No server instances are configured; name their files in config_paths.")
        if run.settings.get(DRY_RUN_KEY_NAME):
            return
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="polygym fleet", daemon=True)
        self._thread.start()
        try:
            self._do(self._start(run))
        except UserError as error:
            self.shutdown()
            raise ConfigError(str(error)) from error
        except BaseException:
            self.shutdown()
            raise

    async def _start(self, run: RunConfig) -> None:
        bound = bind_head(run.settings)
        self._fleet = Fleet(run, is_served=True)
        try:
            await self._fleet.start()
        except BaseException:
            bound.close()
            raise
        self._head = await serve_head(self._fleet, bound)
        host, port = head_address(run.settings)
        config = {**self._fleet.addressed_config(), HEAD_SERVER_KEY_NAME: {"host": reachable_host(host), "port": port}}
        settings = OmegaConf.create(configuration.with_defaults(config))
        configuration.use_config(settings)
        self._server_client = ServerClient(
            head_server_config=BaseServerConfig(host=reachable_host(host), port=port), global_config_dict=settings
        )

    def _do(self, work: Coroutine[Any, Any, ResultT]) -> ResultT:
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def poll(self) -> None:
        """Raise RuntimeError naming a server that is gone for good."""
        lost = [name for name, member in (self._fleet.members if self._fleet else {}).items() if member.is_lost]
        if lost:
            raise RuntimeError(f"Process `{lost[0]}` finished unexpectedly!")

    def run_forever(self) -> None:
        """Keep the servers up until interrupted, then stop them."""
        try:
            while True:
                self.poll()
                time.sleep(LOOK_S)
        except KeyboardInterrupt:
            pass
        finally:
            self.shutdown()

    def shutdown(self) -> None:
        """Stop everything. May be called again."""
        if self._loop is None or self._thread is None:
            return
        self._do(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._loop = self._thread = None

    async def _stop(self) -> None:
        if self._head is not None:
            await self._head.aclose()
        if self._fleet is not None:
            await self._fleet.stop()
        self._head = self._fleet = None
