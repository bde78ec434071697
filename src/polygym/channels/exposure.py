"""Which rollouts may call the tools of a resources server over MCP: each is given a token of its own at seeding.

Knows tokens and sessions, not the protocol; mcp.py speaks that.
"""

import hmac
import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Generic, TypeVar

from polygym.protocol.json import JsonObject

TOKEN_HEADER: Final = "X-NeMo-Gym-Session-Token"
URL_PATH: Final = "/mcp"

SessionT = TypeVar("SessionT")


class TokenError(Exception):
    """A token opens no session. The message says why."""


@dataclass(frozen=True, slots=True)
class Pass(Generic[SessionT]):
    """What a token opens."""

    session: SessionT
    key: str | None
    """Key of the session in the store of outside callers; None for a rollout of this process."""


class Exposure(Generic[SessionT]):
    """The rollouts under way in one resources server, by their tokens."""

    def __init__(self, instance: str, url: str | None = None) -> None:
        self.server_name = re.sub(r"[^a-zA-Z0-9_-]", "_", instance)
        """Name of the MCP server. Agents may put `mcp__<name>__` before the names of its tools."""
        self._url = None if url is None else url + URL_PATH
        self._prefix = f"mcp__{self.server_name}__"
        self._secret = secrets.token_bytes(32)
        self._passes: dict[str, Pass[SessionT]] = {}

    def admit(self, session: SessionT, key: str | None) -> tuple[JsonObject, Callable[[], object]]:
        """What seeding answers under `mcp`, and what takes the token back."""
        identifier = secrets.token_urlsafe(16)
        self._passes[identifier] = Pass(session, key)
        access = {
            "server_name": self.server_name,
            "url_path": URL_PATH,
            "transport": "http",
            "headers": {TOKEN_HEADER: f"{identifier}.{self._signature(identifier)}"},
        }
        if self._url is not None:
            access["url"] = self._url
        return access, lambda: self._passes.pop(identifier, None)

    def find(self, token: str) -> Pass[SessionT]:
        """What `token` opens. Raises TokenError."""
        identifier, _, signature = token.partition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(identifier).encode()):
            raise TokenError(f"{TOKEN_HEADER} holds no token of this server")
        found = self._passes.get(identifier)
        if found is None:
            raise TokenError("the session has ended; seed a new one")
        return found

    def without_prefix(self, response: JsonObject) -> JsonObject:
        """`response`, its tool calls under the names that the server knows."""
        output = response.get("output")
        if not isinstance(output, list):
            return response
        return {**response, "output": [self._own_name(item) if isinstance(item, dict) else item for item in output]}

    def _own_name(self, item: JsonObject) -> JsonObject:
        name = item.get("name")
        if item.get("type") == "function_call" and isinstance(name, str) and name.startswith(self._prefix):
            return {**item, "name": name.removeprefix(self._prefix)}
        return item

    def _signature(self, identifier: str) -> str:
        return urlsafe_b64encode(hmac.digest(self._secret, identifier.encode(), sha256)).decode()
