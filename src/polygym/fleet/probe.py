"""Whether the endpoints behind model servers are there, found out in a moment before anything is asked of them."""

import asyncio
import itertools
import logging
from collections.abc import Mapping
from time import monotonic
from typing import Final

from polygym.protocol.errors import ConfigError, UserError
from polygym.protocol.failures import FailureClass, RolloutFailure, describe
from polygym.protocol.groups import ungrouped
from polygym.servers.models import ModelServer

log = logging.getLogger("polygym.fleet")

PROBE_LIMIT_S: Final = 5.0
"""Seconds that an endpoint has to answer. One that takes longer is busy, not absent, and passes."""
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 5.0
"""Seconds between two probes of an endpoint that is waited for, at most; they double from the first."""


def has_probe(server: ModelServer) -> bool:
    """Whether the server can tell."""
    return type(server).probe is not ModelServer.probe


async def probe_models(
    servers: Mapping[str, ModelServer],
    *,
    wait_s: float = 0.0,
    limit_s: float = PROBE_LIMIT_S,
    first_pause_s: float = FIRST_PAUSE_S,
) -> None:
    """Probe all of them at the same time, each for `limit_s` seconds at most.

    An endpoint where nobody is gets `wait_s` seconds to come up. Raises UserError for one that stays away, or refuses
    us.
    """
    with ungrouped(UserError):
        async with asyncio.TaskGroup() as group:
            for name, server in servers.items():
                if has_probe(server):
                    group.create_task(_probe(name, server, monotonic() + wait_s, limit_s, first_pause_s))


async def _probe(name: str, server: ModelServer, give_up_at: float, limit_s: float, first_pause_s: float) -> None:
    for attempt in itertools.count():
        failure = await _failure_of(name, server, limit_s)
        if failure is None:
            return
        remaining_s = give_up_at - monotonic()
        if failure.failure_class is not FailureClass.MODEL_UNAVAILABLE or remaining_s <= 0:
            raise UserError(failure.message) from failure
        if attempt == 0:
            log.warning("%s: waiting %.0f s at most for its endpoint: %s", name, remaining_s, failure.message)
        await asyncio.sleep(min(first_pause_s * 2.0 ** min(attempt, 10), LONGEST_PAUSE_S, remaining_s))


async def _failure_of(name: str, server: ModelServer, limit_s: float) -> RolloutFailure | None:
    """What one probe says; None when the endpoint is there."""
    try:
        async with asyncio.timeout(limit_s):
            await server.probe()
    except TimeoutError:
        log.warning("%s: its endpoint did not answer within %.0f s; the run starts regardless.", name, limit_s)
    except RolloutFailure as failure:
        return failure
    except UserError:
        raise
    except Exception as error:
        raise ConfigError(f"{name}: its probe raised {describe(error)}") from error
    return None
