"""A session: one rollout's task and state inside one resources server."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic

from pydantic import BaseModel, ConfigDict
from typing_extensions import TypeVar

from polygym.protocol.json import JsonObject


class TaskFields(BaseModel):
    """The dataset row, as a resources server sees it. Subclass it to declare and check your own fields.

    Fields that are not declared stay readable as attributes, unchecked.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    responses_create_params: JsonObject = {}
    """What the model is asked."""


TaskT = TypeVar("TaskT", bound=TaskFields, default=TaskFields)
StateT = TypeVar("StateT", default=Any)


@dataclass(slots=True, weakref_slot=True)
class Session(Generic[TaskT, StateT]):
    """Made at seed, handed to every tool and to `verify`, released afterwards."""

    rollout_id: str
    """Of the rollout it belongs to; unique in a run."""
    task: TaskT
    """The row's fields."""
    state: StateT
    """The server's own state for this rollout; None when the server declares none."""
    offered: Mapping[str, JsonObject] | None = None
    """Definitions of the tools that `offered_tools` chose for this rollout, by name; None when it isn't overridden."""
