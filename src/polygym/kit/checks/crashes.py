"""Tools that fail by themselves, of which the model only sees an error: noticed while rollouts are played."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from typing import Any

from polygym.kit.checks.subject import shorten
from polygym.protocol.awaiting import is_awaitable, settled
from polygym.protocol.failures import RolloutFailure, describe
from polygym.protocol.json import JsonObject
from polygym.servers.blocking import pool_of, run_blocking
from polygym.servers.episodes import Step
from polygym.servers.resources import ResourcesServer
from polygym.servers.schemas import explain_mismatch
from polygym.servers.sessions import Session
from polygym.servers.tools import Tool, ToolError, result_of


@contextmanager
def crashes_noted(server: ResourcesServer[Any, Any]) -> Iterator[dict[str, str]]:
    """Sentences about tools that raise no ToolError for arguments that fit, one a tool; filled as rollouts go on."""
    crashes: dict[str, str] = {}
    tools, other = server.tools, server.call_other_tool

    async def call_other(name: str, arguments: JsonObject, session: Session[Any, Any]) -> Any:
        definition = (session.offered or {}).get(name)
        with _noted(crashes, name, arguments, definition["parameters"] if definition else None):
            pool = pool_of(other)
            args = (name, arguments, session)
            value = other(*args) if pool is None else await run_blocking(pool, other, *args)
            value = await value if is_awaitable(value) else value
            if not isinstance(value, Step):
                result_of(value)
            return value

    server.tools = {name: _watched(tool, crashes) for name, tool in tools.items()}
    vars(server)["call_other_tool"] = call_other
    try:
        yield crashes
    finally:
        server.tools = tools
        del vars(server)["call_other_tool"]


def _watched(tool: Tool, crashes: dict[str, str]) -> Tool:
    class Watched(Tool):
        """The tool, whose errors are noted."""

        async def invoke(self, server: object, arguments: JsonObject, session: Session[Any, Any]) -> Any:
            with _noted(crashes, tool.name, arguments, tool.parameters):
                value = await settled(tool.invoke(server, arguments, session))
                if not isinstance(value, Step):
                    result_of(value)
                return value

    return Watched(**{field.name: getattr(tool, field.name) for field in fields(tool)})


@contextmanager
def _noted(crashes: dict[str, str], name: str, arguments: JsonObject, schema: JsonObject | None) -> Iterator[None]:
    try:
        yield
    except (ToolError, RolloutFailure):
        raise
    except Exception as error:
        if schema is not None and explain_mismatch(name, arguments, schema) is None:
            crashes.setdefault(
                name,
                f"{name} raised {shorten(describe(error))} for {shorten(arguments)}, which its schema allows;"
                " raise ToolError for what the model does wrong",
            )
        raise
