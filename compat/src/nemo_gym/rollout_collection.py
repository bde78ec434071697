"""Collecting rollouts from agents over HTTP, under the names that trainers and servers import."""

import asyncio
from collections.abc import Awaitable, Iterator
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, Final, Optional, TypeAlias

from nemo_gym.config_types import BaseServerConfig
from nemo_gym.keys import AGENT_REF_KEY_NAME
from nemo_gym.outgoing import get_response_json, raise_for_status
from nemo_gym.server_client import ServerClient, setup_server_client

NG_FAILURE_CLASS_KEY: Final = "_ng_failure_class"
NG_NO_PERSIST_KEY: Final = "_ng_no_persist"
NG_TERMINAL_KEY: Final = "_ng_failure_terminal"
NG_TRAJECTORY_KEY: Final = "ng_trajectory"

Row: TypeAlias = dict[str, Any]


class RolloutCollectionHelper:
    """Sends rows to the agents that they name."""

    def run_examples(
        self,
        examples: list[Row],
        head_server_config: Optional[BaseServerConfig] = None,
        semaphore: Optional[AbstractAsyncContextManager[Any]] = None,
    ) -> Iterator[Awaitable[tuple[Row, Row]]]:
        """Awaitables of `(row, result)`, as rollouts finish; an agent's error is raised by its awaitable.

        Needs a running event loop. What it raises has `status` and `response_content`.
        """
        client = self.setup_server_client(head_server_config)

        async def run(row: Row) -> tuple[Row, Row]:
            async with semaphore or nullcontext():
                answer = await client.post(server_name=row[AGENT_REF_KEY_NAME]["name"], url_path="/run", json=row)
                await raise_for_status(answer)
                return row, await get_response_json(answer)

        return iter(asyncio.as_completed([asyncio.ensure_future(run(row)) for row in examples]))

    def setup_server_client(self, head_server_config: Optional[BaseServerConfig] = None) -> ServerClient:
        """A client with the configuration that the head server serves."""
        return setup_server_client(head_server_config)
