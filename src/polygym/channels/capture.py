"""Model calls written down as they are made: an append-only JSONL file that several processes may write.

A line is one call of a model server: what it was asked, what it answered, what that took, and the requests to its
endpoint behind it. Configured secrets are replaced wherever they stand.
"""

import asyncio
import os
import time
from collections.abc import Coroutine, Iterable
from pathlib import Path
from time import perf_counter
from typing import Any, Final

from polygym.channels.exchanges import Exchange, exchanges, is_streamed
from polygym.config.secrets import HIDDEN, hide_secrets
from polygym.protocol.calls import RolloutContext
from polygym.protocol.errors import OutputError
from polygym.protocol.failures import RolloutFailure
from polygym.protocol.json import JsonObject, dumps, dumps_line
from polygym.protocol.responses import incompleteness_of, new_id

SHORTEST_SECRET: Final = 6
"""Characters: what is shorter would be found inside words."""
_CREDENTIALS: Final = ("authorization", "headers", "extra_headers")
"""Fields of a request or a hosted MCP server that hold keys and nothing else, whatever stands in them."""
_LOOKED_INTO: Final = ("metadata", "extra_body", "extra_query")
"""Fields of a request that may be an object with keys in it, which no model gets to see."""
_SEEN_BY_THE_MODEL: Final = frozenset({"input", "instructions", "system", "prompt"})
"""Fields of a request that may be one text, which is part of the conversation."""


class CallFile:
    """Writes calls to a file, which is opened for the first one."""

    def __init__(self, path: Path, secrets: Iterable[str] = ()) -> None:
        self.path = path
        found = {secret for secret in secrets if len(secret) >= SHORTEST_SECRET}
        self._secrets = [dumps(secret)[1:-1] for secret in sorted(found, key=len, reverse=True)]
        self._fd: int | None = None

    async def written(
        self,
        server: str,
        dialect: str,
        params: JsonObject,
        context: RolloutContext,
        call: Coroutine[Any, Any, JsonObject],
    ) -> JsonObject:
        """The answer of `call`, when it has been written down. Raises what it raises, OutputError for a full disk."""
        made: list[Exchange] = []
        token = exchanges.set(made)
        record = _opened(server, dialect, params, context)
        begun = perf_counter()
        try:
            answer = await call
            record |= _answered(answer)
            if is_streamed.get():  # the first token goes out with the last
                record["time_to_first_token_s"] = round(perf_counter() - begun, 6)
            return answer
        except RolloutFailure as failure:
            record |= {"status": "failed", "failure": failure.to_json()}
            raise
        except asyncio.CancelledError:
            record["status"] = "cancelled"
            raise
        finally:
            exchanges.reset(token)
            record["latency_s"] = round(perf_counter() - begun, 6)
            record["endpoint_requests"] = [exchange.to_json() for exchange in made]
            if made:
                record["http_status"] = made[-1].status
            self._write(record)

    def _write(self, record: JsonObject) -> None:
        try:
            line = dumps_line(record)
        except TypeError as error:  # a model server of somebody's own has answered what is no JSON
            line = dumps_line({**record, "response": None, "problem": f"the answer is no JSON: {error}"})
        for secret in self._secrets:
            line = line.replace(secret, HIDDEN.encode())
        try:
            if self._fd is None:
                self._fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            written = os.write(self._fd, line)
        except OSError as error:
            raise OutputError(f"{self.path}: cannot be written: {error.strerror}. Make room, then --resume.") from error
        if written < len(line):
            raise OutputError(f"{self.path}: cannot be written: no space left. Make room, then --resume.")

    def close(self) -> None:
        """Close the file. The next call opens it again."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def _opened(server: str, dialect: str, params: JsonObject, context: RolloutContext) -> JsonObject:
    _, _, attempt = context.rollout_id.rpartition("-a")
    return {
        "call_id": new_id("mc"),
        "rollout_id": context.rollout_id,
        "attempt": int(attempt) if attempt.isdecimal() else 0,
        "model_server": server,
        "dialect": dialect,
        "started_at": time.time(),
        "latency_s": None,
        "time_to_first_token_s": None,
        "status": "completed",
        "http_status": None,
        "failure": None,
        "response_id": None,
        "model": None,
        "usage": None,
        "endpoint_requests": [],
        "request": _without_credentials(params),
        "response": None,
    }


def _answered(answer: JsonObject) -> JsonObject:
    reason = incompleteness_of(answer)
    return {
        "status": "completed" if reason is None else "incomplete",
        "response_id": answer.get("id"),
        "model": answer.get("model"),
        "usage": answer.get("usage"),
        "response": _without_credentials(answer),
    }


def _without_credentials(body: JsonObject) -> JsonObject:
    """A request, or an answer that repeats one, without the keys in it; what the model gets to see stays as it is.

    Of other objects only those of hosted MCP servers are looked into: `password` may be a field of a tool's schema.
    """
    hidden: JsonObject = {}
    for name, value in body.items():
        if name in _CREDENTIALS and value:
            hidden[name] = HIDDEN
        elif name in _LOOKED_INTO or (isinstance(value, str) and name not in _SEEN_BY_THE_MODEL):
            hidden |= hide_secrets({name: value})
        elif isinstance(value, list) and name in ("tools", "mcp_servers"):
            hidden[name] = [_without_keys(each, is_server=name == "mcp_servers") for each in value]
    return {**body, **hidden}


def _without_keys(given: Any, *, is_server: bool) -> Any:
    if not isinstance(given, dict) or not (is_server or given.get("type") == "mcp"):
        return given
    return {key: HIDDEN if key in _CREDENTIALS and value else value for key, value in hide_secrets(given).items()}
