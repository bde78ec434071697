"""The tools that one rollout is offered when an environment chooses them for its task."""

from collections.abc import Iterable, Mapping
from typing import Any

from polygym.protocol.json import JsonObject
from polygym.servers.tools import Tool, check_tool_name


def offer_of(
    chosen: Iterable[Tool | JsonObject], own: Mapping[str, Tool], *, has_catch_all: bool
) -> dict[str, JsonObject]:
    """The definitions of the chosen tools, by name, in their order; `own` are the server's methods.

    Raises TypeError for what is no tool, and for one that nothing carries out.
    """
    offered: dict[str, JsonObject] = {}
    for each in chosen:
        definition = _definition(each, own)
        name = definition["name"]
        if name in offered:
            raise TypeError(f"offered_tools: {name!r} is offered twice")
        if name not in own and not has_catch_all:
            raise TypeError(f"offered_tools: nothing carries out {name!r}: it is no @tool; override call_other_tool")
        offered[name] = definition
    return offered


def _definition(given: Any, own: Mapping[str, Tool]) -> JsonObject:
    if isinstance(given, Tool):
        if own.get(given.name) is not given:
            raise TypeError(f"offered_tools: {given.name!r} is a tool of another server")
        return given.definition()
    if not isinstance(given, dict):
        raise TypeError(f"offered_tools must give tools of `self.tools` or definitions, not {type(given).__name__}")
    name, parameters = given.get("name"), given.get("parameters")
    if not isinstance(name, str):
        raise TypeError('offered_tools: a definition is {"name": …, "description": …, "parameters": <JSON Schema>}')
    check_tool_name(name)
    if parameters is not None and not isinstance(parameters, dict):
        raise TypeError(f"offered_tools: 'parameters' of {name!r} must be a JSON Schema, an object")
    definition = {"type": "function", "description": "", "strict": False, **given}
    if not parameters:
        definition["parameters"] = {"type": "object", "properties": {}}
    return definition
