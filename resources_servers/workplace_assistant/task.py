"""What a row of this environment holds."""

from datetime import datetime
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, Field, model_validator

from polygym import JsonObject, Session, TaskFields
from resources_servers.workplace_assistant.answers import Answer
from resources_servers.workplace_assistant.company import COMPANIES
from resources_servers.workplace_assistant.database import Database

Toolkit: TypeAlias = Literal["email", "calendar", "directory", "contacts", "projects", "customers", "analytics"]
TOOLKITS: tuple[Toolkit, ...] = ("email", "calendar", "directory", "contacts", "projects", "customers", "analytics")
"""Groups of tools; the name of a tool begins with its group's."""


class Action(BaseModel):
    """A tool call."""

    name: str
    arguments: JsonObject = {}


class WorkplaceTask(TaskFields):
    """A request to the assistant of somebody in one of the companies."""

    id: int
    category: str
    """Which template it was made from."""
    company: int = Field(ge=0, lt=COMPANIES)
    """Whose mails, events, tasks, customers and visits there are."""
    now: datetime
    """When the request is made; mails that the assistant sends carry this time."""
    toolkits: Annotated[list[Toolkit], Field(min_length=1)] | None = None
    """The groups of tools that are offered; all when it is left out."""
    ground_truth: tuple[Action, ...] = ()
    """Actions after which the database is as it should be; none when nothing is to change."""
    expected_answer: Answer | None = None
    """What the last message has to say; None when nothing was asked."""
    look_ups: tuple[Action, ...] = ()
    """Calls that change nothing and show what has to be known. Not part of the reward."""
    temptation: tuple[Action, ...] = ()
    """What somebody would do who does not check the request's condition. Not part of the reward."""

    @model_validator(mode="after")
    def asks_for_something(self) -> "WorkplaceTask":
        """A row that asks for nothing would reward doing nothing."""
        if not self.ground_truth and self.expected_answer is None:
            raise ValueError("give ground_truth, expected_answer or both")
        return self


Desk: TypeAlias = Session[WorkplaceTask, Database]
"""One rollout of it, as tools and verifier get to see it."""
