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

from polygym.channels.exchanges import Exchange, exchanges
from polygym.protocol.calls import RolloutContext
from polygym.protocol.errors import OutputError
from polygym.protocol.failures import RolloutFailure
from polygym.protocol.json import JsonObject, dumps, dumps_line
from polygym.protocol.responses import incompleteness_of, new_id

SHORTEST_SECRET: Final = 6
"""Characters: what is shorter would be found inside words."""
REDACTED: Final = b"****"
_CREDENTIALS: Final = ("authorization", "headers", "extra_headers")
"""Fields of a tool or a request that callers put keys in: hosted MCP servers want them."""


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
            line = line.replace(secret, REDACTED)
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
        "response": answer,
    }


def _without_credentials(params: JsonObject) -> JsonObject:
    """The request without what callers send keys in; what the model gets to see stays as it is."""
    tools = params.get("tools")
    hidden: JsonObject = {name: REDACTED.decode() for name in _CREDENTIALS if params.get(name)}
    if isinstance(tools, list) and any(isinstance(tool, dict) and tool.get("type") == "mcp" for tool in tools):
        hidden["tools"] = [_without_keys(tool) for tool in tools]
    return {**params, **hidden} if hidden else params


def _without_keys(tool: Any) -> Any:
    if not isinstance(tool, dict) or tool.get("type") != "mcp":
        return tool
    return {key: REDACTED.decode() if key in _CREDENTIALS else value for key, value in tool.items()}
