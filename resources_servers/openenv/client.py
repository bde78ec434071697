"""The wire of OpenEnv: one WebSocket a session, JSON messages `reset`, `step` and `state`.

Spoken by servers made with `openenv-core` 0.2 and later, and with `openenv`. Needs neither package.
"""

from typing import Final

import aiohttp

from polygym import JsonObject, dumps
from polygym.protocol.json import loads

CAPACITY: Final = "CAPACITY_REACHED"
"""Code of a server that has as many sessions as it may have."""
INVALID: Final = "VALIDATION_ERROR"
"""Code of an action that does not fit the environment's action class."""
LARGEST_MESSAGE: Final = 100 << 20
"""Bytes; observations may hold screenshots."""
HEARTBEAT_S: Final = 30.0


class OpenEnvError(Exception):
    """What a server answered in place of an observation."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(f"{message} ({code})")
        self.message = message
        self.code = code


class LostError(Exception):
    """The server cannot be reached, or has hung up."""


class OpenEnvSession:
    """One session of an OpenEnv server, which keeps one environment for each connection."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket

    async def reset(self, arguments: JsonObject) -> JsonObject:
        """Begin an episode: `{observation, reward, done}`."""
        return await self._ask({"type": "reset", "data": arguments})

    async def step(self, action: JsonObject) -> JsonObject:
        """Carry out an action: `{observation, reward, done}`."""
        return await self._ask({"type": "step", "data": action})

    async def state(self) -> JsonObject:
        """The environment's own state."""
        return await self._ask({"type": "state"})

    async def close(self) -> None:
        """Hang up, which ends the session. Never raises for a connection that is gone."""
        await self._socket.close()

    async def _ask(self, message: JsonObject) -> JsonObject:
        """The data of the answer. Raises OpenEnvError for an error, LostError when no answer comes."""
        try:
            await self._socket.send_str(dumps(message).decode())
            answer = await self._socket.receive()
        except (aiohttp.ClientError, ConnectionError) as error:
            raise LostError(f"{type(error).__name__}: {error}") from error
        if answer.type is not aiohttp.WSMsgType.TEXT:
            raise LostError(f"the server hung up ({answer.type.name.lower()}, {answer.data})")
        return _data_of(answer.data)


async def connect(client: aiohttp.ClientSession, url: str) -> OpenEnvSession:
    """A new session of the server at `url`. Raises LostError."""
    try:
        socket = await client.ws_connect(f"{url}/ws", max_msg_size=LARGEST_MESSAGE, heartbeat=HEARTBEAT_S)
    except (aiohttp.ClientError, OSError) as error:
        raise LostError(f"{url}/ws: {type(error).__name__}: {error}") from error
    return OpenEnvSession(socket)


async def action_schema(client: aiohttp.ClientSession, url: str) -> JsonObject | None:
    """JSON Schema of the environment's actions; None for servers that don't tell. Raises LostError."""
    try:
        async with client.get(f"{url}/schema") as response:
            if response.status != 200:
                return None
            found = loads(await response.read())
    except (aiohttp.ClientError, OSError) as error:
        raise LostError(f"{url}/schema: {type(error).__name__}: {error}") from error
    action = found.get("action") if isinstance(found, dict) else None
    return action if isinstance(action, dict) else None


def _data_of(text: str) -> JsonObject:
    try:
        message = loads(text)
        data = message["data"]
        if message["type"] == "error":
            details = "; ".join(str(each.get("msg")) for each in data.get("errors") or ())
            raise OpenEnvError(f"{data.get('message')}{': ' if details else ''}{details}", str(data.get("code")))
        return dict(data)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise LostError(f"the server speaks another protocol: {text[:200]}") from error
