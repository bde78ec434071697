"""An environment for tests whose tools come from the row: some of its methods, and definitions in the data."""

from typing import Any

from polygym.protocol.json import JsonObject
from polygym.protocol.views import RolloutView
from polygym.servers.resources import ResourcesServer
from polygym.servers.sessions import Session, TaskFields
from polygym.servers.tools import ToolError, tool

LEND: JsonObject = {
    "name": "lend",
    "description": "Lend a book.",
    "parameters": {
        "type": "object",
        "properties": {"book": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
        "required": ["book"],
        "additionalProperties": False,
    },
}


class ShelfTask(TaskFields):
    methods: tuple[str, ...] = ()
    """Names of methods that are offered."""
    catalogue: tuple[Any, ...] = ()
    """Definitions that are offered."""


class Shelf(ResourcesServer[ShelfTask, list[Any]]):
    """Takes any call of what the row offers; the reward is the number of calls carried out."""

    def offered_tools(self, session: Session[ShelfTask, list[Any]]) -> Any:
        return [*(self.tools[name] for name in session.task.methods), *session.task.catalogue]

    @tool
    def count(self, session: Session[ShelfTask, list[Any]]) -> int:
        """Count the calls so far."""
        return len(session.state)

    @tool
    def dust(self, shelf: int, session: Session[ShelfTask, list[Any]]) -> str:
        """Dust a shelf."""
        session.state.append(("dust", shelf))
        return f"dusted {shelf}"

    def call_other_tool(self, name: str, arguments: JsonObject, session: Session[ShelfTask, list[Any]]) -> Any:
        if arguments.get("book") == "Ulysses":
            raise ToolError("Ulysses is lent already")
        session.state.append((name, arguments))
        return {"done": name, **arguments}

    def verify(self, rollout: RolloutView, session: Session[ShelfTask, list[Any]]) -> float:
        return float(len(session.state))
