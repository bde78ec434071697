"""A small environment with an agent and a model, for tests: rollouts write into a notebook of their own."""

import asyncio
from dataclasses import dataclass, field
from typing import Any, TypeVar

from polygym.protocol.calls import Directory, ResourcesSession, RolloutContext
from polygym.protocol.items import function_call, function_call_output, function_calls, output_message
from polygym.protocol.json import JsonObject
from polygym.protocol.responses import new_id, new_response, new_usage
from polygym.protocol.views import RolloutView
from polygym.servers.agents import AgentServer
from polygym.servers.base import Server
from polygym.servers.models import ModelServer
from polygym.servers.resources import ResourcesServer, Verification
from polygym.servers.sessions import Session, TaskFields
from polygym.servers.tools import ToolError, tool

ServerT = TypeVar("ServerT", bound=Server)


class NotebookTask(TaskFields):
    expected: str
    """What the notebook must hold in the end."""


@dataclass
class NotebookState:
    lines: list[str] = field(default_factory=list)


class Notebook(ResourcesServer[NotebookTask, NotebookState]):
    """Rewards a notebook that holds what the row expects."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.closed: list[str] = []
        """Rollout ids of the closed sessions, in order."""

    def seed_session(self, session: Session[NotebookTask, NotebookState]) -> JsonObject:
        return {"first": f"write {session.task.expected}"}

    @tool
    async def write(self, text: str, session: Session[NotebookTask, NotebookState]) -> dict[str, Any]:
        """Write a line.

        Args:
            text: The line.
        """
        await asyncio.sleep(0)
        session.state.lines.append(text)
        return {"lines": len(session.state.lines)}

    @tool
    def read(self, session: Session[NotebookTask, NotebookState]) -> str:
        """Read everything."""
        return " ".join(session.state.lines)

    @tool
    def erase(self, line: int, session: Session[NotebookTask, NotebookState]) -> str:
        """Erase a line."""
        if line >= len(session.state.lines):
            raise ToolError(f"there are {len(session.state.lines)} lines only")
        return session.state.lines.pop(line)

    @tool
    def tear(self) -> str:
        """Fail."""
        raise KeyError("torn")

    def verify(self, rollout: RolloutView, session: Session[NotebookTask, NotebookState]) -> Verification:
        text = " ".join(session.state.lines)
        return Verification(float(text == session.task.expected), fields={"text": text})

    async def close_session(self, session: Session[NotebookTask, NotebookState]) -> None:
        await asyncio.sleep(0)
        self.closed.append(session.rollout_id)


class Writer(ModelServer):
    """A model that writes the words of the user's message one by one, then says so."""

    async def responses(self, params: JsonObject, context: RolloutContext) -> JsonObject:
        items = params["input"] if isinstance(params["input"], list) else [{"content": params["input"]}]
        words = items[0]["content"].split()
        done = sum(item.get("type") == "function_call_output" for item in items)
        if done < len(words):
            arguments = f'{{"text": "{words[done]}"}}'
            output = [function_call("write", arguments, call_id=new_id("call"), item_id=new_id("fc"))]
        else:
            output = [output_message("written", message_id=new_id("msg"))]
        return new_response(params, output, model="writer", usage=new_usage(1, 1))


class Scribe(AgentServer):
    """An agent that does what the model says until it calls no tool."""

    async def act(self, params: JsonObject, session: ResourcesSession, context: RolloutContext) -> JsonObject:
        model = self.directory.model(self.config.model_server)
        items = [{"role": "user", "content": params["input"]}]
        while True:
            response = await model.responses({**params, "input": items}, context)
            items += response["output"]
            calls = list(function_calls(response["output"]))
            for call in calls:
                result = await session.call_tool(call.name, call.arguments)
                items.append(function_call_output(call.call_id, result.output))
            if not calls:
                return {**response, "output": items[1:]}


class Nobody:
    """A directory without servers."""

    def resources(self, ref: Any) -> Any:
        raise KeyError(ref.name)

    def model(self, ref: Any) -> Any:
        raise KeyError(ref.name)

    def agent(self, ref: Any) -> Any:
        raise KeyError(ref.name)


def made(server_class: type[ServerT], name: str = "it", directory: Directory | None = None, **fields: Any) -> ServerT:
    """A server as a fleet makes it."""
    config = server_class.parse_config(fields, "test.yaml:1")
    return server_class(name, config, directory if directory is not None else Nobody())


def row(expected: str, text: str | None = None, *, tools: list[JsonObject] | None = None, **fields: Any) -> JsonObject:
    """A task that wants `expected` written and asks the model for `text`, by default the same."""
    params = {"input": text or expected, **({} if tools is None else {"tools": tools})}
    return {"responses_create_params": params, "expected": expected, **fields}


def answer(*output: JsonObject) -> JsonObject:
    """A finished Response."""
    return new_response({}, list(output), model="test")
