"""Finding a fleet that runs in another process, through its head server."""

import asyncio
import json

import aiohttp

from polygym.channels.pool import open_session
from polygym.fleet.ports import reachable_host
from polygym.fleet.wiring import Wiring
from polygym.protocol.calls import SERVER_TYPES
from polygym.protocol.errors import ConfigError
from polygym.protocol.json import JsonObject

ANSWER_LIMIT_S = 30.0
"""Seconds a head server may take to answer; one whose fleet is still coming up answers late."""


async def server_instances(host: str, port: int) -> list[JsonObject]:
    """The servers of the fleet whose head listens there, as its `/server_instances` lists them.

    Raises ConfigError when nothing answers, or something that is no head server.
    """
    url = f"http://{reachable_host(host)}:{port}/server_instances"
    try:
        async with open_session() as client, asyncio.timeout(ANSWER_LIMIT_S), client.get(url) as response:
            listed = await response.json(content_type=None)
    except (aiohttp.ClientConnectionError, TimeoutError) as error:
        raise ConfigError(
            f"no fleet answers at {host}:{port}. Start one with 'gym env start'; 'gym eval run' without --no-serve"
            " brings its own servers up."
        ) from error
    except (json.JSONDecodeError, aiohttp.ClientError) as error:
        raise ConfigError(f"what listens at {host}:{port} is no head server. Set head_server.port.") from error
    if not isinstance(listed, list) or not all(isinstance(entry, dict) and "process_name" in entry for entry in listed):
        raise ConfigError(f"what listens at {host}:{port} is no head server. Set head_server.port.")
    return listed


def connect(instances: list[JsonObject], head_host: str) -> Wiring:
    """Channels to the servers of a running fleet; one that listens on any address is reached where its head was."""
    wiring = Wiring()
    for entry in instances:
        if entry.get("server_type") not in SERVER_TYPES:
            continue
        host = head_host if entry.get("host") in ("0.0.0.0", "::") else entry.get("host")
        url = entry.get("url") if host is None else f"http://{reachable_host(host)}:{entry['port']}"
        if url is not None:
            wiring.connect_http(entry["server_type"], entry["process_name"], url)
    return wiring
