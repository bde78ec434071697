"""Options that take a number for all agents, one for each of some agents, or both: `8`, `math=4,code=2`, `8,math=4`."""

import re
from collections.abc import Iterable
from typing import Annotated, Any, Final, Generic, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PositiveInt, field_validator

NumberT = TypeVar("NumberT")


AUTO: Final = "auto"


def read_by_agent(given: Any) -> Any:
    """`{plain, agents}` of an option's text, of a bare value or of a mapping. Raises ValueError for any other text."""
    if isinstance(given, str):
        return _read_text(given)
    if isinstance(given, dict):
        return {"agents": given}
    return {} if given is None else {"plain": given}


def _read_text(text: str) -> dict[str, Any]:
    read: dict[str, Any] = {"agents": {}}
    for part in text.split(","):
        name, separator, value = (each.strip() for each in part.rpartition("="))
        if value != AUTO and not re.fullmatch(r"[-+]?[\d.]+(e[-+]?\d+)?", value):
            raise ValueError(f"'{value}' is neither a number nor AGENT=NUMBER,AGENT=NUMBER")
        if (not separator and "plain" in read) or (separator and (not name or name in read["agents"])):
            raise ValueError("one number for all, and one for each agent, in the form AGENT=NUMBER,AGENT=NUMBER")
        if separator:
            read["agents"][name] = value
        else:
            read["plain"] = value
    return read


class ByAgent(BaseModel, Generic[NumberT]):
    """A number for all agents, numbers for single ones, or both."""

    model_config = ConfigDict(extra="forbid")

    plain: NumberT | None = None
    """For agents that are not in `agents`; None leaves them as they are."""
    agents: dict[str, NumberT] = {}

    def of(self, agents: Iterable[str]) -> dict[str, NumberT]:
        """The number of each of those agents that has one."""
        found = {agent: self.agents.get(agent, self.plain) for agent in agents}
        return {agent: number for agent, number in found.items() if number is not None}


class Concurrency(BaseModel):
    """Rollouts in flight: those of the run, and how many of them may be one agent's."""

    model_config = ConfigDict(extra="forbid")

    plain: PositiveInt | None = 256
    """None (`auto`) has the run find out by itself."""
    agents: dict[str, PositiveInt] = {}

    @field_validator("plain", mode="before")
    @classmethod
    def auto_is_no_number(cls, value: Any) -> Any:
        """Read `auto`."""
        return None if value == AUTO else value


PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Counts = Annotated[ByAgent[PositiveInt], BeforeValidator(read_by_agent)]
Numbers = Annotated[ByAgent[PositiveFloat], BeforeValidator(read_by_agent)]
Limits = Annotated[Concurrency, BeforeValidator(read_by_agent)]
